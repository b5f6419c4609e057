"""Fit a network to a table: held-out part, early stopping, calibration, and the last fit on all rows.

The held-out rows (the latest ones, where rows have a time) are dealt into two halves. One says when to
stop; the other judges and calibrates, each row judged by a calibrator fitted without it. Then the network is
trained again on all rows for as many epochs as were found best: the latest rows are the most like
those to come, and a model that left them out is a model of yesterday.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

from bezant.metrics.classification import roc_auc
from bezant.metrics.target_statistics import stratified_folds
from bezant.network.adaptation import settle
from bezant.network.batch import Batch
from bezant.network.calibration import Calibration, Calibrator, calibrate
from bezant.network.fields.embedding import FieldConfig
from bezant.network.fields.encoding import Encoding, learn_encoding
from bezant.network.fields.glance import Glance
from bezant.network.model import Network, NetworkConfig, learn_network
from bezant.network.record_encoder import RecordsConfig
from bezant.network.scoring import TableModel
from bezant.network.sizes import SizeName
from bezant.schema import Schema
from bezant.training.additive_share import answers_apart, best_share, share_note, usual_share
from bezant.training.loop import Observer, TrainingRun, train
from bezant.training.plan import EMBEDDED_UP_TO, SMALL_SIZES, TablePlan
from bezant.training.rows import Rows
from bezant.training.teaching import hints
from bezant.training.twins import choose_twins
from bezant.types import FloatArray, IntArray

FOLDS = 10
"""Folds of the out-of-fold target statistics."""

LEAST_HELD_OUT = 20
"""Fewest rows of each class in the held-out part; smaller tables are fitted without one."""

Shown = Callable[[str], AbstractContextManager[Observer | None]]

Prepare = Callable[[bool], tuple[Encoding, Network, Batch | Rows]]
"""Learns what is learned before training: from all rows if true, from all but the held-out ones if false."""


@dataclass(frozen=True)
class HeldOut:
    """The parts of a table, as row numbers.

    Attributes
    ----------
    training, stopping, judging : integer arrays
        Disjoint; together all rows. The last two are empty where the table is too small.
    folds : integer array, shape (n,), optional
        Of a cross-fitted table: the fold of each row. Every row is then one that trains and one that judges.
    """

    training: IntArray
    stopping: IntArray
    judging: IntArray
    folds: IntArray | None = None

    @classmethod
    def in_folds(cls, folds: IntArray) -> HeldOut:
        """Every row trains and every row judges, but never the same network (n,)."""
        everything = np.arange(len(folds))
        return cls(everything, np.flatnonzero(folds == 0), everything, folds)

    @classmethod
    def of(cls, held_out: IntArray, y: FloatArray, seed: int) -> HeldOut:
        """Deal held-out rows into halves of the same event rate; none if there are too few."""
        outcomes = halves(y)[held_out]
        rarer = min(outcomes.sum(), len(outcomes) - outcomes.sum())
        if rarer < LEAST_HELD_OUT:
            held_out, outcomes = held_out[:0], outcomes[:0]
        half = stratified_folds(outcomes, 2, seed)
        training = np.setdiff1d(np.arange(len(y)), held_out)
        return cls(training, held_out[half == 0], held_out[half == 1])


@dataclass(frozen=True)
class FittedTable:
    """What a fit gives.

    Attributes
    ----------
    model : TableModel
        The one to use: trained on all rows, calibrated by the held-out ones.
    parts : HeldOut
        Which rows served for what.
    judged : float64 array
        Held-out answers on ``parts.judging``, of the network that has not seen them and calibrated
        without them.
    calibration : Calibration or None
        How the calibrator was chosen; None without held-out rows.
    runs : tuple of TrainingRun
        The run with early stopping, then the one on all rows.
    notes : tuple of str
        What was skipped or went differently.
    first : TableModel
        The network that has not seen the held-out rows, not calibrated: what else is to be learned on
        those rows must be learned from its answers. None where there were folds, and so several.
    """

    model: TableModel
    parts: HeldOut
    judged: FloatArray
    calibration: Calibration | None
    runs: tuple[TrainingRun, ...]
    notes: tuple[str, ...]
    first: TableModel | None

    def __post_init__(self) -> None:
        for model in (self.model, self.first):
            if model is not None:
                settle(model.network)


def fit_table(
    table: pa.Table,
    schema: Schema,
    y: FloatArray,
    held_out: IntArray,
    plan: TablePlan,
    *,
    shown: Shown,
    checkpoint: Path | None = None,
    prepared: Prepare | None = None,
) -> FittedTable:
    """Fit a network to typed rows.

    Parameters
    ----------
    table : pyarrow.Table
        All rows, typed by the schema.
    schema : Schema
        What the columns mean.
    y : float64 array, shape (n,) or (n, C)
        Target of each row, as the head wants it.
    held_out : integer array
        Rows that choose the epoch, judge and calibrate.
    plan : TablePlan
        How.
    shown : callable
        Gives, for a title, a context whose value is an observer of training or None.
    checkpoint : path, optional
        Folder for checkpoints; a killed fit goes on from them.
    prepared : callable, optional
        Gives the rows to train on where there are more than those of the table, which then only judges.
    """
    notes = [*plan.small_note(len(y)), *plan.adaptation_note(halves(y))]
    plan = plan.resolved(len(y)).with_components(halves(y))
    seed = plan.training.seed
    parts = HeldOut.of(held_out, y, seed)
    prepared = prepared or _prepare_in_memory(table, schema, y, parts.training, plan)
    encoding, network, rows = prepared(not len(parts.judging))
    stopping = (
        batch_of(table.take(parts.stopping), encoding, y[parts.stopping]) if len(parts.stopping) else None
    )
    with shown("Training" if stopping is not None else "Training on all rows") as observe:
        run = train(
            network, rows, stopping, plan.training, checkpoint=_file(checkpoint, "held-out"), observe=observe
        )
    notes.extend((*plan.taught_note(run.best_epoch), *run.notes))
    plain = Calibrator("none", torch.empty(0))
    share = usual_share(halves(y), network)
    if stopping is not None and network.additive is not None:
        assert stopping.target is not None
        share = best_share(answers_apart(network, stopping), stopping.target.double().numpy())
    network.give_share(share)
    notes.extend(share_note(network))
    first = TableModel(schema, encoding, network, plain)
    if not len(parts.judging):
        notes.append(
            f"With {len(y)} rows, {int(halves(y).sum())} of them events, there are too few to hold any out: "
            "the model is neither calibrated nor judged on rows it has not seen."
        )
        return FittedTable(first, parts, np.empty(0), None, (run,), tuple(notes), first)
    answers = first.raw_scores(table.take(parts.judging))
    calibration = None
    if plan.network.head == "binary":
        calibration = calibrate(answers, y[parts.judging], seed=seed, in_time=schema.time is not None)
    judged = calibration.cross_fitted if calibration else answers
    if calibration and (ranking := roc_auc(y[parts.judging], answers)) < 0.5:
        notes.append(
            f"On the {len(answers)} rows held out to judge, the ranking was worse than chance (AUC "
            f"{ranking:.3f}): what was learned does not hold there, so only the level was calibrated."
        )
    calibrator = calibration.calibrator if calibration else plain
    model = TableModel(schema, encoding, network, calibrator)
    runs = [run]
    if run.ended == "interrupted":
        notes.append("The model was not trained again on all rows, for its training was interrupted.")
    elif plan.refit:
        again, on_all = refit(table, schema, y, plan, run.best_epoch, share, shown, checkpoint, prepared)
        runs.append(on_all)
        if on_all.ended == "interrupted":
            notes.append(
                "The training on all rows was interrupted, so the model is the one that was judged: it has "
                f"not learned from the {len(held_out)} held-out rows."
            )
        else:
            model = TableModel(schema, again.encoding, again.network, calibrator)
            notes.extend(on_all.notes)
    return FittedTable(model, parts, judged, calibration, tuple(runs), tuple(notes), first)


def _prepare_in_memory(
    table: pa.Table, schema: Schema, y: FloatArray, training: IntArray, plan: TablePlan
) -> Prepare:
    def prepared(everything: bool) -> tuple[Encoding, Network, Batch | Rows]:
        if everything:
            return prepare(table, schema, y, plan)
        return prepare(table.take(training), schema, y[training], plan)

    return prepared


def halves(y: FloatArray) -> FloatArray:
    """Return what folds are balanced by, shape (n,): outcomes as they are, values as 1.0 above their median.

    Of a target with several columns the last one counts, such as whether the event was seen.
    """
    y = y[:, -1] if y.ndim == 2 else y
    if set(np.unique(y)) <= {0.0, 1.0}:
        return y
    above = y > np.median(y)
    # Where more than half of the values are the largest, nothing lies above the median.
    return (above if above.any() else y >= np.median(y)).astype(np.float64)


def prepare_for_training(
    table: pa.Table, schema: Schema, y: FloatArray, held_out: IntArray, plan: TablePlan
) -> tuple[Callable[[], tuple[Network, Batch]], Batch]:
    """Return what gives a fresh network with its training rows, and the held-out rows to judge it on.

    No teacher softens their outcomes: it would take its time again for every network.
    """
    plan = plan.model_copy(update={"teacher": None}).resolved(len(y))
    training = np.setdiff1d(np.arange(len(y)), held_out)
    rows = table.take(training)
    encoding = prepare(rows, schema, y[training], plan)[0]

    def make() -> tuple[Network, Batch]:
        return prepare(rows, schema, y[training], plan)[1:]

    return make, batch_of(table.take(held_out), encoding, y[held_out])


def prepare(
    table: pa.Table, schema: Schema, y: FloatArray, plan: TablePlan
) -> tuple[Encoding, Network, Batch]:
    """Learn everything from these rows that is learned before training."""
    encoding, config = prepare_encoding(table, schema, y, plan)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(plan.training.seed)
        folds = torch.from_numpy(stratified_folds(halves(y), FOLDS, plan.training.seed))
        started = None
        if plan.pretrained is not None and encoding.records is not None:
            how = plan.adapt or plan.adaptation(len(y))
            started = plan.pretrained.start(how, plan.kept(halves(y)) if how == "frozen" else None)
        network, rows = learn_network(batch_of(table, encoding, y), folds, config, started)
    if plan.teacher is not None and plan.taught:
        glance = Glance.of(encoding)
        told, plain = glance.told(table), glance.told_schema(schema)
        hint = hints(told, plain, y, plan.teacher, plan.taught, plan.training.seed)
        rows = replace(rows, hint=hint)
    return encoding, network, rows


def prepare_encoding(
    table: pa.Table, schema: Schema, y: FloatArray, plan: TablePlan
) -> tuple[Encoding, NetworkConfig]:
    """Learn how these rows become arrays, and what a network for these arrays is to be."""
    assert plan.least_rows_a_value is not None and plan.statistics_from is not None  # resolved
    least, statistics = plan.least_rows_a_value, plan.statistics_from
    binary = plan.network.head == "binary"
    encoding = learn_encoding(
        table,
        schema,
        twins=choose_twins(table, schema, halves(y), small=bool(plan.small)),
        min_count=least,
        records=plan.pretrained.encoding if plan.pretrained is not None else None,
        aggregates=True,
    )
    known = [size - 2 for size in encoding.cardinalities]
    wished = plan.network.fields or FieldConfig(n_bins=(), cardinalities=())
    fields = wished.model_copy(
        update={
            "cardinalities": encoding.cardinalities,
            "statistics": tuple(i for i, n in enumerate(known) if n >= statistics),
            "embedded": tuple(i for i, n in enumerate(known) if n <= EMBEDDED_UP_TO),
            "binary": binary,
        }
    )
    network = plan.network.model_copy(update={"fields": fields})
    if encoding.records is None:
        network = network.model_copy(update={"records": None})
    else:
        found = FieldConfig(n_bins=(), cardinalities=encoding.records.cardinalities)
        size: SizeName = "tiny" if plan.small and network.size in SMALL_SIZES else network.size
        wish = network.records or RecordsConfig()
        backbone = wish.backbone
        if "size" not in backbone.model_fields_set:
            backbone = backbone.model_copy(update={"size": size})
        wish = wish.model_copy(update={"fields": found, "backbone": backbone})
        network = network.model_copy(update={"records": wish})
    return encoding, network


def batch_of(table: pa.Table, encoding: Encoding, y: FloatArray) -> Batch:
    """Return typed rows with their targets (n,) as tensors."""
    return Batch.of(encoding.encode(table), target=torch.from_numpy(np.asarray(y, np.float32)))


def refit(
    table: pa.Table,
    schema: Schema,
    y: FloatArray,
    plan: TablePlan,
    epochs: int,
    share: float,
    shown: Shown,
    checkpoint: Path | None,
    prepared: Prepare | None = None,
) -> tuple[TableModel, TrainingRun]:
    """Train on all rows for a number of epochs; what is returned is not calibrated.

    An additive member is given a share of the answer that was found without these rows.
    """
    encoding, network, rows = prepared(True) if prepared else prepare(table, schema, y, plan)
    network.give_share(share)
    with shown("Training on all rows") as observe:
        run = train(
            network,
            rows,
            None,
            plan.training,
            stop_after=max(epochs, 1),
            checkpoint=_file(checkpoint, "final"),
            observe=observe,
        )
    return TableModel(schema, encoding, network, Calibrator("none", torch.empty(0))), run


def _file(folder: Path | None, name: str) -> Path | None:
    return folder / f"{name}.safetensors" if folder is not None else None
