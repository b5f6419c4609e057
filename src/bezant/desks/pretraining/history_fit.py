"""Learning from histories without labels: what is read, what is held out, the network that comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import torch
from torch import Tensor

from bezant.desks.pretraining.history_notes import copies_note, positions_note, quality_note, read_notes
from bezant.desks.pretraining.history_rows import batch_of, cut_in_windows, encoded, observed_until, rows_of
from bezant.desks.pretraining.history_settings import history_training
from bezant.histories import Histories
from bezant.network.fields.embedding import FieldConfig
from bezant.network.fields.encoding import Encoding, learn_encoding
from bezant.network.history import HistoryConfig, HistoryNetwork, Term, learn_history
from bezant.network.records import Records
from bezant.schema import RECORDS, Schema, infer_schema
from bezant.training.config import TrainingConfig
from bezant.training.loop import TrainingRun, train
from bezant.training.progress import ProgressChoice, shown
from bezant.training.rows import RowsInMemory
from bezant.types import Frame, InputError

HELD_OUT = 0.1
"""Share of the histories that choose the epoch."""

COMPONENTS_FROM = 5_000
"""Histories over which a vector is standardised, and from which its components are learned."""


@dataclass(frozen=True)
class HistoryPlan:
    """How histories are read and learned from; each name means what it means to :class:`HistoryModel`."""

    entity: str
    time: str
    until: str | None
    window: int
    config: HistoryConfig
    training: TrainingConfig | Mapping[str, Any] | None
    progress: ProgressChoice
    seed: int


@dataclass(frozen=True, eq=False)
class FittedHistories:
    """What was learned.

    Attributes
    ----------
    network : HistoryNetwork
    encoding : Encoding
        How records become arrays.
    schema : Schema
        What the columns of the records mean.
    run : TrainingRun
    notes : tuple of str
    """

    network: HistoryNetwork
    encoding: Encoding
    schema: Schema
    run: TrainingRun
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Read:
    """Records as tensors, and what they were read by."""

    records: Records
    encoding: Encoding
    schema: Schema
    notes: tuple[str, ...]


def fit_histories(histories: Frame | Histories, plan: HistoryPlan) -> FittedHistories:
    """Learn from histories.

    Raises
    ------
    InputError
        If a column is not there, a time is missing, or no history has two records.
    """
    read = _read(histories, plan)
    records, terms = read.records, plan.config.terms
    training = history_training(plan.training, plan.seed, len(cut_in_windows(records, plan.window)))
    order = torch.randperm(len(records), generator=torch.Generator().manual_seed(plan.seed))
    held = _held_out(records, order, terms)
    known = records.rows((~held).nonzero()[:, 0])
    judged = records.rows(held.nonzero()[:, 0]) if held.any() else None
    network = _network(known, read.encoding, plan)
    with shown("Pretraining", plan.progress) as observe:
        run = train(
            network,
            batch_of(cut_in_windows(known, plan.window)),
            None if judged is None else batch_of(judged),
            training,
            observe=observe,
        )
    typical = records.rows(order[:COMPONENTS_FROM])
    network.summary.standardise(typical)
    network.summary.learn_components(typical)
    trained_on = RowsInMemory(batch_of(cut_in_windows(known, plan.window)))
    network.eval()
    notes = (
        *read.notes,
        *read_notes(records, known, plan.window),
        positions_note(network, trained_on, training),
        *(() if judged is None else quality_note(network, known, judged)),
        *run.notes,
    )
    return FittedHistories(network, read.encoding, read.schema, run, notes)


def _read(histories: Frame | Histories, plan: HistoryPlan) -> _Read:
    table, _ = rows_of(histories, plan.entity, plan.time)
    if not table.num_rows:
        raise InputError("There are no histories; give at least one with two records.")
    table = table.select([RECORDS])
    inferred = infer_schema(table)
    assert inferred.records is not None
    column, notes = inferred.records.conform_records(table)
    typed = pa.table({RECORDS: column})
    copies = () if isinstance(histories, Histories) else copies_note(typed)  # which may be beyond memory
    encoding = learn_encoding(typed, inferred)
    records = encoded(encoding, typed)
    records = replace(records, moments=observed_until(histories, plan.until, records))
    if not len(records) or records.longest < 2:
        raise InputError(
            f"None of the {table.num_rows} histories has two records; there is nothing to learn from."
        )
    return _Read(records, encoding, inferred.records, (*notes, *copies))


def _held_out(records: Records, order: Tensor, terms: tuple[Term, ...]) -> Tensor:
    """Return which histories choose the epoch, shape (B,): the first in order of those that can tell."""
    least = 0 if "later" in terms else 1  # of one record alone, silence is all there is to foresee
    some = order[records.lengths.index_select(0, order) > least]
    held = torch.zeros(len(records), dtype=torch.bool)
    held[some[: int(len(some) * HELD_OUT)]] = True
    return held


def _network(known: Records, encoding: Encoding, plan: HistoryPlan) -> HistoryNetwork:
    """Return a network that begins at the statistics of the records it will learn from."""
    assert encoding.records is not None
    found = FieldConfig(n_bins=(), cardinalities=encoding.records.cardinalities)
    fields = plan.config.records.model_copy(update={"fields": found})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(plan.seed)
        return learn_history(known, plan.config.model_copy(update={"records": fields}))
