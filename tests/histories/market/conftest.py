"""Drawn bars of two assets, and the real index where it is cached."""

from __future__ import annotations

import pyarrow as pa
import pytest

from bezant.histories.market import Bars, read_bars
from market_support import cached, drawn_bars


@pytest.fixture
def table() -> pa.Table:
    return drawn_bars()


@pytest.fixture
def bars(table) -> Bars:
    return read_bars(table)


@pytest.fixture
def sp500() -> Bars:
    return read_bars(cached("sp500"))
