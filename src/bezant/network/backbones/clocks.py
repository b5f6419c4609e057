"""Time as a value: what a record's time says, and how it enters a backbone."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from bezant.network.backbones.packing import Packing

SECOND = 1_000_000
"""Microseconds."""
DAY = 86_400 * SECOND
CYCLES = 8
"""Numbers of :func:`calendar_cycles`."""
LOG_SCALE = 10.0
"""What the logarithm of seconds is divided by: a century has log 21.9."""


def calendar_cycles(times: Tensor) -> Tensor:
    """Return where a time stands in its day, week, month and year.

    Parameters
    ----------
    times : int64 tensor, shape (...)
        Microseconds since 1970 in the calendar that matters (no time zone is applied).

    Returns
    -------
    float32 tensor, shape (..., 8)
        Sine and cosine of the hour of the day, the day of the week, the day of the month and the day of the
        year, each as a fraction of its cycle: the last day of every month is equally near to the next.
        Gregorian dates from "chrono-Compatible Low-Level Date Algorithms" (H. Hinnant, ``civil_from_days``).
    """
    days = times.div(DAY, rounding_mode="floor")
    hour = (times - days * DAY).float() / DAY
    week = (days + 3) % 7  # 1970-01-01 was a Thursday; Monday is 0
    era_day = (days + 719_468) % 146_097  # of 400 years that begin on the first of March
    year = (
        era_day
        - era_day.div(1460, rounding_mode="floor")
        + era_day.div(36_524, rounding_mode="floor")
        - era_day.div(146_096, rounding_mode="floor")
    ).div(365, rounding_mode="floor")
    of_year = era_day - _days_of_years(year)  # since the first of March
    month = (5 * of_year + 2).div(153, rounding_mode="floor")
    begin, end = ((153 * m + 2).div(5, rounding_mode="floor") for m in (month, month + 1))
    year_end = _days_of_years(year + 1) - _days_of_years(year)
    end = torch.minimum(end, year_end)  # February ends with the year
    fractions = torch.stack(
        [hour, week.float() / 7, (of_year - begin).float() / (end - begin), of_year.float() / year_end], -1
    )
    angle = 2 * math.pi * fractions
    return torch.cat([angle.sin(), angle.cos()], -1)


def _days_of_years(years: Tensor) -> Tensor:
    """Return the days of so many Gregorian years, counted from a leap day."""
    leap = years.div(4, rounding_mode="floor") - years.div(100, rounding_mode="floor")
    return 365 * years + leap + years.div(400, rounding_mode="floor")


class RecordInput(nn.Module):
    """A record's vector and its time, mapped to the width of a backbone.

    Of the time it reads the calendar's cycles and the logarithm of the seconds since the record before and
    since the first of the history: nothing that grows with the date itself.

    Notes
    -----
    Shape: packed records (N, D), their times (N,) and their seconds to (N, W).
    """

    def __init__(self, width_in: int, width: int) -> None:
        super().__init__()
        self.record = nn.Linear(width_in, width)
        self.clock = nn.Linear(CYCLES + 2, width, bias=False)

    def forward(self, x: Tensor, times: Tensor, since: Tensor) -> Tensor:
        """Map records; ``since`` is :func:`seconds_since_first`, float64 (N,)."""
        gap = torch.diff(since, prepend=since[:1])  # not above 0 where a history begins
        spans = torch.stack([gap, since], -1).clamp_(min=0).log1p_().div_(LOG_SCALE).float()
        clock = torch.cat([calendar_cycles(times), spans], -1)  # (N, 10)
        return self.record(x) + self.clock(clock)  # type: ignore[no-any-return]


def seconds_since_first(times: Tensor, packing: Packing) -> Tensor:
    """Return the seconds from a history's first record to each, float64 (N,), of packed times (N,)."""
    starts = torch.where(packing.position == 0, torch.arange(len(times), device=times.device), 0)
    first = times.index_select(0, starts.cummax(0).values)
    return (times - first).double() / SECOND
