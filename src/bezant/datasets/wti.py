"""The spot price of crude oil (West Texas Intermediate), as in the package arch."""

from __future__ import annotations

from bezant.datasets.arch_series import AROUND, arch_file, converting, reading
from bezant.datasets.task import Dataset, Task

WTI = Dataset(
    title="8,611 days of the price of crude oil (WTI), 1986-2019",
    rows=8_611,
    task=Task(
        name="wti",
        target=None,
        positive="The distribution of the coming days' returns.",
        time="time",
        drop={},
        source="U.S. Energy Information Administration, by FRED (DCOILWTICO), as in the package arch",
        licence=f"public domain (EIA); {AROUND}",
        notes=(
            "Closes only: there is no range, so variance has to be learned from squared returns.",
            "290 holidays have a row without a price; leave them out before returns are taken.",
            "It is a spot price at Cushing: nobody held it at these returns (futures roll). In April 2020, "
            "after these rows, it was negative, where a logarithm ends.",
            "FRED publishes a day about a week later: as a covariate it needs that lag.",
        ),
    ),
    source=arch_file("wti"),
    read=reading({"Date": "time", "DCOILWTICO": "close"}, asset="WTI", missing="."),
    convert=converting("%m/%d/%Y"),
)
