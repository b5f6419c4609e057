"""Walk forward year by year: what each way of keeping a model up to date costs and gives.

Four policies, from the same first model: leave it as it is, move level and slope with last year's outcomes,
update it from last year's weights, or fit it from nothing; and LightGBM fitted from nothing, the traditional
way. A year is judged by models that know nothing of it: rows count as known only ``outcome_lag`` months after
they began, so an outcome that could not be known yet teaches nobody.
"""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from bezant.desks.credit.updating import UPDATED
from bezant.desks.estimators.intake import take_in
from bezant.desks.estimators.rivals import fit_benchmarks
from bezant.desks.walk.folder import Made, Scored, WalkFolder
from bezant.desks.walk.rows import Calendar, WalkRows
from bezant.metrics.classification import expected_calibration_error, log_loss, roc_auc
from bezant.training.table import HeldOut
from bezant.types import FloatArray, Frame, InputError

POLICIES = ("frozen", "recalibrated", "updated", "refitted", "boosting")
"""Every policy, the cheapest first; the last is LightGBM, fitted again each year."""


@dataclass(frozen=True)
class YearFigures:
    """A policy in a year.

    Attributes
    ----------
    year, policy : int, str
    rows : int
        Judged.
    auc, log_loss, ece : float
        Area under the ROC curve, NaN where a class is absent; mean negative log likelihood; expected
        calibration error.
    observed, predicted : float
        Share of events, and mean probability.
    cpu_seconds : float
        Of fitting, updating or recalibrating for this year, all threads together.
    note : str
        What was kept or could not be done.
    """

    year: int
    policy: str
    rows: int
    auc: float
    log_loss: float
    observed: float
    predicted: float
    ece: float
    cpu_seconds: float
    note: str = ""

    def __post_init__(self) -> None:
        if self.policy not in POLICIES or self.rows < 1 or not 0 <= self.predicted <= 1:
            raise ValueError(f"no figures of a year: {self}")


@dataclass(frozen=True)
class WalkForward:
    """Every policy in every year.

    Attributes
    ----------
    figures : tuple of YearFigures
        Year by year, in the order of the policies.
    """

    figures: tuple[YearFigures, ...]

    @property
    def years(self) -> tuple[int, ...]:
        """Return the years, in order."""
        return tuple(dict.fromkeys(f.year for f in self.figures))

    @property
    def policies(self) -> tuple[str, ...]:
        """Return the policies, in order."""
        return tuple(dict.fromkeys(f.policy for f in self.figures))

    def of(self, policy: str) -> tuple[YearFigures, ...]:
        """Return one policy's figures, a year each."""
        return tuple(f for f in self.figures if f.policy == policy)

    def cost(self, policy: str) -> float:
        """Return a policy's CPU seconds after the first year, whose fit all share."""
        return sum(f.cpu_seconds for f in self.of(policy)[1:])

    def table(self) -> pa.Table:
        """Return the figures as a table, a row for each year and policy."""
        return pa.table({f.name: [getattr(row, f.name) for row in self.figures] for f in fields(YearFigures)})


def walk_forward(
    make: Callable[[], Any],
    X: Frame,
    y: Any,
    *,
    time: str,
    first: int,
    last: int,
    policies: Sequence[str] = POLICIES[:4],
    window: int | None = None,
    outcome_lag: int = 0,
    most_rows: int | None = None,
    year_begins: int = 1,
    folder: str | Path | None = None,
    seed: int = 0,
    say: Callable[[str], None] = lambda _: None,
) -> WalkForward:
    """Walk through the years.

    Parameters
    ----------
    make : callable
        Gives a fresh estimator such as ``CreditRisk(time=..., benchmark=False)``: the traditional models
        of ``benchmark=True`` would be counted into its cost.
    X : frame with n rows
        Rows of all years, with the ordering time.
    y : array-like of shape (n,)
        Their outcomes.
    time : str
        Column of X that orders the rows.
    first, last : int
        Years that are judged. The first model knows the years before ``first``.
    policies : sequence of str, default frozen, recalibrated, updated, refitted
        Of :data:`POLICIES`; "boosting" adds LightGBM.
    window : int, optional
        Years back from which rows teach; all if not given.
    outcome_lag : int, default 0
        Months after which a row's outcome is known: rows of the last months before a year teach nothing.
        With 0 the outcome counts as known at once, which for a default within 36 months would be a look
        ahead of three years; give 36 there.
    most_rows : int, optional
        At most this many rows teach a year, drawn once for all years: all years' draws are of the same
        lottery. An update takes half of them from the rows known since last year and half from older ones.
    year_begins : int, default 1
        Month in which a year begins; with 10 the year 2004 is October 2003 to September 2004, the fiscal year
        of the United States.
    folder : path, optional
        Where each year's probabilities and models are kept; a walk that was stopped goes on from them.
    seed : int, default 0
        Of the draw.
    say : callable
        Told what was done, a line at a time.

    Raises
    ------
    InputError
        If a setting is unknown, a year has no rows, or the folder holds another walk.
    """
    unknown = [p for p in policies if p not in POLICIES]
    if unknown or not policies or last < first:
        raise InputError(
            f"A walk goes from first on to last, by policies of {', '.join(POLICIES)}; {first} to {last} by "
            f"{', '.join(map(repr, policies)) or 'none'} was asked for."
        )
    calendar = Calendar(year_begins, outcome_lag, window, most_rows)
    model = make()
    rows = WalkRows.of(X, y, time, getattr(model, "event", None), calendar, seed)
    rows.refuse_empty(first, last)
    kept = WalkFolder(Path(folder) if folder is not None else None)
    kept.begin({"first": first, "time": time, "seed": seed, "model": repr(model), **rows.identity()})
    walk = _Walk(rows, make, time, first, kept)
    figures = []
    for year in range(first, last + 1):
        for policy in (p for p in POLICIES if p in policies):
            scored = kept.scores(policy, year) or kept.keep(policy, year, walk.score(policy, year))
            figures.append(_figures(year, policy, rows.events[rows.judged(year)], scored))
            say(_line(figures[-1]))
    return WalkForward(tuple(figures))


@dataclass
class _Walk:
    """Makes each year's models, the updated ones from one another."""

    rows: WalkRows
    make: Callable[[], Any]
    time: str
    first: int
    folder: WalkFolder
    held: dict[str, Made] = field(default_factory=dict)

    def score(self, policy: str, year: int) -> Scored:
        if policy == "boosting":
            return self._boosting(year)
        test = self.rows.table.take(self.rows.judged(year))
        note = ""
        if policy == "frozen" or year == self.first:
            model, seconds = self._frozen()
            seconds = seconds if year == self.first else 0.0
        elif policy == "updated":
            model, seconds = self._updated(year)
            note = next((n for n in reversed(model.notes_) if n.startswith(UPDATED)), "")
        elif policy == "refitted":
            model, seconds = self._fitted(year)
        else:
            model, seconds, note = self._recalibrated(year)
        return np.asarray(model.predict_proba(test)[:, 1], np.float64), seconds, note

    def _frozen(self) -> Made:
        return self._made("frozen", lambda: self._fitted(self.first))

    def _updated(self, year: int) -> Made:
        if year == self.first:
            return self._frozen()
        return self._made(f"updated-{year}", lambda: self._update(year))

    def _made(self, name: str, make: Callable[[], Made]) -> Made:
        """Return a model from memory, from the folder, or newly made; last year's is let go."""
        if name not in self.held:
            made = self.folder.model(name)
            if made is None:
                made = make()
                self.folder.keep_model(name, made)
            self.held = {n: m for n, m in self.held.items() if n == "frozen"} | {name: made}
        return self.held[name]

    def _fitted(self, year: int) -> Made:
        table, labels = self.rows.part(self.rows.to_fit(year))
        start = clock.process_time()
        model = self.make().fit(table, labels)
        return model, clock.process_time() - start

    def _update(self, year: int) -> Made:
        before = deepcopy(self._updated(year - 1)[0])
        table, labels = self.rows.part(self.rows.to_update(year))
        start = clock.process_time()
        model = before.update(table, labels) if len(labels) else before
        return model, clock.process_time() - start

    def _recalibrated(self, year: int) -> tuple[Any, float, str]:
        model = deepcopy(self._frozen()[0])
        table, labels = self.rows.part(self.rows.to_recalibrate(year))
        start = clock.process_time()
        try:
            model.recalibrate(table, labels)
        except InputError as error:  # a year with too few events leaves the model as it is, and says so
            return model, 0.0, f"Not recalibrated: {error}"
        return model, clock.process_time() - start, str(model.notes_[-1])

    def _boosting(self, year: int) -> Scored:
        known = self.rows.to_fit(year)
        table, y = self.rows.table.take(known), self.rows.events[known]
        start = clock.process_time()
        intake = take_in(table, y, time=self.time, schema=None, leaks="report", seed=0)
        parts = HeldOut.of(intake.held_out, y, 0)
        fitted = fit_benchmarks(intake.table, intake.schema, y, parts, ("gradient-boosting",), 0)
        seconds = clock.process_time() - start
        if not fitted.models:
            raise InputError(
                f"LightGBM could not be fitted to the {len(y)} rows, {int(y.sum())} of them events, known "
                f"before {year}; raise most_rows, begin with a later year or leave out the policy 'boosting'."
            )
        test = intake.schema.conform(self.rows.table.take(self.rows.judged(year))).table
        return fitted.models[0].score_table(test), seconds, ""


def _figures(year: int, policy: str, y: FloatArray, scored: Scored) -> YearFigures:
    p, seconds, note = scored
    both = 0 < y.sum() < len(y)
    return YearFigures(
        year,
        policy,
        len(y),
        roc_auc(y, p) if both else float("nan"),
        log_loss(y, p),
        float(y.mean()),
        float(p.mean()),
        expected_calibration_error(y, p),
        seconds,
        note,
    )


def _line(f: YearFigures) -> str:
    return (
        f"{f.year} {f.policy}: AUC {f.auc:.4f}, log loss {f.log_loss:.4f}, predicted {f.predicted:.4f} of "
        f"{f.observed:.4f}, {f.cpu_seconds:.1f} CPU seconds"
    )
