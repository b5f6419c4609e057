"""The VIX, the volatility that prices of options on the S&P 500 imply, as in the package arch."""

from __future__ import annotations

from bezant.datasets.arch_series import AROUND, arch_file, converting, reading
from bezant.datasets.task import Dataset, Task

VIX = Dataset(
    title="1,305 daily closes of the VIX, 2014-2018, in percent a year",
    rows=1_305,
    task=Task(
        name="vix",
        target=None,
        positive="Nothing by itself: it is a covariate of volatility.",
        time="time",
        drop={},
        source="Cboe Global Markets, by FRED (VIXCLS), as in the package arch",
        licence=f"copyright Cboe, research and teaching only; {AROUND}",
        notes=(
            "It is in percent a year over 30 calendar days: (vix / 100)^2 / 252 is a variance of a day, and "
            "lies above the variance that follows, by a premium that moves.",
            "46 holidays have a row without a value.",
            "Its close comes 15 minutes after that of the shares.",
            "Five years only: a model that needs it has no 2008 to learn from.",
        ),
    ),
    source=arch_file("vix"),
    read=reading({"Date": "time", "vix": "vix"}, missing="."),
    convert=converting("%m/%d/%Y"),
)
