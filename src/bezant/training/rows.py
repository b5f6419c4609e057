"""The rows a network is trained on: in memory, or in files that are read block by block.

Rows in files are shuffled in two steps. The blocks of the files are dealt at random to buffers, and the rows
of a buffer are shuffled in memory: every pass meets every row once, reading is sequential within a block, and
memory is that of one buffer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from bezant.network.backbones.packing import Packing, alike
from bezant.network.batch import Batch
from bezant.types import AnyArray, InputError

BLOCK_ROWS = 4096
"""Rows read at once: a few hundred kilobytes of each file."""

POOLED_PARTS = 32
"""Steps whose rows are dealt by their number of records: enough that those of a step are alike."""

FEW_RECORDS = 64
"""Rows of at most so many records are not told apart by their number."""

BUFFER_ROWS = 262_144
"""Rows in memory at once; batches mix the rows of 64 blocks from all over the files."""


class Shuffled(Protocol):
    """One pass over the rows in random order, the same again for the same seed."""

    def part(self, step: int) -> tuple[Batch, Tensor]:
        """Return some rows, and the places among them of those of a step."""


class Rows(Protocol):
    """Training rows, as the loop reads them."""

    def __len__(self) -> int:
        """Return their number."""

    def at(self, progress: float) -> Rows:
        """Return them with the targets of an epoch: 0 is the first of a schedule, 1 its last."""

    def shuffled(self, steps: int, seed: int, device: torch.device) -> Shuffled:
        """Deal all rows to so many steps."""

    def tensors(self) -> tuple[Tensor | None, ...]:
        """Return what tells these rows from others."""


@dataclass(frozen=True)
class RowsInMemory:
    """Rows that are one batch; it is moved to the device once."""

    batch: Batch

    def __len__(self) -> int:
        return len(self.batch)

    def at(self, progress: float) -> RowsInMemory:
        """Return them with the targets of an epoch, nearer to the outcomes the later it is."""
        return self if self.batch.hint is None else RowsInMemory(self.batch.hinted(progress))

    def shuffled(self, steps: int, seed: int, device: torch.device) -> Shuffled:
        """Deal all rows to so many steps."""
        order = torch.randperm(len(self.batch), generator=torch.Generator().manual_seed(seed))
        parts = list(order.tensor_split(steps))
        if self.batch.records is not None:
            parts = of_similar_length(parts, self.batch.records.lengths.cpu(), seed)
        return _InMemory(self.batch, [p.to(device) for p in parts])

    def tensors(self) -> tuple[Tensor | None, ...]:
        """Return the rows themselves."""
        return self.batch.tensors()


@dataclass(frozen=True)
class _InMemory:
    batch: Batch
    parts: list[Tensor]

    def part(self, step: int) -> tuple[Batch, Tensor]:
        return self.batch, self.parts[step]


def of_similar_length(parts: list[Tensor], lengths: Tensor, seed: int) -> list[Tensor]:
    """Deal the rows of each pool of parts again, so that rows of a part have about as many records.

    Rows of few records count as alike. Their padding costs little, and dealt by length they would make parts
    that are all of one kind: of customers who bought once and never again, say, and of those who go on.

    Parameters
    ----------
    parts : list of int64 tensor
        Places of rows, shuffled.
    lengths : int64 tensor, shape (n,)
        Records of each row.
    seed : int
        Shuffles the parts, which would else grow longer within a pool.

    Returns
    -------
    list of int64 tensor
        As many parts, of the same sizes but for one row, with the same rows.
    """
    dealt: list[Tensor] = []
    for first in range(0, len(parts), POOLED_PARTS):
        pool = parts[first : first + POOLED_PARTS]
        rows = torch.cat(pool)
        rows = rows[lengths[rows].clamp(min=FEW_RECORDS).argsort(stable=True)]
        dealt.extend(rows.tensor_split(len(pool)))
    order = torch.randperm(len(dealt), generator=torch.Generator().manual_seed(seed + 1))
    return [dealt[i] for i in order.tolist()]


def real_share(rows: RowsInMemory, steps: int, seed: int, *, packed: bool) -> tuple[float, float]:
    """Return which share of the positions computed in an epoch are records, and which in attention.

    Parameters
    ----------
    rows : RowsInMemory
        Rows with records, as they are trained on.
    steps, seed : int
        Steps of the epoch, and what shuffles it.
    packed : bool
        Whether the backbone lays records side by side for all but attention, as a transformer and a dilated
        CNN do, or computes padded groups of similar length, as an RNN does.

    Returns
    -------
    (float, float)
        From 0 to 1; both 1 where there is no record.
    """
    assert rows.batch.records is not None
    lengths = rows.batch.records.lengths.cpu()
    order = rows.shuffled(steps, seed, torch.device("cpu"))
    real = padded = attended = 0
    for step in range(steps):
        own: list[int] = lengths[order.part(step)[1]].tolist()
        real += sum(own)
        padded += sum(len(group) * max(own[i] for i in group) for group in alike(own))
        grouped = Packing.of(torch.tensor(own, dtype=torch.int64), max(own, default=0)).groups
        attended += sum(group.count * group.longest for group in grouped)
    computed = real if packed else padded
    return real / max(computed, 1) if real else 1.0, real / max(attended, 1) if real else 1.0


class ArrayFile:
    """A matrix in a file, written from its first row to its last and read in runs of rows.

    It is read and not mapped, so that what it takes of memory is what is asked for.

    Parameters
    ----------
    path : path
        A file that is made anew.
    width : int
        Number of columns.
    dtype : NumPy type
        Of the values.
    """

    def __init__(self, path: Path, width: int, dtype: type[np.generic]) -> None:
        self.path, self.width, self.dtype = path, width, np.dtype(dtype)
        self.rows = 0
        self._digest = hashlib.sha256()
        path.write_bytes(b"")

    def append(self, values: AnyArray) -> None:
        """Write rows (n, width) after those that are there."""
        data = np.ascontiguousarray(values, self.dtype)
        with self.path.open("ab") as file:
            data.tofile(file)
        self._digest.update(data.tobytes() if not data.size else data.data)
        self.rows += len(data)

    def read(self, start: int, stop: int) -> AnyArray:
        """Return rows ``start`` to ``stop``."""
        rows = max(min(stop, self.rows) - start, 0)
        offset = start * self.width * self.dtype.itemsize
        flat = np.fromfile(self.path, self.dtype, rows * self.width, offset=offset)
        return flat.reshape(rows, self.width)

    @property
    def digest(self) -> bytes:
        """SHA-256 of the content."""
        return self._digest.digest()


class RowsOnDisk:
    """Encoded rows in a folder of files, more of them than fit into memory.

    Parameters
    ----------
    folder : path
        An empty folder.
    numbers, codes : int
        Columns of these parts of a :class:`Batch`; statistics are written later.
    """

    def __init__(self, folder: Path, numbers: int, codes: int) -> None:
        self.folder = folder
        self.numbers = ArrayFile(folder / "numbers", numbers, np.float32)
        self.codes = ArrayFile(folder / "codes", codes, np.int32)
        self.target = ArrayFile(folder / "target", 1, np.float32)
        self.folds = ArrayFile(folder / "folds", 1, np.int8)
        self.statistics: ArrayFile | None = None

    def __len__(self) -> int:
        return self.target.rows

    def append(self, batch: Batch, folds: AnyArray) -> None:
        """Write rows that have a target (n,), with their folds (n,)."""
        assert batch.target is not None
        self.numbers.append(batch.numbers.numpy())
        self.codes.append(batch.codes.numpy())
        self.target.append(batch.target.numpy()[:, None])
        self.folds.append(folds[:, None])

    def append_statistics(self, statistics: Tensor) -> None:
        """Write the statistics (n, S) of the rows that have none yet."""
        if self.statistics is None:
            self.statistics = ArrayFile(self.folder / "statistics", statistics.shape[1], np.float32)
        self.statistics.append(statistics.numpy())

    def read(self, start: int, stop: int, *, statistics: bool = True) -> Batch:
        """Return rows in the order of the files, with their statistics if wished and written."""
        written = self.statistics if statistics else None
        return Batch(
            torch.from_numpy(self.numbers.read(start, stop)),
            torch.from_numpy(self.codes.read(start, stop)),
            None if written is None else torch.from_numpy(written.read(start, stop)),
            torch.from_numpy(self.target.read(start, stop)[:, 0]),
        )

    def pieces(self) -> Iterator[tuple[Batch, Tensor]]:
        """Yield all rows with their folds, in order and without their statistics."""
        for start in range(0, len(self), BUFFER_ROWS):
            stop = start + BUFFER_ROWS
            yield self.read(start, stop, statistics=False), self._folds(start, stop)

    def sample(self, most: int, seed: int) -> tuple[Batch, Tensor]:
        """Return at most so many rows, drawn at random and in order, with their folds; all if they fit."""
        if len(self) <= most:
            return self.read(0, len(self)), self._folds(0, len(self))
        drawn = np.sort(np.random.default_rng(seed).choice(len(self), most, replace=False, shuffle=False))
        parts, folds = [], []
        for start in range(0, len(self), BUFFER_ROWS):
            inside = drawn[np.searchsorted(drawn, start) : np.searchsorted(drawn, start + BUFFER_ROWS)]
            places = torch.from_numpy(inside - start)
            parts.append(self.read(start, start + BUFFER_ROWS).rows(places))
            folds.append(self._folds(start, start + BUFFER_ROWS)[places])
        return joined(parts), torch.cat(folds)

    def at(self, progress: float) -> RowsOnDisk:
        """Return them as they are: what lies in files has no teacher."""
        return self

    def shuffled(self, steps: int, seed: int, device: torch.device) -> Shuffled:
        """Deal all rows to so many steps."""
        if len(self) > BUFFER_ROWS and len(self) / steps > BUFFER_ROWS:
            raise InputError(
                f"A step over {len(self) // steps} of {len(self)} rows does not fit into a buffer of "
                f"{BUFFER_ROWS} rows; give a smaller batch_size, and another optimizer than gd."
            )
        return _OnDisk(self, steps, seed, device)

    def tensors(self) -> tuple[Tensor | None, ...]:
        """Return the hashes of the files."""
        files = (self.numbers, self.codes, self.target, self.statistics)
        return tuple(torch.frombuffer(bytearray(f.digest), dtype=torch.uint8) for f in files if f is not None)

    def _folds(self, start: int, stop: int) -> Tensor:
        return torch.from_numpy(self.folds.read(start, stop)[:, 0]).long()


class _OnDisk:
    """A pass over files; it holds one buffer at a time."""

    buffer: Batch | None
    parts: tuple[Tensor, ...]

    def __init__(self, rows: RowsOnDisk, steps: int, seed: int, device: torch.device) -> None:
        self.rows, self.seed, self.device = rows, seed, device
        blocks = -(-len(rows) // BLOCK_ROWS)
        buffers = max(min(-(-len(rows) // BUFFER_ROWS), steps, blocks), 1)
        order = np.random.default_rng(seed).permutation(blocks)
        self.blocks = [np.sort(part) for part in np.array_split(order, buffers)]
        self.first = [round(i * steps / buffers) for i in range(buffers + 1)]
        self.held, self.buffer, self.parts = -1, None, ()

    def part(self, step: int) -> tuple[Batch, Tensor]:
        place = int(np.searchsorted(self.first, step, side="right")) - 1
        if place != self.held or self.buffer is None:
            self.buffer = self._read(place)
            # The first buffer is shuffled as rows in memory are: a table of one trains the very same model.
            generator = torch.Generator().manual_seed((self.seed + 1_000_000_007 * place) % 2**63)
            order = torch.randperm(len(self.buffer), generator=generator).to(self.device)
            self.parts = order.tensor_split(self.first[place + 1] - self.first[place])
            self.held = place
        return self.buffer, self.parts[step - self.first[place]]

    def _read(self, place: int) -> Batch:
        starts = self.blocks[place] * BLOCK_ROWS
        return joined([self.rows.read(start, start + BLOCK_ROWS) for start in starts.tolist()]).to(
            self.device
        )


def joined(parts: list[Batch]) -> Batch:
    """Return batches without records and hints one after another; all have a part or none has."""
    columns = zip(*(p.tensors() for p in parts), strict=True)
    return Batch(*[None if c[0] is None else torch.cat(c) for c in columns])  # type: ignore[arg-type]
