"""Fit a network to a small table: every row judges, and every row trains.

Fifteen percent of a thousand rows say little about when to stop and less about calibration. In a small table
without an order, the rows are therefore dealt to five folds. Five networks, each trained without one fold,
say on average after which epoch to stop; as they were after it, they give every row an answer by a network
that has not seen it, from which the calibrator and the share of an additive member are learned and the model
is judged. The model that is kept is
then trained on all rows for that many epochs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from bezant.network.calibration import Calibrator, calibrate
from bezant.network.scoring import TableModel
from bezant.schema import Schema
from bezant.training.additive_share import answers_apart, best_share, share_note, shared
from bezant.training.loop import TrainingRun, train
from bezant.training.plan import SMALL_ROWS, TablePlan
from bezant.training.state import Epoch
from bezant.training.table import FittedTable, HeldOut, Shown, batch_of, prepare, refit
from bezant.types import FloatArray, IntArray

FOLDS = 5
"""Number of folds."""

LEAST_OF_EACH = 50
"""Fewest rows of each class: ten a fold."""


def is_cross_fitted(y: FloatArray, timed: bool) -> bool:
    """Tell whether a table with these outcomes (n,) is small enough, and large enough, for folds."""
    rarer = min(y.sum(), len(y) - y.sum())
    return bool(not timed and len(y) < SMALL_ROWS and rarer >= LEAST_OF_EACH)


def cross_fit_table(
    table: pa.Table,
    schema: Schema,
    y: FloatArray,
    folds: IntArray,
    plan: TablePlan,
    *,
    shown: Shown,
    checkpoint: Path | None = None,
) -> FittedTable:
    """Fit a network to typed rows, judged and calibrated out of fold.

    Parameters
    ----------
    table, schema, plan, shown, checkpoint
        As of :func:`bezant.training.table.fit_table`.
    y : float64 array, shape (n,)
        Outcomes, 0 or 1.
    folds : int64 array, shape (n,)
        Fold of each row.
    """
    small = (*plan.small_note(len(y)), *plan.adaptation_note(y))
    plan = _to_the_end(plan, len(y)).with_components(y)
    parts = HeldOut.in_folds(folds)
    number = int(folds.max()) + 1
    fits = []
    for k in range(number):
        title = f"Fold {k + 1} of {number}"
        fit = _run(table, schema, y, folds == k, plan, shown, title, checkpoint)
        if fit.run.ended == "interrupted":
            return _interrupted(fit, len(y))
        fits.append(fit)
    curves = [fit.run for fit in fits]
    run = _mean_run(curves)
    apart = np.empty((2, len(y)))
    for k, fit in enumerate(fits):
        inside, title = folds == k, f"Judging fold {k + 1} of {number}"
        if not fit.went_back_to(run.best_epoch):
            fit = _run(table, schema, y, inside, plan, shown, title, checkpoint, run.best_epoch)
            if fit.run.ended == "interrupted":
                return _interrupted(fit, len(y))
        held_out = batch_of(table.filter(pa.array(inside)), fit.model.encoding, y[inside])
        apart[:, inside] = answers_apart(fit.model.network, held_out)
    share = best_share(apart, y)
    calibration = calibrate(shared(apart, share), y, seed=plan.training.seed)
    final, on_all = refit(table, schema, y, plan, run.best_epoch, share, shown, checkpoint)
    kept = TableModel(schema, final.encoding, final.network, calibration.calibrator)
    notes = (
        *small,
        *plan.taught_note(run.best_epoch),
        *share_note(final.network),
        *dict.fromkeys(note for c in (*curves, on_all) for note in c.notes),
    )
    return FittedTable(kept, parts, calibration.cross_fitted, calibration, (run, on_all), notes, None)


def _to_the_end(plan: TablePlan, rows: int) -> TablePlan:
    """Return the resolved plan, in which no fold stops early unless patience was asked for.

    The mean curve is as long as the shortest one. A fold that stops early by chance would hide the better
    epochs of the others (docs/log.md).
    """
    resolved, asked = plan.resolved(rows), plan.training.patience is not None
    if asked:
        return resolved
    training = resolved.training.model_copy(update={"patience": resolved.training.max_epochs})
    return resolved.model_copy(update={"training": training})


MOST_KEPT = 2**30
"""Bytes that the weights of all folds and epochs may take; larger networks are trained again instead."""


@dataclass(frozen=True)
class _Fit:
    """A network trained without a fold, and its averaged weights after each epoch."""

    model: TableModel
    run: TrainingRun
    weights: dict[int, list[Tensor]]

    @torch.no_grad()
    def went_back_to(self, epoch: int) -> bool:
        """Put the weights back to what they were after an epoch; False if a checkpoint has skipped it."""
        if epoch not in self.weights:
            return False
        trained = [p for p in self.model.network.parameters() if p.requires_grad]
        for parameter, value in zip(trained, self.weights[epoch], strict=True):
            parameter.copy_(value)
        return True


def _interrupted(fit: _Fit, rows: int) -> FittedTable:
    """Keep the network that was being trained when Ctrl-C came."""
    empty = np.empty(0, np.int64)
    note = (
        "Training was interrupted before every fold was done: the model has learned from four fifths of the "
        "rows and is neither calibrated nor judged."
    )
    parts, model, run = HeldOut(np.arange(rows), empty, empty), fit.model, fit.run
    return FittedTable(model, parts, np.empty(0), None, (run,), (*run.notes, note), model)


def _run(
    table: pa.Table,
    schema: Schema,
    y: FloatArray,
    inside: np.ndarray[tuple[int], np.dtype[np.bool_]],
    plan: TablePlan,
    shown: Shown,
    title: str,
    checkpoint: Path | None,
    stop_after: int | None = None,
) -> _Fit:
    """Train without a fold; up to a given epoch, or until the fold is predicted no better."""
    rows = pa.array(~inside)
    encoding, network, batch = prepare(table.filter(rows), schema, y[~inside], plan)
    held_out = None
    if stop_after is None:
        held_out = batch_of(table.filter(pa.array(inside)), encoding, y[inside])
    name = title.lower().replace(" ", "-")
    weights: dict[int, list[Tensor]] = {}

    def keep(epoch: int, average: list[Tensor]) -> None:
        size = sum(a.numel() * a.element_size() for a in average)
        if size * (plan.training.max_epochs or 1) * FOLDS <= MOST_KEPT:
            weights[epoch] = [a.detach().cpu().clone() for a in average]

    with shown(title) as observe:
        run = train(
            network,
            batch,
            held_out,
            plan.training,
            stop_after=stop_after,
            checkpoint=None if checkpoint is None else checkpoint / f"{name}.safetensors",
            observe=observe,
            after_epoch=keep,
        )
    return _Fit(TableModel(schema, encoding, network, Calibrator("none", torch.empty(0))), run, weights)


def _mean_run(curves: list[TrainingRun]) -> TrainingRun:
    """Average the folds' curves as far as all of them go; the best epoch is the one of the mean."""
    together = list(zip(*(c.epochs for c in curves), strict=False))  # as far as the shortest goes
    trained = [float(np.mean([e.train_loss for e in epoch])) for epoch in together]
    judged = [
        float(np.mean([e.held_out_loss for e in epoch if e.held_out_loss is not None])) for epoch in together
    ]
    epochs = tuple(Epoch(i + 1, *losses) for i, losses in enumerate(zip(trained, judged, strict=True)))
    best = 1 + int(np.argmin(judged)) if judged else 1
    speed = float(np.mean([c.rows_per_second for c in curves]))
    return TrainingRun(epochs, best, "early", speed)
