"""Long histories as overlapping windows, in which every record is an example once and has a past."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from bezant.network.batch import Batch


def in_windows(batch: Batch, window: int) -> Batch:
    """Cut the records of each row into windows that end at its end; the target says what is context alone.

    Parameters
    ----------
    batch : Batch
        Rows with records.
    window : int
        Records of a window; each reaches half a window back into what the one before it has predicted.

    Returns
    -------
    Batch
        One row a window, latest first within a row of ``batch``. Its target, int64 (windows,), is the number
        of leading records that are context alone, 0 where a history begins. Empty rows are left out.
    """
    assert batch.records is not None
    row, begin, length, context = _cut(batch.records.lengths, window)
    part = batch.rows(row)
    assert part.records is not None
    records = replace(part.records, starts=part.records.starts + begin, lengths=length)
    return replace(part, records=records, target=context)


def at_the_end(batch: Batch, window: int, number: int) -> Batch:
    """Return the last window of each row, in which the last records alone count.

    Parameters
    ----------
    batch : Batch
        Rows with records.
    window : int
        Records read before each row's last ``number``.
    number : int
        Records that count; where a row has fewer, all do.
    """
    assert batch.records is not None
    records = batch.records.latest(window + number)
    return replace(batch, records=records, target=(records.lengths - number).clamp(min=0))


def _cut(lengths: Tensor, window: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return row, first record, number of records and context of each window, int64 (windows,) each."""
    step = max(window - window // 2, 1)
    more = (lengths - window).clamp(min=0)
    number = torch.where(lengths > 0, 1 + (more + step - 1) // step, 0)
    row = torch.arange(len(lengths)).repeat_interleave(number)
    nth = torch.arange(len(row)) - (number.cumsum(0) - number).repeat_interleave(number)  # 0 for the latest
    end = lengths[row] - nth * step
    begin = (end - window).clamp(min=0)
    # what an earlier window predicts is context here
    context = torch.where(begin > 0, end - step - begin, 0)
    return row, begin, end - begin, context
