"""The one value that crosses the border between data and network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from bezant.network.fields.encoding import Encoded
from bezant.network.records import Records


@dataclass(frozen=True)
class Batch:
    """Rows as tensors; a whole training set is a large batch, and a batch is rows of it by index.

    Attributes
    ----------
    numbers : float32 tensor, shape (B, P)
        Raw numbers, NaN where missing.
    codes : int32 tensor, shape (B, C)
        Codes of categories.
    statistics : float32 tensor, shape (B, S), optional
        Out-of-fold target statistics of training rows. Where absent the network looks the codes up
        in its own table, which was learned on all training rows: right for any *other* row.
    target : float32 tensor, shape (B,) or (B, C), optional
        What is to be predicted; C columns where the head needs more than one (see its class).
    weight : float32 tensor, shape (B,), optional
        Weight of each row in the loss.
    summary : float32 tensor, shape (B, R), optional
        What a network makes of the records, where training does not change that.
    records : Records, optional
        The rows' records, of rows that have some.
    hint : float32 tensor, shape (B,), optional
        By how much a teacher would have the targets moved when training begins.
    """

    numbers: Tensor
    codes: Tensor
    statistics: Tensor | None = None
    target: Tensor | None = None
    weight: Tensor | None = None
    summary: Tensor | None = None
    records: Records | None = None
    hint: Tensor | None = None

    def __post_init__(self) -> None:
        sizes = {f.name: len(t) for f in fields(self) if (t := getattr(self, f.name)) is not None}
        if len(set(sizes.values())) > 1:
            raise ValueError(f"the parts of a batch have different lengths: {sizes}")

    def __len__(self) -> int:
        return len(self.numbers)

    def rows(self, index: Tensor | slice) -> Batch:
        """Return the rows at these places, by one indexing operation a tensor."""
        records = None if self.records is None else self.records.rows(index)
        if isinstance(index, slice):
            return self._each(lambda t: t[index], records)
        return self._each(lambda t: t.index_select(0, index), records)

    def to(self, device: torch.device | str) -> Batch:
        """Return the batch on a device."""
        records = None if self.records is None else self.records.to(device)
        return self._each(lambda t: t.to(device, non_blocking=True), records)

    def _each(self, change: Callable[[Tensor], Tensor], records: Records | None) -> Batch:
        statistics, target, weight, summary, hint = (
            None if t is None else change(t)
            for t in (self.statistics, self.target, self.weight, self.summary, self.hint)
        )
        numbers, codes = change(self.numbers), change(self.codes)
        return Batch(numbers, codes, statistics, target, weight, summary, records, hint)

    def hinted(self, progress: float) -> Batch:
        """Return the rows with targets moved by the hints: by all of them at 0, by nothing at 1."""
        if self.hint is None or self.target is None:
            return self
        return replace(self, target=self.target + (1 - progress) * self.hint, hint=None)

    def tensors(self) -> tuple[Tensor | None, ...]:
        """Return the parts as the constructor has them, with those of the records in their place."""
        records = () if self.records is None else self.records.tensors()
        rows = (self.numbers, self.codes, self.statistics, self.target, self.weight, self.summary)
        return (*rows, *records, *(() if self.hint is None else (self.hint,)))

    @classmethod
    def of(cls, encoded: Encoded, **parts: Tensor | None) -> Batch:
        """Wrap encoded rows without copying them."""
        records = None if encoded.records is None else Records.of(encoded.records)
        numbers, codes = torch.from_numpy(encoded.numbers), torch.from_numpy(encoded.codes)
        return cls(numbers, codes, records=records, **parts)
