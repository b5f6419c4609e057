"""Update a fitted network with new outcomes: from last year's weights, not from none.

What gives the inputs their meaning stays: vocabularies, scales, bins, ratios, chosen pairs. Statistics of
outcomes are learned again where enough rows are given. The latest of the new rows, which no network has
seen, are dealt into two halves as in a first fit: one chooses the epoch, the other judges the trained network
beside the old one, as it was and with its calibration learned again. What is best there is kept, so an update
is never worse on them; only then is a better network trained on all rows given. Both halves then say whether
the level has a trend that next year's rows should follow.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Literal

import pyarrow as pa
import torch

from bezant.metrics.classification import log_loss
from bezant.metrics.target_statistics import stratified_folds
from bezant.network.batch import Batch
from bezant.network.calibration import Calibration, calibrate
from bezant.network.model import Network
from bezant.network.recalibration import UNMOVED, Recalibration, learn_recalibration
from bezant.network.relearning import relearn_statistics
from bezant.network.scoring import TableModel
from bezant.training.config import TrainingConfig
from bezant.training.loop import TrainingRun, train
from bezant.training.optimizers import LEARNING_RATES
from bezant.training.table import FOLDS, HeldOut, Shown, batch_of
from bezant.types import FloatArray, IntArray

EPOCHS = 3
"""Passes over the rows, if not told otherwise."""

RATE = 0.3
"""Share of the first fit's learning rate: enough to follow the world, too little to forget."""

Kept = Literal["trained", "calibrated", "old"]
"""What was kept: the trained network, the old one with a new calibration, or the old one as it was."""


@dataclass(frozen=True)
class UpdatedTable:
    """What an update gives.

    Attributes
    ----------
    model : TableModel
        The one to use.
    kept : {"trained", "calibrated", "old"}
        Which of the candidates it is.
    log_losses : dict of str to float
        Of each candidate on the judging rows, calibrated without the row's fold where it is calibrated again;
        empty where the rows were too few to judge.
    parts : HeldOut
        Which rows served for what.
    judged : dict of str to float64 array
        Probabilities of the candidates on the judging rows.
    calibration : Calibration or None
        Of the one that was kept; None where it was left as it was.
    runs : tuple of TrainingRun
        The run with early stopping, then the one on all rows.
    recalibration : dict of str to float
        Log loss of each way of moving the level, on the later half of the held-out rows; empty without times
        or where the old model was left as it was.
    """

    model: TableModel
    kept: Kept
    log_losses: dict[Kept, float]
    parts: HeldOut
    judged: dict[Kept, FloatArray]
    calibration: Calibration | None
    runs: tuple[TrainingRun, ...]
    recalibration: dict[str, float] = field(default_factory=dict)


def update_table(
    model: TableModel,
    table: pa.Table,
    y: FloatArray,
    held_out: IntArray,
    training: TrainingConfig,
    *,
    days: FloatArray | None = None,
    relearn: bool,
    shown: Shown,
) -> UpdatedTable:
    """Train a fitted network for a few epochs more and keep it if it is better.

    Parameters
    ----------
    model : TableModel
        Fitted, with a binary head; it is not changed.
    table : pyarrow.Table
        The rows to learn from, typed.
    y : float64 array, shape (n,)
        Their outcomes, 0 or 1.
    held_out : integer array
        Rows that the model has not seen, which choose the epoch, judge and calibrate.
    training : TrainingConfig
        How to train; see :func:`gentle`.
    days : float64 array, shape (n,), optional
        Times in days since 1970; without them no trend of the level is followed.
    relearn : bool
        Learn target and pair statistics from these rows. Must be true if any of the rows was in the old
        tables: such a row would be trained with its own outcome among its inputs.
    shown : callable
        As of :func:`bezant.training.table.fit_table`.
    """
    parts = HeldOut.of(held_out, y, training.seed)
    if not len(parts.judging):
        return UpdatedTable(model, "old", {}, parts, {}, None, ())
    judging, outcomes = table.take(parts.judging), y[parts.judging]
    inner, rows = _start(model, table.take(parts.training), y[parts.training], training.seed, relearn)
    stopping = batch_of(table.take(parts.stopping), model.encoding, y[parts.stopping])
    with shown("Updating") as observe:
        run = train(inner, rows, stopping, training, observe=observe)
    plain = replace(model, recalibration=UNMOVED)
    in_time = model.schema.time is not None
    again = {
        name: calibrate(candidate.raw_scores(judging), outcomes, seed=training.seed, in_time=in_time)
        for name, candidate in (("trained", replace(plain, network=inner)), ("calibrated", plain))
    }
    judged: dict[Kept, FloatArray] = {
        "old": model.score_typed(judging),
        "calibrated": again["calibrated"].cross_fitted,
        "trained": again["trained"].cross_fitted,
    }
    losses: dict[Kept, float] = {name: log_loss(outcomes, p) for name, p in judged.items()}
    kept = min(losses, key=lambda name: losses[name])  # of equals the one that changes least
    if kept == "old" or run.ended == "interrupted":
        return UpdatedTable(model, "old", losses, parts, judged, None, (run,))
    calibration = again[kept]
    calibrated = replace(plain, calibrator=calibration.calibrator)
    answering = replace(calibrated, network=inner) if kept == "trained" else calibrated
    moved, gains = _moved(answering, table, y, held_out, days, training.seed)
    calibrated = replace(calibrated, recalibration=moved)
    if kept == "calibrated":
        return UpdatedTable(calibrated, kept, losses, parts, judged, calibration, (run,), gains)
    final, rows = _start(model, table, y, training.seed, relearn)
    with shown("Updating with all rows") as observe:
        on_all = train(final, rows, None, training, stop_after=max(run.best_epoch, 1), observe=observe)
    updated = replace(calibrated, network=final if on_all.ended != "interrupted" else inner)
    return UpdatedTable(updated, kept, losses, parts, judged, calibration, (run, on_all), gains)


def _moved(
    model: TableModel,
    table: pa.Table,
    y: FloatArray,
    held_out: IntArray,
    days: FloatArray | None,
    seed: int,
) -> tuple[Recalibration, dict[str, float]]:
    """Learn how the level moves, from answers of a network that has not seen the held-out rows."""
    if days is None:
        return UNMOVED, {}
    answers = model.score_typed(table.take(held_out))
    return learn_recalibration(answers, y[held_out], days[held_out], seed=seed)


def gentle(training: TrainingConfig, rows: int, epochs: int | None) -> TrainingConfig:
    """Return how to go on training for a few epochs after a fit with this configuration.

    Parameters
    ----------
    training : TrainingConfig
        Of the first fit.
    rows : int
        Number of rows given.
    epochs : int, optional
        Passes over them; :data:`EPOCHS` if not given.
    """
    resolved = training.resolved(rows)
    rate = RATE * (resolved.learning_rate or LEARNING_RATES[resolved.optimizer])
    epochs = EPOCHS if epochs is None else epochs
    return resolved.model_copy(update={"learning_rate": rate, "max_epochs": epochs, "patience": epochs})


def _start(
    model: TableModel, table: pa.Table, y: FloatArray, seed: int, relearn: bool
) -> tuple[Network, Batch]:
    """Return a copy of the network to go on from, and the rows to train it on."""
    batch = batch_of(table, model.encoding, y)
    if not relearn:
        return deepcopy(model.network), batch
    folds = torch.from_numpy(stratified_folds(y, FOLDS, seed))
    return relearn_statistics(model.network, batch, folds)
