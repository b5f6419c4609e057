"""The records of a batch's rows as tensors, chosen by index arithmetic and never copied but for a step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from bezant.network.fields.encoding import EncodedRecords


@dataclass(frozen=True)
class Records:
    """Records of B rows, which may be some of many: all share the same tensors of records.

    Attributes
    ----------
    numbers : float32 tensor, shape (M, P)
        Raw numbers of all records there are, NaN where missing.
    codes : int32 tensor, shape (M, C)
        Codes of categories.
    times : int64 tensor, shape (M,)
        Microseconds since 1970, ascending within a row.
    starts, lengths : int64 tensors, shape (B,)
        A row owns the ``lengths`` records from ``starts`` on.
    moments : int64 tensor, shape (B,)
        When each row is looked at; not before its last record.
    """

    numbers: Tensor
    codes: Tensor
    times: Tensor
    starts: Tensor
    lengths: Tensor
    moments: Tensor

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def longest(self) -> int:
        """Records of the longest row; 0 if none has any."""
        return int(self.lengths.max()) if len(self) else 0

    def rows(self, index: Tensor | slice) -> Records:
        """Return the records of the rows at these places."""
        if isinstance(index, slice):
            return self._each_row(lambda t: t[index])
        return self._each_row(lambda t: t.index_select(0, index))

    def latest(self, most: int) -> Records:
        """Return at most so many of the latest records of each row."""
        beyond = (self.lengths - most).clamp(min=0)
        return replace(self, starts=self.starts + beyond, lengths=self.lengths - beyond)

    def gathered(self) -> Records:
        """Return the same rows with tensors that hold their records alone, in the order of the rows."""
        ends = self.lengths.cumsum(0)
        begins = ends - self.lengths
        total = int(ends[-1]) if len(self) else 0
        shift = (self.starts - begins).repeat_interleave(self.lengths, output_size=total)
        places = torch.arange(total, device=self.starts.device) + shift
        numbers, codes, times = (t.index_select(0, places) for t in (self.numbers, self.codes, self.times))
        return Records(numbers, codes, times, begins, self.lengths, self.moments)

    def later(self) -> Tensor:
        """Tell which records have one before them in their row, bool (N,); of what :meth:`gathered` gave."""
        found = torch.ones(len(self.times), dtype=torch.bool, device=self.times.device)
        found[self.starts[self.lengths > 0]] = False
        return found

    def to(self, device: torch.device | str) -> Records:
        """Return the records on a device."""
        return Records(*(t.to(device, non_blocking=True) for t in self.tensors()))

    def tensors(self) -> tuple[Tensor, ...]:
        """Return the parts in the order of the constructor."""
        return (self.numbers, self.codes, self.times, self.starts, self.lengths, self.moments)

    def _each_row(self, change: Callable[[Tensor], Tensor]) -> Records:
        return replace(
            self, starts=change(self.starts), lengths=change(self.lengths), moments=change(self.moments)
        )

    @classmethod
    def of(cls, encoded: EncodedRecords) -> Records:
        """Wrap encoded records without copying them."""
        # Arrow's own arrays cannot be written to, and torch wants to be able to.
        arrays = (encoded.numbers, encoded.codes, encoded.times, encoded.moments)
        numbers, codes, times, moments = (torch.from_numpy(np.require(a, requirements="W")) for a in arrays)
        offsets = torch.from_numpy(encoded.offsets)
        return cls(numbers, codes, times, offsets[:-1], offsets.diff(), moments)


def by_length(lengths: Tensor, most: int) -> list[Tensor]:
    """Return rows of similar length together, at most ``most`` records, padding included, at once.

    Parameters
    ----------
    lengths : int64 tensor, shape (B,)
        Records of each row.
    most : int
        A row of more stands alone.

    Returns
    -------
    list of int64 tensor
        Places of the rows; together all of them, one empty tensor if there are none.
    """
    order = lengths.argsort(stable=True)
    pieces: list[Tensor] = []
    start = 0
    while start < len(order):
        # From the longest that one row more would bring, as many as fit.
        ahead = lengths.index_select(0, order[start : start + most])
        padded = ahead.clamp(min=1) * torch.arange(1, len(ahead) + 1, device=order.device)
        taken = max(int((padded <= most).sum()), 1)
        pieces.append(order[start : start + taken])
        start += taken
    return pieces or [order]
