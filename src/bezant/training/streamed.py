"""Fit a network to a table that does not fit into memory.

An excerpt of the rows is in memory. It says what the columns mean, judges and calibrates. All rows are
encoded once into files, their target statistics are counted there, and the loop reads the files in shuffled
blocks. Everything else is :func:`bezant.training.table.fit_table`.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

from bezant.metrics.target_statistics import stratified_folds
from bezant.network.fields.encoding import Encoding
from bezant.network.fields.interactions import MOST_SOURCES
from bezant.network.model import Network, NetworkConfig, learn_network_in_pieces
from bezant.schema import Schema
from bezant.training.plan import TablePlan
from bezant.training.rows import RowsOnDisk
from bezant.training.table import FOLDS, FittedTable, Shown, batch_of, fit_table, halves, prepare_encoding
from bezant.types import FloatArray, InputError, IntArray

SAMPLE_ROWS = 500_000
"""Encoded rows from which bins, scales and pairs are learned."""

ROWS_TRAINED = 8_000_000
"""Where nothing is said of epochs, there are as many as pass over so many rows, but 1 to 8."""


@dataclass(frozen=True)
class StreamedTable:
    """Typed rows that come in pieces, and an excerpt of them.

    Attributes
    ----------
    excerpt : pyarrow.Table
        Rows drawn at random, those to be held out more densely than the others.
    schema : Schema
        What the columns mean.
    y : float64 array, shape (n,)
        Outcomes of the excerpt.
    held_out : integer array
        Places in the excerpt of the rows that stop, judge and calibrate.
    pieces : callable
        Yields typed rows with their outcomes: all if true, all that do not belong to the held-out part if
        false. Always in the same pieces.
    rows, held_out_rows : int
        Number of all rows, and of those of the held-out part, whether in the excerpt or not.
    """

    excerpt: pa.Table
    schema: Schema
    y: FloatArray
    held_out: IntArray
    pieces: Callable[[bool], Iterator[tuple[pa.Table, FloatArray]]]
    rows: int
    held_out_rows: int

    def learning(self, everything: bool, seed: int) -> tuple[IntArray, float]:
        """Return places in the excerpt of an even draw of the rows to learn from, and its share of them."""
        training = np.setdiff1d(np.arange(len(self.y)), self.held_out)
        share = min(len(training) / max(self.rows - self.held_out_rows, 1), 1.0)
        if not everything:
            return training, share
        share = min(share, len(self.held_out) / max(self.held_out_rows, 1)) if self.held_out_rows else share
        wanted = (round(share * (self.rows - self.held_out_rows)), round(share * self.held_out_rows))
        rng = np.random.default_rng(seed)
        drawn = [
            part if n >= len(part) else rng.choice(part, n, replace=False)
            for part, n in zip((training, self.held_out), wanted, strict=True)
        ]
        return np.sort(np.concatenate(drawn)), share


def fit_streamed(
    table: StreamedTable, plan: TablePlan, folder: Path, *, shown: Shown, checkpoint: Path | None = None
) -> FittedTable:
    """Fit a network to rows in pieces.

    Parameters
    ----------
    table : StreamedTable
    plan : TablePlan
        How; what depends on the rows is filled in by :func:`plan_for`.
    folder : path
        An existing folder for temporary files, of some 300 bytes a row; they are left there.
    shown, checkpoint
        As of :func:`bezant.training.table.fit_table`.

    Raises
    ------
    InputError
        If the disk has no room for the files, or the optimizer wants all rows at once.
    """
    if plan.training.optimizer == "gd":
        raise InputError(
            f"The optimizer gd takes all {table.rows} rows at once, but they come in pieces; name another."
        )

    notes = plan.small_note(table.rows)
    if plan.taught:
        notes += ("Rows that come in pieces have no teacher: network={'taught': ...} was left out.",)
    plan = plan_for(plan, table.rows)
    left_out: tuple[str, ...] = ()

    def prepared(everything: bool) -> tuple[Encoding, Network, RowsOnDisk]:
        nonlocal left_out
        encoding, network, rows, left_out = prepare_streamed(table, plan, folder, everything)
        return encoding, network, rows

    fitted = fit_table(
        table.excerpt,
        table.schema,
        table.y,
        table.held_out,
        plan,
        shown=shown,
        checkpoint=checkpoint,
        prepared=prepared,
    )
    return replace(fitted, notes=(*notes, *left_out, *fitted.notes))


def plan_for(plan: TablePlan, rows: int) -> TablePlan:
    """Return a plan for so many rows: steps, not passes, are what training needs, and there is no teacher."""
    plan = plan.model_copy(update={"teacher": None})
    if plan.training.max_epochs is None and rows > ROWS_TRAINED // 8:
        epochs = max(ROWS_TRAINED // rows, 1)
        plan = plan.model_copy(update={"training": plan.training.model_copy(update={"max_epochs": epochs})})
    return plan.resolved(rows)


def prepare_streamed(
    table: StreamedTable, plan: TablePlan, folder: Path, everything: bool
) -> tuple[Encoding, Network, RowsOnDisk, tuple[str, ...]]:
    """Learn everything that is learned before training, and write the rows for it; say what was left out.

    Parameters
    ----------
    table, plan, folder
        As of :func:`fit_streamed`.
    everything : bool
        Whether the held-out part is learned from too.
    """
    assert plan.least_rows_a_value is not None  # resolved
    seed = plan.training.seed
    places, share = table.learning(everything, seed)
    least = max(2, int(np.ceil(plan.least_rows_a_value * share)))
    encoding, config = prepare_encoding(
        table.excerpt.take(places),
        table.schema,
        table.y[places],
        plan.model_copy(update={"least_rows_a_value": least}),
    )
    rows = _encoded(table, encoding, config, folder, everything, seed)
    sample, folds = rows.sample(SAMPLE_ROWS, seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network, learned = learn_network_in_pieces(rows.pieces, FOLDS, sample, folds, config)
    for piece, which in rows.pieces():
        rows.append_statistics(learned.out_of_fold(piece, which))
    return encoding, network, rows, learned.notes


def _encoded(
    table: StreamedTable,
    encoding: Encoding,
    config: NetworkConfig,
    folder: Path,
    everything: bool,
    seed: int,
) -> RowsOnDisk:
    """Write the rows as arrays; those of an earlier call are removed first."""
    place = folder / "rows"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    _refuse_full_disk(place, table.rows, encoding, config)
    rows = RowsOnDisk(place, len(encoding.numbers), len(encoding.codes))
    for number, (piece, y) in enumerate(table.pieces(everything)):
        # Folds are balanced within each piece; the next piece starts with the next fold, so they are in all.
        folds = (stratified_folds(halves(y), FOLDS, seed + number) + number) % FOLDS
        rows.append(batch_of(piece, encoding, y), folds)
    return rows


def _refuse_full_disk(folder: Path, rows: int, encoding: Encoding, config: NetworkConfig) -> None:
    fields = config.fields
    assert fields is not None
    statistics = len(fields.statistics) * (len(fields.smoothings) + 1) + min(fields.most_pairs, MOST_SOURCES)
    needed = rows * (4 * (len(encoding.numbers) + len(encoding.codes) + statistics + 1) + 1)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(
            f"The {rows} rows need {needed / 1e9:.1f} GB of temporary files, but {str(folder.parent)!r} has "
            f"{free / 1e9:.1f} GB left; name a folder with more room with scratch=."
        )
