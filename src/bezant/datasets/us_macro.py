"""Quarterly figures of the economy of the United States, 1959 to 2009, as in the package statsmodels."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from bezant.datasets.columns import read_csv_as_text, replace
from bezant.datasets.task import Dataset, Package, Task

STATSMODELS_SHA256 = "b67886b66d9c7ca118526accedb5c6de7ffd74c015dc0492ea0b1690192b65da"
LAST_DAY = {"1": "-03-31", "2": "-06-30", "3": "-09-30", "4": "-12-31"}


def read(data: bytes) -> pa.Table:
    """Return the columns as text, with the last day of the quarter as ``time`` before them."""
    table = read_csv_as_text(data)
    quarters = zip(table["year"].to_pylist(), table["quarter"].to_pylist(), strict=True)
    days = [year + LAST_DAY[quarter] for year, quarter in quarters]
    return table.drop_columns(["year", "quarter"]).add_column(0, "time", pa.array(days))


def convert(source: pa.Table) -> pa.Table:
    """Return days as timestamps and figures as float64."""
    table = replace(source, source.column_names[1:], lambda column: column.cast(pa.float64()))
    return replace(table, ["time"], lambda column: pc.strptime(column, format="%Y-%m-%d", unit="us"))


US_MACRO = Dataset(
    title="203 quarters of 12 figures of the American economy, 1959-2009",
    rows=203,
    task=Task(
        name="us-macro",
        target=None,
        positive="Growth, inflation, unemployment and the rate of treasury bills one to four quarters ahead.",
        time="time",
        drop={},
        source="FRED and the Bureau of Labor Statistics, compiled by S. Seabold on 15 December 2009, as in "
        "the package statsmodels",
        licence="public domain; the wheel statsmodels around it is BSD-3; nothing of it ships with bezant",
        notes=(
            "These are figures as revised by December 2009, not as first published: what is forecast with "
            "them is better than what could have been forecast then.",
            "time is the last day of the quarter; gross domestic product came out about 30 days later, "
            "prices and unemployment about 15: join them as of those lags.",
            "infl is 400 times the change of the logarithm of cpi, and realint is tbilrate - infl: they are "
            "not further series. Both are 0 in the first quarter, where no quarter is before.",
            "m1 and pop are trends; the first quarters of 2009 lie outside all that was seen before.",
        ),
    ),
    source=Package(
        name="statsmodels",
        version="0.15.0",
        filename="statsmodels-0.15.0-cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl",
        sha256=STATSMODELS_SHA256,
        member="statsmodels/datasets/macrodata/macrodata.csv",
    ),
    read=read,
    convert=convert,
)
