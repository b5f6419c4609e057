"""Long rows in windows that overlap by half, so that every record is told once and with a past."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class RowWindows:
    """Windows of rows, int64 tensors of shape (w,).

    Attributes
    ----------
    row, begin, lengths : Tensor
        Of which row, from which of its records on, and how many.
    skip : Tensor
        How many at the beginning are read for context alone.
    """

    row: Tensor
    begin: Tensor
    lengths: Tensor
    skip: Tensor

    def tensors(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the parts."""
        return self.row, self.begin, self.lengths, self.skip


def windows(lengths: Tensor, window: int) -> RowWindows:
    """Cut rows into windows in which each record but the first half of a window is new."""
    step = max(window // 2, 1)
    beyond = (lengths - window).clamp(min=0)
    counts = torch.where(lengths > 0, 1 + (beyond + step - 1) // step, 0)
    device = lengths.device
    row = torch.arange(len(lengths), device=device).repeat_interleave(counts)
    number = torch.arange(len(row), device=device) - (counts.cumsum(0) - counts).repeat_interleave(counts)
    begin = number * step
    own = lengths.index_select(0, row)
    skip = torch.where(number > 0, window - step, 0)
    return RowWindows(row, begin, (own - begin).clamp(max=window), skip)
