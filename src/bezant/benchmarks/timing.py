"""What strict as-of labels cost and what a hazard model gets back: SBA loans of the year after a cut-off.

``python -m bezant.benchmarks.timing --cutoff 2004-01-01`` trains on loans approved from 1990 to the cut-off,
drawn once, the same for every row of the table; the question is default within 12, 24 and 36 months:

* hindsight: whether it came, which nobody knew at the cut-off;
* as known: whether it had come by the cut-off, all loans alike;
* seasoned: the same of loans that were old enough for it to be decided;
* hazard: all loans, with how long each was observed (PDTermStructure), at the level of the last 24 months,
  beside its traditional rivals; and once at the mean level of all years.

They are judged on all loans approved in the year after the cut-off, by the date of charge-off. A charge-off
that was later undone (the final status is paid in full) was a charge-off at its time and counts as one. The
few charged-off loans without a date are left out. ``Term`` is neither input nor end of observation:
charge-off cuts it short. Where fewer than 50 training loans defaulted, no classifier is fitted.

No labels are free of one hindsight: the source holds no loan that was still open at its snapshot in 2014.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from bezant.datasets import DATASETS
from bezant.datasets.cache import cached_table
from bezant.desks.credit.credit_risk import CreditRisk
from bezant.desks.over_time.durations import at_months
from bezant.desks.over_time.levels import at_level
from bezant.desks.over_time.term_structure import LARGE, PDTermStructure
from bezant.histories import labels_as_of
from bezant.histories.labels_as_of import LabelsAsOf
from bezant.metrics.classification import log_loss, roc_auc
from bezant.types import BoolArray, FloatArray

FIRST, MONTHS, PERIOD = "1990-01-01", (12.0, 24.0, 36.0), 6.0
SNAPSHOT = "2014-01-01"
"""By then every loan of the test years had been watched for more than 36 months."""

FEWEST = 50
"""Fewest defaults to learn from."""

HEAD = (
    "| labels | months | training loans | defaults | mean PD | AUC | log loss | seconds |\n"
    "|---|---|---|---|---|---|---|---|"
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
        self.within = {m: truth.within(m)[0].astype(float) for m in MONTHS}

    def line(self, name: str, month: float, learned: BoolArray, p: FloatArray, seconds: float) -> str:
        """Return a row of the table: of the loans learned from, whether each defaulted; and ``p`` (n,)."""
        y = self.within[month]
        return (
            f"| {name} | {month:.0f} | {len(learned):,} | {int(learned.sum()):,} | {p.mean():.4f} | "
            f"{roc_auc(y, p):.3f} | {log_loss(y, p):.4f} | {seconds:.0f} |"
        )

    def came(self) -> str:
        """Return what came, as rows of the table."""
        rows = []
        for month, y in self.within.items():
            rate = np.full(len(y), y.mean())
            rows.append(f"| *what came* | {month:.0f} | | | {y.mean():.4f} | | {log_loss(y, rate):.4f} | |")
        return "\n".join(rows)


def binary_line(
    judge: Judge, name: str, month: float, train: pd.DataFrame, y: BoolArray, **settings: Any
) -> str:
    """Fit :class:`CreditRisk` to labels and return its row of the table."""
    if y.sum() < FEWEST:
        return f"| {name} | {month:.0f} | {len(y):,} | {int(y.sum()):,} | | | too few | |"
    start = time.perf_counter()
    risk = CreditRisk(time="ApprovalDate", benchmark=False, progress=False, **settings)
    p = risk.fit(inputs(train), y.astype(int)).predict_proba(judge.X)[:, 1]
    return judge.line(name, month, y, p, time.perf_counter() - start)


def hazard_lines(judge: Judge, train: pd.DataFrame, known: LabelsAsOf, **settings: Any) -> Iterator[str]:
    """Fit :class:`PDTermStructure` to durations and return its rows and those of its rivals."""
    start = time.perf_counter()
    curves = PDTermStructure(
        time="ApprovalDate", period=PERIOD, horizon=max(MONTHS), progress=False, **settings
    ).fit(inputs(train), known.duration, known.event)
    seconds = time.perf_counter() - start  # of all three models
    answers = {f"hazard, {name}": p for name, p in curves.by_then(judge.X).items()}
    mean_level = at_level(answers[f"hazard, {LARGE}"], 1 / curves.levels_[LARGE])
    answers[f"hazard, {LARGE}, level of all years"] = mean_level
    for name, p in answers.items():
        for month, at in zip(MONTHS, at_months(p, MONTHS, PERIOD).T, strict=True):
            yield judge.line(name, month, known.event & (known.duration <= month), at, seconds)


def compare(cutoff: str, rows: int, **settings: Any) -> Iterator[str]:
    """Give the table line by line, each when its model is fitted."""
    frame = loans()
    judge = Judge(frame, cutoff)
    before = frame[frame["ApprovalDate"] < cutoff]
    train = before.sample(min(rows, len(before)), random_state=0)
    known = labels_as_of(train["ApprovalDate"], train["ChgOffDate"], cutoff=cutoff)
    final = labels_as_of(train["ApprovalDate"], train["ChgOffDate"], cutoff=SNAPSHOT)
    yield f"Cut-off {cutoff}: {len(judge.X):,} loans of the following year.\n\n{HEAD}\n{judge.came()}"
    yield from hazard_lines(judge, train, known, **settings)
    for month in MONTHS:
        bad, decided = known.within(month)
        yield binary_line(judge, "seasoned", month, train[decided], bad[decided], **settings)
        yet = known.event & (known.duration <= month)
        yield binary_line(judge, "as known", month, train, yet, **settings)
        yield binary_line(judge, "hindsight", month, train, final.within(month)[0], **settings)


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
