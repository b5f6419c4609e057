"""What strict as-of labels cost and what a hazard model gets back: SBA loans of the year after a cut-off.

``python -m bezant.benchmarks.timing --cutoff 2004-01-01`` trains on loans approved from 1990 to the cut-off,
drawn once, the same for every row of the table:

* hindsight: the final labels, which nobody had at the cut-off;
* as known: charged off by the cut-off or not, all loans alike;
* seasoned: loans at least 36 months old, default within 36 months of approval;
* hazard: all loans, with how long each was observed (PDTermStructure), beside its traditional rivals; with
  defaults up to an age of 36 months, and up to 120.

They are judged on all loans approved in the year after the cut-off: default within 36 months, by the date of
charge-off, and default ever, by the final status (a hazard gives its probability at its horizon for that). A
charge-off that was later undone (the final status is paid in full) was a charge-off at its time and counts as
one by date. The few charged-off loans without a date are left out. ``Term`` is neither input nor end of
observation: charge-off cuts it short.

No labels are free of one hindsight: the source holds no loan that was still open at its snapshot in 2014.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from typing import Any

import pandas as pd

from bezant.datasets import DATASETS
from bezant.datasets.cache import cached_table
from bezant.desks.credit import CreditRisk
from bezant.desks.durations import at_months
from bezant.desks.term_structure import PDTermStructure
from bezant.histories import labels_as_of
from bezant.histories.labels_as_of import LabelsAsOf
from bezant.metrics.classification import log_loss, roc_auc
from bezant.types import AnyArray, FloatArray

FIRST, MONTH, PERIOD, HORIZONS = "1990-01-01", 36.0, 6.0, (36.0, 120.0)
SNAPSHOT = "2014-01-01"
"""By then every loan of the test years had been watched for more than 36 months."""

HEAD = (
    "| labels | training rows | events | mean PD | AUC, 36 months | log loss | AUC, ever | log loss "
    "| seconds |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


def loans() -> pd.DataFrame:
    """Return the typed SBA loans with all their columns, without charge-offs that have no date."""
    table = cached_table(DATASETS["sba-loans"], raw=False).to_pandas()
    undated = (table["default"] == 1) & table["ChgOffDate"].isna()
    frame: pd.DataFrame = table[~undated & (table["ApprovalDate"] >= FIRST)]
    return frame


def inputs(frame: pd.DataFrame) -> pd.DataFrame:
    """Return what was known at approval, and the date that orders the rows."""
    task = DATASETS["sba-loans"].task
    return frame.drop(columns=[task.target, *task.drop])


class Judge:
    """The loans of the year after a cut-off, with the outcomes that came."""

    def __init__(self, frame: pd.DataFrame, cutoff: str) -> None:
        end = pd.Timestamp(cutoff) + pd.DateOffset(years=1)
        rows = frame[(frame["ApprovalDate"] >= cutoff) & (frame["ApprovalDate"] < end)]
        truth = labels_as_of(rows["ApprovalDate"], rows["ChgOffDate"], cutoff=SNAPSHOT)
        self.X = inputs(rows)
        self.within = truth.within(MONTH)[0].astype(float)
        self.ever = rows["default"].to_numpy(float)

    def line(
        self, name: str, rows: int, events: float, p: FloatArray, ever: FloatArray, seconds: float
    ) -> str:
        """Return a row of the table: ``p`` for default within 36 months, ``ever`` for default ever."""
        return (
            f"| {name} | {rows:,} | {int(events):,} | {p.mean():.4f} | {roc_auc(self.within, p):.4f} | "
            f"{log_loss(self.within, p):.4f} | {roc_auc(self.ever, ever):.4f} | "
            f"{log_loss(self.ever, ever):.4f} | {seconds:.0f} |"
        )


def binary_line(judge: Judge, name: str, train: pd.DataFrame, y: AnyArray, **settings: Any) -> str:
    """Fit :class:`CreditRisk` to labels and return its row of the table."""
    start = time.perf_counter()
    risk = CreditRisk(time="ApprovalDate", benchmark=False, progress=False, **settings)
    p = risk.fit(inputs(train), y).predict_proba(judge.X)[:, 1]
    return judge.line(name, len(y), y.sum(), p, p, time.perf_counter() - start)


def hazard_lines(
    judge: Judge, train: pd.DataFrame, known: LabelsAsOf, horizon: float, **settings: Any
) -> Iterator[str]:
    """Fit :class:`PDTermStructure` to durations and return its row and those of its rivals."""
    start = time.perf_counter()
    curves = PDTermStructure(
        time="ApprovalDate", period=PERIOD, horizon=horizon, progress=False, **settings
    ).fit(inputs(train), known.duration, known.event)
    seconds = time.perf_counter() - start  # of all three models
    for name, p in curves.by_then(judge.X).items():
        ages = at_months(p, (MONTH, horizon), PERIOD)
        events = (known.event & (known.duration <= horizon)).sum()
        yield judge.line(
            f"hazard to {horizon:.0f} months, {name}", len(train), events, ages[:, 0], ages[:, 1], seconds
        )


def compare(cutoff: str, rows: int, **settings: Any) -> Iterator[str]:
    """Give the table line by line, each when its model is fitted."""
    frame = loans()
    judge = Judge(frame, cutoff)
    before = frame[frame["ApprovalDate"] < cutoff]
    train = before.sample(min(rows, len(before)), random_state=0)
    known = labels_as_of(train["ApprovalDate"], train["ChgOffDate"], cutoff=cutoff)
    bad, decided = known.within(MONTH)
    yield (
        f"Cut-off {cutoff}: {len(judge.X):,} loans of the following year, {judge.within.mean():.4f} default "
        f"within 36 months, {judge.ever.mean():.4f} ever.\n\n{HEAD}"
    )
    yield binary_line(judge, "seasoned", train[decided], bad[decided].astype(int), **settings)
    for horizon in HORIZONS:
        yield from hazard_lines(judge, train, known, horizon, **settings)
    yield binary_line(judge, "as known", train, known.event.astype(int), **settings)
    yield binary_line(judge, "hindsight", train, train["default"].to_numpy(), **settings)


def main() -> None:
    """Print the table of one cut-off."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cutoff", default="2004-01-01", help="Day on which the models are fitted.")
    parser.add_argument("--rows", type=int, default=40_000, help="Training rows.")
    parser.add_argument("--size", default="small", help="Size of the networks.")
    parser.add_argument("--seed", type=int, default=0, help="Seed of the networks; the rows stay the same.")
    given = parser.parse_args()
    for line in compare(given.cutoff, given.rows, size=given.size, random_state=given.seed):
        print(line, flush=True)


if __name__ == "__main__":
    main()
