"""Update a fitted network with new outcomes: from last year's weights, not from none.

Where enough rows are given, all that a first fit learns from rows before it trains is learned again:
vocabularies, scales, bins, statistics of outcomes, the choice of ratios and pairs. What training found is
carried over to it (:mod:`bezant.network.inheritance`), so an epoch or two are enough. With fewer rows all of
that stays, and only the weights move. The latest of the new rows, which no network has seen, are dealt into
two halves as in a first fit: one chooses the epoch, the other judges the trained network beside the old one,
as it was and with its calibration learned again. The trained one is kept unless it is worse there than the
best by more than two standard errors: what the world has done since is likelier in the new rows than in the
old weights. A better network is then trained on all rows given. Both halves say whether the level has a
trend that next year's rows should follow.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import pyarrow as pa
import torch

from bezant.metrics.classification import log_loss
from bezant.network.batch import Batch
from bezant.network.calibration import Calibration, calibrate
from bezant.network.fields.encoding import Encoding
from bezant.network.heads.binary import BinaryHead
from bezant.network.inheritance import inherit
from bezant.network.model import Network
from bezant.network.recalibration import UNMOVED, Recalibration, learn_recalibration, level_shift
from bezant.network.scoring import TableModel
from bezant.training.config import TrainingConfig
from bezant.training.loop import TrainingRun, train
from bezant.training.plan import TablePlan
from bezant.training.table import HeldOut, Shown, batch_of, prepare
from bezant.types import FloatArray, IntArray

EPOCHS = 3
"""Passes over the rows, if not told otherwise."""

BATCHES = 2
"""Rows a step, as a multiple of a first fit's: weights that are near need fewer steps."""

BEYOND_CHANCE = 2.0
"""Standard errors by which another candidate must be better than the trained one to be kept."""

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
        empty where the rows were too few to judge, without "trained" where training was interrupted.
    parts : HeldOut
        Which rows served for what.
    judged : dict of str to float64 array
        Probabilities of the candidates on the judging rows.
    calibration : Calibration or None
        Of the one that was kept; None where it was left as it was.
    runs : tuple of TrainingRun
        The run with early stopping, then the one on all rows.
    answers : float64 array
        Probabilities of the model as it now is on the judging rows, whose network has not seen them; empty if
        there are none. The level was moved by the held-out rows, of which they are half.
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
    answers: FloatArray
    recalibration: dict[str, float] = field(default_factory=dict)

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended the last run, whose weights were then dropped."""
        return bool(self.runs) and self.runs[-1].ended == "interrupted"

    @property
    def learned(self) -> IntArray:
        """Rows that the network which was kept has learned from in this update."""
        if self.kept != "trained":
            return np.empty(0, np.int64)
        parts = self.parts
        if self.interrupted:
            return parts.training
        return np.sort(np.concatenate([parts.training, parts.stopping, parts.judging]))

    @property
    def notes(self) -> tuple[str, ...]:
        """What went differently in training than asked; an interruption is in ``runs``."""
        # The run's own sentence says that its best weights were kept, which an update does not do.
        said = (note for run in self.runs for note in run.notes)
        return tuple(dict.fromkeys(note for note in said if not note.startswith("Training was interrupted")))


def update_table(
    model: TableModel,
    table: pa.Table,
    y: FloatArray,
    held_out: IntArray,
    plan: TablePlan,
    *,
    new: IntArray,
    days: FloatArray | None = None,
    relearn: bool,
    shown: Shown,
) -> UpdatedTable:
    """Train a fitted network for a few epochs more and keep it if that pays.

    Ctrl-C in the first run leaves the old network, with its calibration learned again if that is better; in
    the run with all rows it leaves the network that was judged, which has not seen the held-out rows.

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
    plan : TablePlan
        As resolved for the last fit, with how to train now; see :func:`brief`.
    new : integer array
        Rows that are later than those of the last fit, the held-out ones among them. They set the level: of
        older rows the network learns to rank, but what they were at is past.
    days : float64 array, shape (n,), optional
        Times in days since 1970; without them no trend of the level is followed.
    relearn : bool
        Learn vocabularies, scales, bins and statistics from these rows. Must be true if any of them was in
        the old tables of outcomes: such a row would be trained with its own outcome among its inputs.
    shown : callable
        As of :func:`bezant.training.table.fit_table`.
    """
    training = plan.training
    parts = HeldOut.of(held_out, y, training.seed)
    if not len(parts.judging):
        return UpdatedTable(model, "old", {}, parts, {}, None, (), np.empty(0))
    judging, outcomes = table.take(parts.judging), y[parts.judging]
    begin = _again if relearn else _on
    encoding, inner, rows = begin(model, table.take(parts.training), y[parts.training], plan)
    stopping = batch_of(table.take(parts.stopping), encoding, y[parts.stopping])
    with shown("Updating") as observe:
        run = train(inner, rows, stopping, training, observe=observe)
    plain = replace(model, recalibration=UNMOVED)
    candidates: dict[Kept, TableModel] = {"calibrated": plain}
    if run.ended != "interrupted":
        _level(inner, rows, np.flatnonzero(np.isin(parts.training, new)))
        candidates["trained"] = replace(plain, network=inner, encoding=encoding)
    in_time = model.schema.time is not None
    again = {
        name: calibrate(candidate.raw_scores(judging), outcomes, seed=training.seed, in_time=in_time)
        for name, candidate in candidates.items()
    }
    judged: dict[Kept, FloatArray] = {"old": model.score_typed(judging)}
    judged |= {name: calibration.cross_fitted for name, calibration in again.items()}
    losses: dict[Kept, float] = {name: log_loss(outcomes, p) for name, p in judged.items()}
    kept = _chosen(outcomes, judged, losses)
    if kept == "old":
        return UpdatedTable(model, kept, losses, parts, judged, None, (run,), judged["old"])
    calibration = again[kept]
    updated = replace(candidates[kept], calibrator=calibration.calibrator)
    moved, gains = _moved(updated, table, y, held_out, days, training.seed)
    updated = replace(updated, recalibration=moved)
    answers = moved.apply(judged[kept], None if days is None else days[parts.judging])
    runs: tuple[TrainingRun, ...] = (run,)
    if kept == "trained":
        learned, final, rows = begin(model, table, y, plan)
        with shown("Updating with all rows") as observe:
            on_all = train(final, rows, None, training, stop_after=max(run.best_epoch, 1), observe=observe)
        runs = (run, on_all)
        if on_all.ended != "interrupted":
            _level(final, rows, new)
            updated = replace(updated, network=final, encoding=learned)
    return UpdatedTable(updated, kept, losses, parts, judged, calibration, runs, answers, gains)


def _level(network: Network, rows: Batch, new: IntArray) -> None:
    """Move the members' level, in place, to that of these rows, seen with the statistics of other folds."""
    some = rows.rows(torch.from_numpy(new))
    if len(some) and isinstance(network.head, BinaryHead):
        assert some.target is not None
        shift = level_shift(network.predict(some).double().numpy(), some.target.double().numpy())
        with torch.no_grad():
            network.head.unit.bias.add_(shift)
            if network.additive is not None:
                network.additive.move(shift)


def _chosen(y: FloatArray, judged: dict[Kept, FloatArray], losses: dict[Kept, float]) -> Kept:
    """Return the trained candidate, if there is one, unless another is better by more than chance."""
    best = min(losses, key=lambda name: losses[name])  # of equals the one that changes least
    if "trained" not in judged:
        return best
    more = _row_losses(y, judged["trained"]) - _row_losses(y, judged[best])
    return best if more.mean() > BEYOND_CHANCE * more.std() / len(y) ** 0.5 else "trained"


def _row_losses(y: FloatArray, p: FloatArray) -> FloatArray:
    p = np.clip(p, 1e-15, 1 - 1e-15)
    return np.asarray(-np.log(np.where(y == 1, p, 1 - p)))


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


def brief(training: TrainingConfig, rows: int, epochs: int | None) -> TrainingConfig:
    """Return how to train for a few epochs after a fit with this configuration.

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
    assert resolved.batch_size is not None
    epochs = EPOCHS if epochs is None else epochs
    return resolved.model_copy(
        update={"batch_size": BATCHES * resolved.batch_size, "max_epochs": epochs, "patience": epochs}
    )


def _again(
    model: TableModel, table: pa.Table, y: FloatArray, plan: TablePlan
) -> tuple[Encoding, Network, Batch]:
    """Learn from the rows what is learned before training, and carry the weights over to it."""
    kept = model.network.config.model_copy(update={"fields": plan.network.fields})
    encoding, network, rows = prepare(table, model.schema, y, plan.model_copy(update={"network": kept}))
    inherit(network, encoding, model.network, model.encoding)
    return encoding, network, rows


def _on(
    model: TableModel, table: pa.Table, y: FloatArray, plan: TablePlan
) -> tuple[Encoding, Network, Batch]:
    """Go on with all that the model has learned from other rows."""
    return model.encoding, deepcopy(model.network), batch_of(table, model.encoding, y)
