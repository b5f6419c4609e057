"""Bars to test with: of real markets where they are cached, and drawn ones that need nothing."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from bezant import datasets
from bezant.datasets.cache import cached_path


def drawn_bars(rows: int = 400, assets: tuple[str, ...] = ("A", "B"), seed: int = 0) -> pa.Table:
    """A table of bars: volatility comes in clusters, ranges hold open and close, B starts later."""
    random = np.random.default_rng(seed)
    parts = []
    for k, asset in enumerate(assets):
        n = rows - 40 * k
        volatility = 0.01 * np.exp(0.5 * np.sin(np.arange(n) / 15))
        close = 50 * np.exp(np.cumsum(random.normal(0, 1, n) * volatility))
        open_ = np.append(close[0], close[:-1]) * np.exp(random.normal(0, 0.3, n) * volatility)
        spread = np.exp(np.abs(random.normal(0, 0.5, (2, n))) * volatility)
        days = np.datetime64("2001-01-01") + np.arange(rows - n, rows)
        parts.append(
            pa.table(
                {
                    "asset": [asset] * n,
                    "time": days.astype("datetime64[us]"),
                    "open": open_,
                    "high": np.maximum(open_, close) * spread[0],
                    "low": np.minimum(open_, close) / spread[1],
                    "close": close,
                    "volume": random.integers(1, 1000, n).astype(np.float64),
                }
            )
        )
    return pa.concat_tables(parts)


def cached(name: str) -> pa.Table:
    if not cached_path(datasets.DATASETS[name], raw=False).exists():
        pytest.skip(f"{name} is not in the cache; bezant.datasets.load({name!r}) fetches it")
    return datasets.load_table(name)
