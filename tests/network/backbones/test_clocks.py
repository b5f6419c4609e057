"""What a record's time says, against pandas' calendar."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from torch.testing import assert_close

from bezant.network.backbones.clocks import RecordInput, calendar_cycles, seconds_since_first
from bezant.network.backbones.packing import Packing

FIRST, LAST = (pd.Timestamp(f"{year}-01-01").value // 1000 for year in (1890, 2110))


def slow_cycles(moment: pd.Timestamp) -> np.ndarray:
    """Fractions of the day, the week, the month, and of the year that begins on the first of March."""
    day = moment.normalize()
    march = pd.Timestamp(day.year - (day.month < 3), 3, 1)
    fractions = np.array(
        [
            (moment - day) / pd.Timedelta(days=1),
            day.day_of_week / 7,
            (day.day - 1) / day.days_in_month,
            (day - march).days / (march + pd.DateOffset(years=1) - march).days,
        ]
    )
    return np.concatenate([np.sin(2 * np.pi * fractions), np.cos(2 * np.pi * fractions)])


@given(st.lists(st.integers(FIRST, LAST), min_size=1, max_size=20))
def test_cycles_are_those_of_the_calendar(times: list[int]) -> None:
    expected = [slow_cycles(pd.Timestamp(t, unit="us")) for t in times]
    assert_allclose(calendar_cycles(torch.tensor(times)), expected, atol=2e-6)


def test_every_day_around_leap_years_has_its_place() -> None:
    days = pd.concat([pd.Series(pd.date_range(f"{y}-01-01", f"{y + 1}-12-31")) for y in (1899, 1999, 2099)])
    times = torch.from_numpy(days.to_numpy("datetime64[us]").astype(np.int64))
    assert_allclose(calendar_cycles(times), [slow_cycles(d) for d in days], atol=2e-6)


def test_seconds_since_the_first_record_are_exact_far_from_1970() -> None:
    lengths = torch.tensor([2, 0, 1, 3])
    times = torch.tensor([-(10**16), -(10**16) + 1, 5, 10**16, 10**16 + 500_000, 10**16 + 3 * 10**15])
    since = seconds_since_first(times, Packing.of(lengths, 3))
    assert since.tolist() == [0.0, 1e-6, 0.0, 0.0, 0.5, 3e9]


def test_a_record_s_gap_does_not_reach_into_the_history_before() -> None:
    torch.manual_seed(0)
    layer = RecordInput(2, 4)
    times = torch.tensor([0, 9 * 10**12, 5, 7])

    def of(times: torch.Tensor, lengths: list[int]) -> torch.Tensor:
        packing = Packing.of(torch.tensor(lengths), max(lengths))
        found: torch.Tensor = layer(torch.ones(len(times), 2), times, seconds_since_first(times, packing))
        return found

    assert_close(of(times, [2, 2])[2:], of(times[2:], [2]))
