"""Rows of records as they looked at an earlier moment, and how long each then had to wait."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from bezant.network.record_encoder import MICROSECONDS
from bezant.network.records import Records


def lasting(records: Records) -> Tensor:
    """Return the rows that have a time in which something can come later."""
    some = (records.lengths > 0).nonzero()[:, 0]
    first = records.times.index_select(0, records.starts.index_select(0, some))
    return some[records.moments.index_select(0, some) > first]


def at_moments(rows: Records, share: Tensor) -> tuple[Records, Tensor, Tensor]:
    """Look at rows at a moment between their first record and their own moment.

    Parameters
    ----------
    rows : Records
        Rows with a record, looked at after their first one.
    share : float64 tensor, shape (B,)
        Share of the time between, from 0 up to but not including 1.

    Returns
    -------
    Records
        The rows with the records up to then, the one at that very moment included.
    float64 tensor, shape (B,)
        Seconds from then to the next record, or to the row's own moment where there is none.
    bool tensor, shape (B,)
        Whether there is one.
    """
    near = rows.gathered()
    first = near.times.index_select(0, near.starts)
    moment = first + (share * (near.moments - first)).long()
    row = torch.arange(len(near), device=share.device).repeat_interleave(near.lengths)
    before = (near.times <= moment.index_select(0, row)).long()
    counts = torch.zeros_like(near.lengths).index_add_(0, row, before)
    seen = counts < near.lengths
    place = (near.starts + counts).clamp(max=len(near.times) - 1)
    until = torch.where(seen, near.times.index_select(0, place), near.moments)
    known = replace(near, lengths=counts, moments=moment)
    return known, (until - moment).double() / MICROSECONDS, seen


def horizons_of(records: Records, gaps: Tensor, number: int) -> Tensor:
    """Return horizons in seconds, float64 (number,): from a short gap to half of the longest time seen.

    Parameters
    ----------
    records : Records
        Of the training rows.
    gaps : float64 tensor
        Seconds between their records.
    number : int
        Of horizons, in geometric steps.
    """
    rows = records.rows(lasting(records))
    first = rows.times.index_select(0, rows.starts)
    longest = float((rows.moments - first).max()) / MICROSECONDS / 2 if len(rows) else 2.0
    positive = gaps[gaps > 0].numpy()
    short = float(np.quantile(positive, 0.1)) if len(positive) else 1.0
    return torch.logspace(
        math.log10(min(max(short, 1.0), longest)), math.log10(max(longest, 1.0)), number, dtype=torch.float64
    )
