"""Moody's yields of corporate bonds rated Aaa and Baa, as in the package arch."""

from __future__ import annotations

from bezant.datasets.arch_series import AROUND, arch_file, converting, reading
from bezant.datasets.task import Dataset, Task

DEFAULT_SPREADS = Dataset(
    title="1,200 months of Moody's Aaa and Baa yields, 1919-2018, in percent a year",
    rows=1_200,
    task=Task(
        name="default-spreads",
        target=None,
        positive="Yields one month to a year ahead, and the spread between them.",
        time="time",
        drop={},
        source="Moody's, by FRED (AAA, BAA), as in the package arch",
        licence=f"copyright Moody's, research and teaching only; {AROUND}",
        notes=(
            "A row is the mean of its month's days and is dated by the first of them: it is known when the "
            "month has ended, so as a covariate it needs a lag of about a month.",
            "A mean of days is smooth: each change has a correlation of .3 with the one before, which is "
            "what means make of a random walk (.25; Working 1960) and no forecast anybody could have traded "
            "on.",
            "baa - aaa is the default spread.",
        ),
    ),
    source=arch_file("default"),
    read=reading({"Date": "time", "AAA": "aaa", "BAA": "baa"}),
    convert=converting("%m/%d/%Y"),
)
