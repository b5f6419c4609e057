"""The credit desk: the probability of default by age, learned from loans that are still open too."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import pyarrow as pa
import torch
from sklearn.utils.validation import check_is_fitted

from bezant.desks.estimators.intake import Intake, Leaks, read_rows, take_in
from bezant.desks.estimators.record import fit_record
from bezant.desks.estimators.settings import (
    configuration_of,
    plan_of,
    refuse_unknown_settings,
    seed_of,
    set_names,
)
from bezant.desks.estimators.table_estimator import TableEstimator
from bezant.desks.over_time.durations import at_months, read_durations, refuse_one_outcome
from bezant.desks.over_time.levels import RecentExposure, at_level, recent_levels
from bezant.desks.over_time.rivals import fit_hazard_rivals, restore_hazard_rival
from bezant.evidence.timing import TimingEvaluation, evaluate_timing
from bezant.network.fields.glance import Glance
from bezant.network.heads.hazard import hazard_targets
from bezant.network.model import TrunkName
from bezant.network.sizes import SizeName
from bezant.schema import Schema
from bezant.schema.words import counted
from bezant.splits import stratified
from bezant.training.config import TrainingConfig
from bezant.training.progress import ProgressChoice, shown
from bezant.training.table import HeldOut, fit_table
from bezant.types import BoolArray, FloatArray, Frame, InputError

LARGE = "bezant"
"""The large model's name in tables."""

MONTHS = (12.0, 24.0, 36.0)
"""Horizons if none are named."""


class PDTermStructure(TableEstimator):
    """Probability of default by 12, 24, 36 months of age, or any other: discrete-time survival.

    Loans that are still open teach that they have survived so far, so none has to be left out for being
    young, and none is called good only because it is (see :func:`bezant.histories.labels_as_of`).

    Parameters
    ----------
    time : str, optional
        Column with the time of origination. It is not an input.
    period : float, default 3
        Months in a period, within which the hazard is constant.
    horizon : float, default 60
        Months the curves reach, a multiple of ``period``; defaults after it count as not seen.
    recent : float, optional, default 24
        Months of calendar time, the last before observation ended, whose defaults set the level of the
        hazards, the traditional models' too. None leaves them at the mean of all years given, which is right
        only where the world has not changed. Needs ``time``.
    size : {"tiny", "small", "base", "large", "xl"}, default "small"
        Size of the network.
    trunk : {"tabm", "mlp"}, default "tabm"
        What mixes the fields.
    benchmark : bool, default True
        Also fit the traditional models on the same rows: Kaplan-Meier and a logistic hazard. Of rows with
        records the latter reads what the network is told of these at a glance, as columns.
    schema : Schema, optional
        What the columns mean; inferred if not given.
    training : TrainingConfig or mapping, optional
        How to train.
    holdout : float, default 0.15
        Share of the rows that stop the training and judge. They are drawn at random whether there is a
        time or not: the latest loans have not been observed for long enough to judge anything but their
        first months. Judge out-of-time with :meth:`evaluate` on loans of later years.
    leaks : {"report", "drop", "refuse"}, default "report"
        What to do about columns that look as if they knew the outcome.
    progress : {"auto", True, False}, default "auto"
        Show a progress bar on standard error.
    random_state : int, optional
        Repeats a fit exactly, on one machine with one number of threads. None is 0.

    Attributes
    ----------
    schema_ : Schema
        The columns the model reads.
    evaluation_ : TimingEvaluation or None
        Held-out figures beside the traditional models', at the level of all years.
    check_ : CheckReport
        What was found in the rows before training.
    notes_ : tuple of str
        Everything that was skipped, imputed, truncated or replaced.
    history_ : tuple of TrainingRun
        The run with early stopping, then the one on all rows.
    levels_ : dict of str to float
        By model, the factor of its hazards that ``recent`` asked for.
    record_ : FitRecord
        Configuration, versions, hash of the data, summary of the columns.

    Examples
    --------
    >>> import bezant as bz
    >>> loans = bz.datasets.load("sba-sample", raw=True)
    >>> labels = bz.labels_as_of(loans["ApprovalDate"], loans["ChgOffDate"], cutoff="2004-01-01")
    >>> X = loans[["ApprovalDate", "GrAppv", "NAICS", "State", "Bank"]][labels.known]
    >>> curves = bz.PDTermStructure(time="ApprovalDate")
    >>> curves.fit(X, labels.duration[labels.known], labels.event[labels.known]).predict_pd(X).shape
    """

    EVIDENCE = TimingEvaluation

    def __init__(
        self,
        *,
        time: str | None = None,
        period: float = 3,
        horizon: float = 60,
        recent: float | None = 24,
        size: SizeName = "small",
        trunk: TrunkName = "tabm",
        benchmark: bool = True,
        schema: Schema | None = None,
        training: TrainingConfig | Mapping[str, Any] | None = None,
        holdout: float = 0.15,
        leaks: Leaks = "report",
        progress: ProgressChoice = "auto",
        random_state: int | None = None,
    ) -> None:
        self.time = time
        self.period = period
        self.horizon = horizon
        self.recent = recent
        self.size = size
        self.trunk = trunk
        self.benchmark = benchmark
        self.schema = schema
        self.training = training
        self.holdout = holdout
        self.leaks = leaks
        self.progress = progress
        self.random_state = random_state

    # ------------------------------------------------------------------------------------- fitting

    def fit(self, X: Frame, duration: Any, event: Any) -> Self:
        """Fit the network, and the traditional models beside it.

        Parameters
        ----------
        X : frame with n rows
            What was known of each loan at origination.
        duration : array-like of shape (n,)
            Months from origination to the default, or to the end of observation where none was seen.
        event : bool array-like of shape (n,)
            Whether the default was seen.

        Raises
        ------
        InputError
            If something about the rows prevents a fit; one sentence says what and how to mend it.
        """
        refuse_unknown_settings(self)
        periods = self._periods()
        seed = seed_of(self)
        plan = plan_of(self, "hazard", seed)
        network = plan.network.model_copy(update={"periods": periods})
        plan = plan.model_copy(update={"network": network})
        table = read_rows(self, X, fitting=True, y=duration)
        months, seen = read_durations(duration, event, table.num_rows)
        targets = hazard_targets(months, seen, self.period, periods)
        events = targets[:, 1]
        refuse_one_outcome(events, self.horizon)
        intake = take_in(
            table,
            events,
            time=self.time,
            schema=self.schema,
            leaks=self.leaks,
            seed=seed,
            holdout=self.holdout,
        )
        fitted = fit_table(
            intake.table,
            intake.schema,
            targets,
            stratified(events, self.holdout, seed).test,
            plan,
            shown=lambda title: shown(title, self.progress),
        )
        self.model_ = fitted.model
        self.schema_ = fitted.model.schema
        self.check_ = intake.check
        self.history_ = fitted.runs
        self.calibration_ = {}  # hazards are not calibrated: their level is set by recent defaults
        glance = Glance.of(fitted.model.encoding)
        rivals = fit_hazard_rivals(intake, targets, periods, fitted.parts, self.benchmark, glance)
        self.benchmarks_ = rivals.models
        self.evaluation_ = self._judged({LARGE: fitted.judged} | rivals.judged, months, seen, fitted.parts)
        levels = self._set_levels(intake, targets, months)
        later = int((seen & (events == 0)).sum())
        beyond = (
            f"{counted(later, 'default')} came after the horizon of {self.horizon} months and "
            f"{'counts' if later == 1 else 'count'} as not seen.",
        )
        self.notes_ = (*intake.notes, *fitted.notes, *(beyond if later else ()), *rivals.notes, levels)
        self.record_ = fit_record(
            configuration=configuration_of(self, plan),
            table=intake.table,
            schema=intake.schema,
            y=events,
            times=intake.times,
        )
        set_names(self, X, table)
        return self

    def _periods(self) -> int:
        for name in ("period", "horizon"):
            given = getattr(self, name)
            if isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given < np.inf:
                raise InputError(f"{name} is a number of months above 0, not {given!r}.")
        periods = round(self.horizon / self.period)
        if self.recent is not None and not (
            isinstance(self.recent, int | float)
            and not isinstance(self.recent, bool)
            and 0 < self.recent < np.inf
        ):
            raise InputError(f"recent is a number of months above 0 or None, not {self.recent!r}.")
        if periods < 1 or abs(periods * self.period - self.horizon) > 1e-9 * self.horizon:
            raise InputError(
                f"The horizon of {self.horizon} months is no multiple of the period of {self.period}; give "
                f"horizon={max(periods, 1) * self.period}, say."
            )
        return periods

    def _set_levels(self, intake: Intake, targets: FloatArray, months: FloatArray) -> str:
        """Set every model's level by recent defaults, or not; return what there is to say of it."""
        scored = {LARGE: self.model_.score_typed(intake.table)}
        scored |= {m.name: m.score_periods(intake.table) for m in self.benchmarks_}
        of_late = None
        if self.recent is not None and intake.times is not None:
            of_late = RecentExposure.of(
                intake.times, targets, months, self.period, self.recent, self._periods()
            )
        self.levels_, said = recent_levels(scored, of_late, LARGE)
        return said

    def _judged(
        self, by_then: Mapping[str, FloatArray], months: FloatArray, seen: BoolArray, parts: HeldOut
    ) -> TimingEvaluation | None:
        if not len(parts.judging):
            return None
        at = [m for m in MONTHS if m <= self.horizon] or [self.horizon]
        scores = {name: at_months(p, at, self.period) for name, p in by_then.items()}
        return evaluate_timing(months[parts.judging], seen[parts.judging], scores, at, large=LARGE)

    # ------------------------------------------------------------------------------------- scoring

    def predict_pd(self, X: Frame, months: Sequence[float] = MONTHS) -> FloatArray:
        """Return the probability of default by each age, float64 of shape (n, horizons).

        Parameters
        ----------
        X : frame with n rows
        months : sequence of float, default (12, 24, 36)
            Ages in months, rising, at most the horizon. Within a period the hazard is constant.

        Raises
        ------
        InputError
            If an age is beyond the horizon, or they do not rise.
        """
        check_is_fitted(self, "model_")
        self._refuse_months(months)
        return at_months(self.score_table(self.read(X)), months, self.period)

    def predict_hazard(self, X: Frame) -> FloatArray:
        """Return the probability of default in each period of a loan that has reached it, shape (n, T)."""
        check_is_fitted(self, "model_")
        by_then = self.score_table(self.read(X))
        before = np.concatenate([np.zeros((len(by_then), 1)), by_then[:, :-1]], axis=1)
        return np.asarray((by_then - before) / np.maximum(1 - before, 1e-12))

    def score_table(self, table: pa.Table) -> FloatArray:
        """Return the probability of default by the end of each period, shape (n, T), for n rows."""
        check_is_fitted(self, "model_")
        if not table.num_rows:
            self.model_.conform(table)
            return np.empty((0, self._periods()))
        return at_level(self.model_.score_table(table), self.levels_[LARGE])

    def by_then(self, X: Frame) -> dict[str, FloatArray]:
        """Return every model's probability of default by the end of each period, (n, T) each, by name."""
        check_is_fitted(self, "model_")
        return self._all_by_then(self.read(X))

    def _all_by_then(self, table: pa.Table) -> dict[str, FloatArray]:
        typed = self.model_.conform(table).table
        others = {m.name: at_level(m.score_periods(typed), self.levels_[m.name]) for m in self.benchmarks_}
        return {LARGE: self.score_table(table)} | others

    def _refuse_months(self, months: Sequence[float]) -> None:
        given = np.asarray(months, np.float64)
        if given.ndim != 1 or not len(given) or not (np.diff(given) > 0).all() or not given.min() > 0:
            raise InputError(
                f"months are rising ages above 0, not {tuple(months)!r}; give (12, 24, 36), say."
            )
        if given.max() > self.horizon:
            raise InputError(
                f"The model was fitted up to {self.horizon} months and cannot tell the probability by "
                f"{given.max():g}; fit it with a horizon that long."
            )

    def evaluate(
        self, X: Frame, duration: Any, event: Any, months: Sequence[float] = MONTHS
    ) -> TimingEvaluation:
        """Judge the model and the traditional ones on rows that none of them has seen.

        Parameters
        ----------
        X, duration, event
            As in :meth:`fit`, of other loans.
        months : sequence of float, default (12, 24, 36)
            The horizons.
        """
        check_is_fitted(self, "model_")
        self._refuse_months(months)
        table = self.read(X)
        time, seen = read_durations(duration, event, table.num_rows)
        scores = {name: at_months(p, months, self.period) for name, p in self._all_by_then(table).items()}
        return evaluate_timing(time, seen, scores, months, large=LARGE)

    # --------------------------------------------------------------------------------------- saving

    def documents(self) -> dict[str, Any]:
        """Return everything but the tensors as JSON-ready values, by file."""
        return super().documents() | {"levels": dict(self.levels_)}

    def _take_over(self, tensors: Mapping[str, torch.Tensor], documents: Mapping[str, Any]) -> None:
        self.levels_ = dict(documents["levels"])

    @staticmethod
    def _benchmark_document(benchmark: Any) -> Any:
        return json.dumps(benchmark.to_document())

    @staticmethod
    def _benchmark_of(document: Any) -> Any:
        return restore_hazard_rival(document)
