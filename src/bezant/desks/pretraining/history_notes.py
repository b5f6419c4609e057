"""What is said of a pretraining: what was read, what stood twice, how full batches were, how good it is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from bezant.network.history import HistoryNetwork
from bezant.network.marginal import marginal_surprise
from bezant.network.records import Records
from bezant.schema import flattened
from bezant.schema.words import counted
from bezant.training.config import TrainingConfig
from bezant.training.rows import RowsInMemory, real_share


def copies_note(table: pa.Table) -> tuple[str, ...]:
    """Say how many records of a table with a column of records are the same as another of their row."""
    offsets, flat = flattened(table)
    row = pa.array(np.repeat(np.arange(len(offsets) - 1), np.diff(offsets)))
    columns = [row, *flat.columns]
    names = [str(i) for i in range(len(columns))]
    copies = flat.num_rows - pa.table(columns, names=names).group_by(names).aggregate([]).num_rows
    if not copies:
        return ()
    return (
        f"{copies:,} of {counted(flat.num_rows, 'record')} {'is' if copies == 1 else 'are'} the same in "
        "every column as another of the same history and learned from all the same: leave copies out if a "
        "file was read twice.",
    )


def read_notes(records: Records, known: Records, window: int) -> tuple[str, ...]:
    """Say what was learned from, of all records and of those that were known to training."""
    said = [
        f"Learned from {counted(int(known.lengths.sum()), 'record')} of "
        f"{counted(len(known), 'history', 'histories')}; {counted(len(records) - len(known), 'other')} "
        "chose the epoch."
    ]
    none = int((records.lengths == 0).sum())
    if none:
        said.append(
            f"{none:,} of {len(records):,} histories {'has' if none == 1 else 'have'} no record and taught "
            "nothing."
        )
    longer = int((records.lengths > window).sum())
    if longer:
        said.append(
            f"Longer than the window of {counted(window, 'record')}: "
            f"{counted(longer, 'history', 'histories')}, learned from in windows; a vector is of the latest "
            "one."
        )
    return tuple(said)


def positions_note(network: HistoryNetwork, rows: RowsInMemory, training: TrainingConfig) -> str:
    """Say how much of what a pass computes is no padding."""
    assert training.batch_size is not None
    steps, kind = max(1, round(len(rows) / training.batch_size)), network.config.records.backbone.kind
    real, attended = real_share(rows, steps, training.seed, packed=kind != "rnn")
    said = f"Of the positions that a pass of training computes, {real:.1%} are records"
    return f"{said} ({attended:.1%} in attention)." if kind == "transformer" else f"{said}."


ALONE = "from the frequencies of values alone"
"""Stands in the note of :func:`quality_note`, and in no other."""


def quality_of(notes: Sequence[str]) -> str | None:
    """Return the note that :func:`quality_note` gave, if it gave one."""
    return next((note for note in notes if ALONE in note), None)


def quality_note(network: HistoryNetwork, known: Records, judged: Records) -> tuple[str, ...]:
    """Say how surprising held-out records are, beside what the frequencies of their values alone say."""
    if "next" not in network.config.terms or not len(judged):
        return ()
    # rounded as they are printed, so that their difference is the one that a reader finds
    own = round(float(network.surprise(judged).sum(1).mean()), 2)
    alone = round(float(marginal_surprise(network, known, judged).sum(1).mean()), 2)
    said = (
        f"A record of the {counted(len(judged), 'history', 'histories')} that chose the epoch is surprising "
        f"by {own:.2f} nats given those before it, by {alone:.2f} {ALONE}"
    )
    if own < alone:
        return (f"{said}: what came before tells {alone - own:.2f}.",)
    return (f"{said}: nothing that holds was learned from what came before.",)
