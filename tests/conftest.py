"""Settings of all tests: one thread a process, no deadlines on a machine that others share."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported by whatever needs it
os.environ.setdefault("MPLBACKEND", "agg")
os.environ.setdefault("COLUMNS", "100")

import pytest
import torch
from hypothesis import settings

from bezant.histories.market import Bars, read_bars
from market_files import twenty_stocks

settings.register_profile("bezant", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("bezant")


@pytest.fixture(autouse=True)
def _same_draws() -> None:
    """Draws of one test do not depend on which tests ran before it in the same process."""
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def bars() -> Bars:
    """Closes of two stocks since 2014; a file of tests that needs others has a fixture of its own."""
    prices = 100 * (1 + twenty_stocks()[["AAPL", "JPM"]].loc["2014":]).cumprod()
    long = prices.rename_axis("time").reset_index().melt("time", var_name="asset", value_name="close")
    return read_bars(long)
