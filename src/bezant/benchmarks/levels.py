"""The level of default within 36 months that was known at a cut-off, and what then came: SBA loans, counted.

``python -m bezant.benchmarks.levels`` fits nothing. It draws up life tables of all loans approved from 1990
to the cut-off, once from their whole lives up to then and once from the last 24 months of calendar time
alone, with exposure counted to the month, and sets them beside what came of the loans of the following year.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd

from bezant.benchmarks.timing import SNAPSHOT, loans
from bezant.histories import LabelsAsOf, labels_as_of
from bezant.types import FloatArray

MONTH, RECENT = 36, 24
CUTOFFS = ("1999-01-01", "2001-01-01", "2004-01-01", "2006-01-01")

HEAD = (
    "| cut-off | of loans 36 months old | life table, all years | life table, last 24 months | came |\n"
    "|---|---|---|---|---|"
)


def life_table(known: LabelsAsOf, recent: float) -> FloatArray:
    """Return the probability of default by the end of each month of age, shape (36,).

    Parameters
    ----------
    known : LabelsAsOf
        Of n loans.
    recent : float
        Months before the end of observation that count; infinity for all.
    """
    rows = known.known
    duration, event, followed = known.duration[rows], known.event[rows], known.followed[rows]
    hazards = np.zeros(MONTH)
    for age in range(MONTH):
        begin = np.maximum(age, followed - recent)
        exposure = np.clip(np.minimum(age + 1, duration) - begin, 0, None).sum()
        came = event & (duration >= age) & (duration < age + 1) & (duration >= followed - recent)
        hazards[age] = came.sum() / max(exposure, 1e-12)
    return np.asarray(-np.expm1(-hazards.cumsum()))


def line(frame: pd.DataFrame, cutoff: str) -> str:
    """Return the row of a cut-off."""
    known = labels_as_of(frame["ApprovalDate"], frame["ChgOffDate"], cutoff=cutoff)
    bad, decided = known.within(MONTH)
    end = pd.Timestamp(cutoff) + pd.DateOffset(years=1)
    later = frame[(frame["ApprovalDate"] >= cutoff) & (frame["ApprovalDate"] < end)]
    came = labels_as_of(later["ApprovalDate"], later["ChgOffDate"], cutoff=SNAPSHOT).within(MONTH)[0]
    rates = (bad[decided].mean(), life_table(known, np.inf)[-1], life_table(known, RECENT)[-1], came.mean())
    return f"| {cutoff} | " + " | ".join(f"{100 * rate:.2f} %" for rate in rates) + " |"


def main() -> None:
    """Print the table."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    frame = loans()
    print(HEAD)
    for cutoff in CUTOFFS:
        print(line(frame, cutoff), flush=True)


if __name__ == "__main__":
    main()
