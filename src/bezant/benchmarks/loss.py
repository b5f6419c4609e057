"""Losses of the SBA's defaulted loans: the large model beside LightGBM, a fractional logit and the mean.

The fraction lost is the principal charged off over the amount paid out (ChgOffPrinGr over
DisbursementGross), cut off at 0 and 1. Run it with
``python -m bezant.benchmarks.loss``; parts and the number of rows can be chosen.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bezant.datasets import load_table
from bezant.desks.credit.credit_risk import CreditRisk
from bezant.desks.loss.expected_loss import ExpectedLoss
from bezant.desks.loss.severity import LARGE, LossSeverity
from bezant.evidence.portfolio import PortfolioLoss
from bezant.metrics.regression import REGRESSION, skill
from bezant.reports.losses import loss_by_vintage
from bezant.traditional.severity import SEARCH, SeverityBoosting
from bezant.types import FloatArray, InputError, IntArray

ROWS = 160_000
"""Defaulted loans drawn for a part, at most: there are 157,558, so all of them."""

TESTED = 0.25
"""Share of the rows of a random part that are only judged."""

PAID = "DisbursementGross"
TIME = "ApprovalDate"

LAST_TRAINING_YEAR, LAST_TEST_YEAR = 2003, 2006
"""Of approval, in the out-of-time part; it begins in 1990."""

FIRST_VINTAGE = 1985
WALK = ((1997, 2000), (2000, 2003), (2003, 2007))
"""Of the portfolio part: last year that is learned from, last year that is predicted from there."""

PORTFOLIO_ROWS = 40_000
"""Loans that teach the PD, and defaulted ones that teach the LGD, at most."""

LOANS_A_VINTAGE = 8_000
"""Drawn of each predicted year."""


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
    yield from _medians(model, train, test, inputs, seed)
    yield from _uncalibrated(model, test, inputs)
    yield from _against_the_training_mean(model, train, test, inputs)
    yield f"Calibration of the mean: {model.model_.calibrator.method}; held-out squared errors " + ", ".join(
        f"{name} {error:.5f}" for name, error in model.calibration_.items()
    )


def _medians(
    model: LossSeverity, train: LossRows, test: LossRows, inputs: list[str], seed: int
) -> Iterator[str]:
    """Yield the absolute errors of medians, which have the least, and of LightGBM trained for them."""
    table = test.table.select(inputs)
    ours = model.predict_quantiles(table, [0.5])[:, 0]
    order = np.random.default_rng(seed).permutation(len(train.lost))
    stopping, learning = order[: len(order) // 10], order[len(order) // 10 :]
    typed = model.model_.conform(train.table.select(inputs)).table
    rival = SeverityBoosting(search=tuple(replace(c, objective="regression_l1") for c in SEARCH[:-1])).fit(
        typed.take(learning),
        model.schema_,
        train.lost[learning],
        stopping_table=typed.take(stopping),
        stopping_y=train.lost[stopping],
        random_state=seed,
    )
    theirs = rival.score_table(model.model_.conform(table).table)
    errors = {LARGE: ours, "LightGBM, absolute error as its objective": theirs}
    yield "Mean absolute error of the median: " + ", ".join(
        f"{name} {np.abs(test.lost - p).mean():.4f}" for name, p in errors.items()
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


def portfolio_part(rows: int, seed: int, picture: Path | None = None) -> Iterator[str]:
    """Yield expected and realised losses by vintage of loans approved after those learned from; grades."""
    loans = all_loans()
    parts: list[PortfolioLoss] = []
    for last, until in WALK:
        book, said = _book(loans, last, min(rows, PORTFOLIO_ROWS), seed)
        later = loans.take(_of_years(loans, last + 1, until, seed))
        realised = later.lost * later.table[PAID].to_numpy()
        yield f"\nLearned from {FIRST_VINTAGE}-{last}: {said}; {len(later.lost):,} loans predicted"
        for correlation in (0.0, "basel", "vintages"):
            found = book.portfolio(later.table, by="time", realised=realised, correlation=correlation)
            inside, vintages = found.covered()
            yield f"\ncorrelation {correlation}: realised inside 90 % in {inside} of {vintages}\n{found}"
        parts.append(found)
        yield from _grades(book, later)
    inside, vintages = (sum(p.covered()[i] for p in parts) for i in (0, 1))
    yield f"\nAll together, vintages' own movements: inside 90 % in {inside} of {vintages} vintages"
    if picture is not None:
        svg = loss_by_vintage(_one_after_the_other(parts), since=[p.labels[0] for p in parts])
        # On its own it has no page whose font it could take.
        picture.write_text(svg.replace("<svg ", '<svg font-family="sans-serif" ', 1) + "\n", encoding="utf-8")
        yield f"Picture: {picture}"


def _of_years(loans: LossRows, first: int, last: int, seed: int) -> IntArray:
    """Return some loans of each year."""
    rng = np.random.default_rng(seed)
    years = (rng.permutation(np.flatnonzero(loans.year == y)) for y in range(first, last + 1))
    return np.concatenate([rows[:LOANS_A_VINTAGE] for rows in years])


def _book(loans: LossRows, last: int, rows: int, seed: int) -> tuple[ExpectedLoss, str]:
    """Learn PD, LGD and the movement of vintages from loans approved up to a year."""
    known = loans.take(np.flatnonzero((loans.year >= FIRST_VINTAGE) & (loans.year <= last)))
    order = np.random.default_rng(seed).permutation(len(known.lost))
    teaching = known.take(order[:rows])
    defaults = defaulted_loans(known.take(order))
    defaults = defaults.take(np.arange(min(rows, len(defaults.lost))))
    inputs = [c for c in defaults.table.column_names if c != PAID]
    risk = CreditRisk(time=TIME, benchmark=False, progress=False, random_state=seed)
    risk.fit(teaching.table.select(inputs), teaching.table["default"].to_numpy())
    severity = LossSeverity(time=TIME, benchmark=False, progress=False, random_state=seed)
    severity.fit(defaults.table.select(inputs), defaults.lost)
    book = ExpectedLoss(risk, severity, exposure=PAID)
    book.learn_vintages(known.table, known.table["default"].to_numpy(), known.lost)
    return book, f"{len(teaching.lost):,} loans, {len(defaults.lost):,} defaulted ones"


def _grades(book: ExpectedLoss, later: LossRows) -> Iterator[str]:
    assert book.scale_ is not None
    yield f"\nGrades, on the held-out rows that they were learned from:\n{book.scale_}"
    y = later.table["default"].to_numpy()
    tested = book.scale_.validate(book.pd.score_table(later.table), y)
    yield f"\nThe same grades on the predicted loans; rates rise: {tested.monotone}\n{tested}"


def _one_after_the_other(parts: list[PortfolioLoss]) -> PortfolioLoss:
    """Return the vintages of several walks' steps as one portfolio."""

    def joined(name: str) -> FloatArray:
        each = np.concatenate([getattr(p, name)[..., :-1] for p in parts], axis=-1)
        return np.concatenate([each, each.sum(axis=-1, keepdims=True)], axis=-1)

    return PortfolioLoss(
        labels=(*(label for p in parts for label in p.labels[:-1]), "all"),
        rows=joined("rows").astype(np.int64),
        exposure=joined("exposure"),
        expected=joined("expected"),
        simulated=joined("simulated"),
        realised=joined("realised"),
        unit="year",
        basis=parts[-1].basis,
    )


PARTS: dict[str, tuple[str, Callable[..., Iterator[str]]]] = {
    "application": (
        "Random hold-out, application columns only",
        lambda rows, seed: random_part(rows, seed, with_paid=False),
    ),
    "disbursed": (
        "Random hold-out, with the disbursed amount",
        lambda rows, seed: random_part(rows, seed, with_paid=True),
    ),
    "out-of-time": ("Approved 1990-2003 train, 2004-2006 test, application columns only", out_of_time_part),
    "portfolio": ("Expected loss of loans approved 1998-2007, by vintage", portfolio_part),
}
"""Parts of the benchmark by name: a title, and what yields its lines."""


def loss(parts: list[str], rows: int = ROWS, seed: int = 0, picture: Path | None = None) -> Iterator[str]:
    """Yield the lines of the named parts, all of them if none is named.

    The picture of the part portfolio goes to a file.
    """
    for name in parts or PARTS:
        if name not in PARTS:
            raise InputError(f"There is no part {name!r}; the parts are {', '.join(PARTS)}.")
        title, lines = PARTS[name]
        yield f"\n## {title}\n"
        yield from lines(rows, seed, picture) if name == "portfolio" else lines(rows, seed)


def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bezant.benchmarks.loss", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"any of {', '.join(PARTS)}; all if none is named")
    parser.add_argument("--rows", type=int, default=ROWS, help="loans drawn for each part")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--picture", type=Path, help="SVG file for the vintages of the part portfolio")
    given = parser.parse_args()
    for line in loss(given.parts, given.rows, given.seed, given.picture):
        print(line, flush=True)


if __name__ == "__main__":
    _main()
