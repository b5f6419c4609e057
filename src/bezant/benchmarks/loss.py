"""Losses of the SBA's defaulted loans: the large model beside LightGBM, a fractional logit and the mean.

The fraction lost is the principal charged off over the amount paid out (ChgOffPrinGr over
DisbursementGross), cut off at 0 and 1. Run it with
``python -m bezant.benchmarks.loss``; parts and the number of rows can be chosen.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bezant.datasets import load_table
from bezant.desks.credit import CreditRisk
from bezant.desks.expected_loss import ExpectedLoss
from bezant.desks.severity import LARGE, LossSeverity
from bezant.metrics.regression import REGRESSION, skill
from bezant.types import FloatArray, InputError, IntArray

ROWS = 40_000
"""Defaulted loans drawn for a part, of 157,558: a fit then takes one to two minutes of one core."""

TESTED = 0.25
"""Share of the rows of a random part that are only judged."""

PAID = "DisbursementGross"
TIME = "ApprovalDate"

LAST_TRAINING_YEAR, LAST_TEST_YEAR = 2003, 2006
"""Of approval, in the out-of-time parts; they begin in 1990."""


@dataclass(frozen=True)
class LossRows:
    """Defaulted loans.

    Attributes
    ----------
    table : pyarrow.Table
        Application columns and the amount paid out.
    lost : float64 array, shape (n,)
        Fraction lost.
    year : integer array, shape (n,)
        Of approval.
    """

    table: pa.Table
    lost: FloatArray
    year: IntArray

    def take(self, rows: IntArray) -> LossRows:
        """Return some of them."""
        return LossRows(self.table.take(rows), self.lost[rows], self.year[rows])


def amounts(column: pa.ChunkedArray) -> FloatArray:
    """Return dollars written as "$1,234.00 " as float64."""
    return np.asarray(pc.replace_substring_regex(column, r"[$, ]", "").cast(pa.float64()).to_numpy())


def all_loans() -> LossRows:
    """Return every SBA loan; the fraction lost of those that were paid back is 0."""
    typed, raw = load_table("sba-loans"), load_table("sba-loans", raw=True)
    paid, charged_off = amounts(raw[PAID]), amounts(raw["ChgOffPrinGr"])
    defaulted = typed["default"].to_numpy() == 1
    lost = np.where(defaulted, np.clip(charged_off / np.maximum(paid, 1.0), 0, 1), 0.0)
    table = typed.append_column(PAID, pa.array(paid))
    return LossRows(table, lost, pc.year(typed[TIME]).to_numpy())


def defaulted_loans(loans: LossRows) -> LossRows:
    """Return those that defaulted, without the column that says so."""
    found = loans.take(np.flatnonzero(loans.table["default"].to_numpy() == 1))
    return LossRows(found.table.drop_columns(["default"]), found.lost, found.year)


# ------------------------------------------------------------------------------------------- parts


def random_part(rows: int, seed: int, *, with_paid: bool) -> Iterator[str]:
    """Yield the lines of a random hold-out; the date of approval is an input like any other."""
    loans = defaulted_loans(all_loans())
    order = np.random.default_rng(seed).permutation(len(loans.lost))[:rows]
    tested = int(TESTED * len(order))
    yield from _judged(loans.take(order[tested:]), loans.take(order[:tested]), None, seed, with_paid)


def out_of_time_part(rows: int, seed: int) -> Iterator[str]:
    """Yield the lines of later years than those learned from; application columns only."""
    loans = defaulted_loans(all_loans())
    train, test = _by_year(loans, rows, seed)
    yield from _judged(loans.take(train), loans.take(test), TIME, seed, False)


def _by_year(loans: LossRows, rows: int, seed: int) -> tuple[IntArray, IntArray]:
    rng = np.random.default_rng(seed)
    early = np.flatnonzero((loans.year >= 1990) & (loans.year <= LAST_TRAINING_YEAR))
    late = np.flatnonzero((loans.year > LAST_TRAINING_YEAR) & (loans.year <= LAST_TEST_YEAR))
    return rng.permutation(early)[:rows], rng.permutation(late)[: rows // 2]


def _judged(
    train: LossRows, test: LossRows, time_column: str | None, seed: int, with_paid: bool
) -> Iterator[str]:
    inputs = [c for c in train.table.column_names if with_paid or c != PAID]
    start = time.process_time()
    model = LossSeverity(time=time_column, progress=False, random_state=seed)
    model.fit(train.table.select(inputs), train.lost)
    seconds = time.process_time() - start
    judged = model.evaluate(test.table.select(inputs), test.lost)
    yield f"{len(train.lost):,} rows train, {len(test.lost):,} test; {seconds:.0f} CPU seconds; seed {seed}"
    yield str(judged)
    yield from _uncalibrated(model, test, inputs)
    yield from _against_the_training_mean(model, train, test, inputs)
    yield f"Calibration of the mean: {model.model_.calibrator.method}; held-out squared errors " + ", ".join(
        f"{name} {error:.5f}" for name, error in model.calibration_.items()
    )


def _uncalibrated(model: LossSeverity, test: LossRows, inputs: list[str]) -> Iterator[str]:
    """Yield the figures of all models as they come, before any calibration."""
    typed = model.model_.conform(test.table.select(inputs)).table
    raw = {LARGE: model.model_.raw_scores(typed)}
    raw |= {b.name: b.model.score_table(typed) for b in model.benchmarks_}
    yield "Before calibration:"
    for name, p in raw.items():
        figures = (f"{m.label} {m.function(test.lost, p):.4f}" for m in REGRESSION.values())
        yield f"  {name}: " + ", ".join(figures)


def _against_the_training_mean(
    model: LossSeverity, train: LossRows, test: LossRows, inputs: list[str]
) -> Iterator[str]:
    known = float(train.lost.mean())
    typed = model.model_.conform(test.table.select(inputs)).table
    scores = {LARGE: model.model_.score_typed(typed)}
    scores |= {b.name: b.score_table(typed) for b in model.benchmarks_}
    said = ", ".join(f"{name} {skill(test.lost, p, known):+.4f}" for name, p in scores.items())
    yield (
        f"Squared error saved against the training mean of {known:.4f} (tested: {test.lost.mean():.4f}): "
        f"{said}"
    )


def portfolio_part(rows: int, seed: int) -> Iterator[str]:
    """Yield expected and realised losses by vintage of loans approved after those learned from; grades."""
    loans = all_loans()
    train, test = _by_year(loans, rows, seed)
    known, later = loans.take(train), loans.take(test)
    inputs = [c for c in known.table.column_names if c not in (PAID, "default")]
    risk = CreditRisk(time=TIME, benchmark=False, progress=False, random_state=seed)
    risk.fit(known.table.select(inputs), known.table["default"].to_numpy())
    defaults = defaulted_loans(known)
    severity = LossSeverity(time=TIME, benchmark=False, progress=False, random_state=seed)
    severity.fit(defaults.table.select(inputs), defaults.lost)
    book = ExpectedLoss(risk, severity, exposure=PAID)
    realised = later.lost * later.table[PAID].to_numpy()
    yield f"{len(train):,} loans train, {len(defaults.lost):,} of them defaulted; {len(test):,} test"
    for correlation in (0.0, "basel"):
        found = book.portfolio(later.table, by="time", realised=realised, correlation=correlation)
        yield f"\nasset correlation {correlation}; 90 % interval of 2,000 simulated portfolios\n{found}"
    assert book.scale_ is not None
    y = later.table["default"].to_numpy()
    yield f"\nGrades, on the rows that they were learned from:\n{book.scale_}"
    later_scale = book.scale_.validate(risk.score_table(later.table), y)
    yield f"\nThe same grades on the tested rows; rates rise: {later_scale.monotone}\n{later_scale}"


PARTS: dict[str, tuple[str, Callable[[int, int], Iterator[str]]]] = {
    "application": (
        "Random hold-out, application columns only",
        lambda rows, seed: random_part(rows, seed, with_paid=False),
    ),
    "disbursed": (
        "Random hold-out, with the disbursed amount",
        lambda rows, seed: random_part(rows, seed, with_paid=True),
    ),
    "out-of-time": ("Approved 1990-2003 train, 2004-2006 test, application columns only", out_of_time_part),
    "portfolio": ("Expected loss of loans approved 2004-2006, by vintage", portfolio_part),
}
"""Parts of the benchmark by name: a title, and what yields its lines."""


def loss(parts: list[str], rows: int = ROWS, seed: int = 0) -> Iterator[str]:
    """Yield the lines of the named parts, all of them if none is named."""
    for name in parts or PARTS:
        if name not in PARTS:
            raise InputError(f"There is no part {name!r}; the parts are {', '.join(PARTS)}.")
        title, lines = PARTS[name]
        yield f"\n## {title}\n"
        yield from lines(rows, seed)


def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bezant.benchmarks.loss", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"any of {', '.join(PARTS)}; all if none is named")
    parser.add_argument("--rows", type=int, default=ROWS, help="loans drawn for each part")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    for line in loss(given.parts, given.rows, given.seed):
        print(line, flush=True)


if __name__ == "__main__":
    _main()
