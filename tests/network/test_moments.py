"""An earlier look at a row knows what was there and not what came after."""

from __future__ import annotations

import torch

from bezant.network.moments import at_moments, horizons_of, lasting
from bezant.network.records import Records

SECOND = 1_000_000


def rows() -> Records:
    times = torch.tensor([0, 10, 20, 100, 5, 7]) * SECOND
    return Records(
        numbers=torch.arange(6.0)[:, None],
        codes=torch.zeros(6, 0, dtype=torch.int32),
        times=times,
        starts=torch.tensor([0, 4, 6, 4]),
        lengths=torch.tensor([4, 1, 0, 2]),
        moments=torch.tensor([100, 45, 50, 27]) * SECOND,
    )


def test_rows_that_end_with_their_first_record_have_no_later() -> None:
    assert lasting(rows()).tolist() == [0, 1, 3]
    still = rows().rows(torch.tensor([2]))
    assert lasting(still).tolist() == []


def test_what_came_after_the_moment_is_not_known() -> None:
    some = rows().rows(lasting(rows()))
    known, wait, seen = at_moments(some, torch.tensor([0.15, 0.5, 0.0], dtype=torch.float64))
    assert known.lengths.tolist() == [2, 1, 1]
    assert (known.moments / SECOND).tolist() == [15.0, 25.0, 5.0]
    assert wait.tolist() == [5.0, 20.0, 2.0]
    assert seen.tolist() == [True, False, True]


def test_horizons_rise_from_a_short_gap_to_half_the_longest_time() -> None:
    found = horizons_of(rows(), torch.tensor([10.0, 10.0, 80.0], dtype=torch.float64), 4)
    torch.testing.assert_close(found[[0, -1]], torch.tensor([10.0, 50.0], dtype=torch.float64))
    assert (found.diff() > 0).all()
