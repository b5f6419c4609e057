"""The loss desk: which part of an exposure is lost if the borrower defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted

from bezant.desks.estimators.intake import Intake, Leaks, read_rows, take_in
from bezant.desks.estimators.labels import read_fractions
from bezant.desks.estimators.record import fit_record
from bezant.desks.estimators.settings import (
    configuration_of,
    plan_of,
    refuse_unknown_settings,
    seed_of,
    set_names,
)
from bezant.desks.estimators.table_estimator import TableEstimator
from bezant.desks.loss.ahead import Ahead, checked_caution, look_ahead
from bezant.desks.loss.rivals import fit_severity_rivals, restore_rival
from bezant.evidence.values import ValueEvaluation, evaluate_values
from bezant.metrics.target_statistics import stratified_folds
from bezant.network.fields.glance import Glance
from bezant.network.fractions import LevelMap, checked_levels, crossed_intervals, predicted_fractions
from bezant.network.mean_calibration import calibrate_mean
from bezant.network.model import TrunkName
from bezant.network.sizes import SizeName
from bezant.schema import Schema
from bezant.training.config import TrainingConfig
from bezant.training.plan import TablePlan
from bezant.training.progress import ProgressChoice, shown
from bezant.training.table import FittedTable, fit_table, halves
from bezant.types import FloatArray, Frame, InputError

LARGE = "bezant"
"""The large model's name in tables and pictures."""

PASSES = 2
"""Times the usual number of passes over the rows, unless it is given: a whole distribution takes longer to
learn than one probability, and the held-out rows end the training when it is learned."""

INTERVALS = (0.8, 0.9)
"""Shares that the judged intervals promise."""

FOLDS = 5
"""Folds in which held-out intervals are learned and judged in turn."""


class LossSeverity(RegressorMixin, TableEstimator):  # type: ignore[misc]
    """Fraction lost given default, with its whole distribution, by a large network.

    A loss is bounded and often heaps at 0 and at 1, so the network predicts the probabilities of cells of
    [0, 1] with an atom at either end. Mean and quantiles are calibrated on rows that it has not seen.

    Parameters
    ----------
    time : str, optional
        Column that orders the rows. It is not an input. With it the latest rows are held out and set the
        level; without it they are drawn at random, which flatters a model of a changing world.
    size : {"tiny", "small", "base", "large", "xl"}, default "small"
        Size of the network.
    trunk : {"tabm", "mlp"}, default "tabm"
        What mixes the fields.
    schema : Schema, optional
        What the columns mean; inferred if not given.
    training : TrainingConfig or mapping, optional
        How to train.
    holdout : float, default 0.15
        Share of the rows that stop the training, judge and calibrate.
    caution : float, default 0.95
        With a ``time`` and at least 5,000 rows, the confidence with which the ranking of losses must go on: a
        network of the earlier half of the rows tells how far it held on the later half, and the answers are
        shrunk towards the mean of the latest rows as far as that asks for, wholly if need be. 0.5 shrinks
        to the slope that is expected; models that are refitted often can afford it.
    leaks : {"report", "drop", "refuse"}, default "report"
        What to do about columns that look as if they knew whether the loss is above the median.
    benchmark : bool, default True
        Also fit gradient boosting, a fractional logit and the mean on the same rows.
    checkpoint : path, optional
        Folder for checkpoints; a killed fit that is started again goes on from them.
    progress : {"auto", True, False}, default "auto"
        Show a progress bar on standard error; "auto" does if that is a terminal.
    random_state : int, optional
        Repeats a fit exactly, on one machine with one number of threads. None is 0.

    Attributes
    ----------
    schema_ : Schema
        The columns the model reads.
    evaluation_ : ValueEvaluation or None
        Held-out figures beside the traditional models'; None where too few rows could be held out.
    calibration_ : dict of str to float
        Held-out mean squared error of each method of calibration.
    levels_ : LevelMap
        From the level that is asked for to the level of the predicted distribution.
    check_ : CheckReport
        What was found in the rows before training.
    notes_ : tuple of str
        Everything that was skipped, imputed, truncated or replaced.
    history_ : tuple of TrainingRun
        The run with early stopping, then the one on all rows.
    record_ : FitRecord
        Configuration, versions, hash of the data, summary of the columns.

    Examples
    --------
    >>> severity = bz.LossSeverity(time="ApprovalDate").fit(defaults, lost)
    >>> severity.predict(loans)                               # (n,)
    >>> severity.predict_quantiles(loans, [0.05, 0.5, 0.95])  # (n, 3)
    """

    EVIDENCE = ValueEvaluation

    def __init__(
        self,
        *,
        time: str | None = None,
        size: SizeName = "small",
        trunk: TrunkName = "tabm",
        schema: Schema | None = None,
        training: TrainingConfig | Mapping[str, Any] | None = None,
        holdout: float = 0.15,
        caution: float = 0.95,
        leaks: Leaks = "report",
        benchmark: bool = True,
        checkpoint: str | Path | None = None,
        progress: ProgressChoice = "auto",
        random_state: int | None = None,
    ) -> None:
        self.time = time
        self.size = size
        self.trunk = trunk
        self.schema = schema
        self.training = training
        self.holdout = holdout
        self.caution = caution
        self.leaks = leaks
        self.benchmark = benchmark
        self.checkpoint = checkpoint
        self.progress = progress
        self.random_state = random_state

    # ------------------------------------------------------------------------------------- fitting

    def fit(self, X: Frame, y: Any) -> Self:
        """Fit the network, and the traditional models beside it.

        Parameters
        ----------
        X : frame with n rows
            Defaulted exposures: anything :func:`bezant.histories.read_table` reads.
        y : array-like of shape (n,)
            The fraction of each that was lost, in [0, 1].

        Raises
        ------
        InputError
            If something about the rows prevents a fit; one sentence says what and how to mend it.
        """
        refuse_unknown_settings(self)
        caution, seed = checked_caution(self.caution), seed_of(self)
        table = read_rows(self, X, fitting=True, y=y)
        lost = read_fractions(y, table.num_rows)
        if lost.min() == lost.max():
            raise InputError(
                f"The target is {lost[0]:g} in all {len(lost)} rows, so there is nothing to learn; add other "
                "losses."
            )
        plan = _longer(plan_of(self, "fraction", seed), len(lost))
        intake = take_in(
            table,
            halves(lost),
            time=self.time,
            schema=self.schema,
            leaks=self.leaks,
            seed=seed,
            holdout=self.holdout,
        )
        fitted = fit_table(
            intake.table,
            intake.schema,
            lost,
            intake.held_out,
            plan,
            shown=lambda title: shown(title, self.progress),
            checkpoint=Path(self.checkpoint) if self.checkpoint is not None else None,
        )
        interrupted = any(run.ended == "interrupted" for run in fitted.runs)
        ahead = Ahead() if interrupted else look_ahead(intake, lost, plan, caution, self.progress)
        wanted = self.benchmark and not interrupted
        glance = Glance.of(fitted.model.encoding)
        rivals = fit_severity_rivals(intake, lost, fitted.parts, wanted, ahead.most_slope, seed, glance)
        self.schema_, self.check_, self.history_ = fitted.model.schema, intake.check, fitted.runs
        self.benchmarks_ = rivals.models
        self._calibrate(fitted, intake, lost, rivals.judged, ahead, seed)
        said = ahead.said_of(self.model_.calibrator)
        self.notes_ = (*intake.notes, *fitted.notes, *rivals.notes, *said)
        self.record_ = fit_record(
            configuration=configuration_of(self, plan),
            table=intake.table,
            schema=intake.schema,
            y=lost,
            times=intake.times,
        )
        set_names(self, X, table)
        return self

    def _calibrate(
        self,
        fitted: FittedTable,
        intake: Intake,
        lost: FloatArray,
        rivals: Mapping[str, FloatArray],
        ahead: Ahead,
        seed: int,
    ) -> None:
        """Learn the level of the mean and of the quantiles on the judging rows, and judge on them in turn."""
        judging = fitted.parts.judging
        self.model_, self.levels_ = fitted.model, LevelMap.identity()
        self.calibration_ = {}
        self.evaluation_ = None
        if not len(judging):
            return
        seen = lost[judging]
        calibration = calibrate_mean(fitted.judged, seen, most_slope=ahead.most_slope, seed=seed)
        self.calibration_ = calibration.log_losses
        self.model_ = replace(fitted.model, calibrator=calibration.calibrator)
        assert fitted.first is not None  # there are no folds here
        predicted = predicted_fractions(fitted.first, intake.table.take(judging))
        stands = predicted.levels_of(seen, seed)
        self.levels_ = LevelMap.learn(stands)
        self.evaluation_ = evaluate_values(
            seen,
            {LARGE: calibration.cross_fitted, **rivals},
            large=LARGE,
            intervals=crossed_intervals(
                predicted, stands, stratified_folds(halves(seen), FOLDS, seed), INTERVALS
            ),
            random_state=seed,
        )

    # ------------------------------------------------------------------------------------- scoring

    def predict(self, X: Frame) -> FloatArray:
        """Return the calibrated mean of the fraction lost, shape (n,), in [0, 1]."""
        return self.score_table(self.read(X))

    def predict_quantiles(self, X: Frame, levels: npt.ArrayLike) -> FloatArray:
        """Return quantiles of the fraction lost, shape (n, levels).

        Parameters
        ----------
        X : frame with n rows
        levels : array-like of shape (levels,)
            Between 0 and 1; 0.05 and 0.95 are the ends of an interval that holds 90 % of new losses, if
            these are of the same world as the held-out ones. Quantiles do not cross and stay in [0, 1].
        """
        check_is_fitted(self, "model_")
        return self.quantiles_of(self.read(X), checked_levels(levels))

    def quantiles_of(self, table: pa.Table, levels: FloatArray) -> FloatArray:
        """Return quantiles, shape (n, levels), for an Arrow table of n rows."""
        typed = self.model_.conform(table).table
        return predicted_fractions(self.model_, typed).quantiles(self.levels_(levels))

    # -------------------------------------------------------------------------------------- judging

    def evaluate(self, X: Frame, y: Any) -> ValueEvaluation:
        """Judge the model and the traditional ones on rows that none of them has seen.

        Parameters
        ----------
        X : frame with n rows
        y : array-like of shape (n,)
            Fractions lost.

        Returns
        -------
        ValueEvaluation
            Figures with intervals, paired comparisons, how often the intervals held, and a verdict.
        """
        check_is_fitted(self, "model_")
        table = self.read(X)
        lost = read_fractions(y, table.num_rows)
        typed = self.model_.conform(table).table
        predictions = {LARGE: self.model_.score_typed(typed)}
        predictions |= {b.name: b.score_table(typed) for b in self.benchmarks_}
        ends = [(1 - share) / 2 for share in INTERVALS] + [(1 + share) / 2 for share in INTERVALS]
        quantiles = self.quantiles_of(typed, np.array(ends))
        count = len(INTERVALS)
        intervals = {share: (quantiles[:, i], quantiles[:, count + i]) for i, share in enumerate(INTERVALS)}
        return evaluate_values(
            lost, predictions, large=LARGE, intervals=intervals, random_state=seed_of(self)
        )

    # --------------------------------------------------------------------------------------- saving

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return every tensor by name, ready to be saved."""
        return super().tensors() | {"levels": torch.from_numpy(self.levels_.values)}

    def _take_over(self, tensors: Mapping[str, torch.Tensor], documents: Mapping[str, Any]) -> None:
        self.levels_ = LevelMap(tensors["levels"].double().numpy())

    @staticmethod
    def _benchmark_of(document: Any) -> Any:
        return restore_rival(document)


def _longer(plan: TablePlan, rows: int) -> TablePlan:
    """Give the training more passes than a probability needs, if nobody has said how many."""
    if plan.training.max_epochs is not None:
        return plan
    usual = plan.training.resolved(rows).max_epochs
    assert usual is not None  # resolved
    return plan.model_copy(
        update={"training": plan.training.model_copy(update={"max_epochs": PASSES * usual})}
    )
