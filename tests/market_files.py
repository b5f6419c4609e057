"""Real market data as the packages arch and skfolio ship it: no network, no cache."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd


def _file(package: str, *parts: str) -> Path:
    spec = find_spec(package)
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent.joinpath(*parts)


@cache
def sp500() -> pd.Series:
    """Daily log returns of the S&P 500, 1999 to 2018, in fractions."""
    frame = pd.read_csv(
        _file("arch", "data", "sp500", "sp500.csv.gz"), parse_dates=["Date"], index_col="Date"
    )
    return np.log(frame["Adj Close"]).diff().dropna()


@cache
def twenty_stocks() -> pd.DataFrame:
    """Daily simple returns of 20 stocks, 1990 to 2022, in fractions; a column a stock."""
    file = _file("skfolio", "datasets", "data", "sp500_dataset.csv.gz")
    return pd.read_csv(file, parse_dates=[0], index_col=0).pct_change().dropna()


def ewma_variance(returns: np.ndarray, decay: float = 0.94) -> np.ndarray:
    """Variance forecast for each row from the rows before it alone; the first is the sample's."""
    variance = np.empty_like(returns)
    variance[0] = returns[:250].var(axis=0)
    for t in range(1, len(returns)):
        variance[t] = decay * variance[t - 1] + (1 - decay) * returns[t - 1] ** 2
    return variance
