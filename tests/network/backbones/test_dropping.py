"""Dropout of histories."""

from __future__ import annotations

import torch

from bezant.network.backbones.dropping import HistoryDropout
from bezant.network.backbones.packing import Packing
from bezant.network.draws import rows_of_batch

LENGTHS = torch.tensor([3, 0, 2])


def dropped(dropout: float, lengths: torch.Tensor = LENGTHS) -> torch.Tensor:
    torch.manual_seed(0)
    return HistoryDropout(dropout)(torch.ones(int(lengths.sum()), 2000), Packing.of(lengths, 3))  # type: ignore[no-any-return]


def test_units_stay_out_for_a_whole_history_and_others_for_the_next() -> None:
    x = dropped(0.2)
    assert torch.equal(x[:3], x[:1].expand(3, -1)) and torch.equal(x[3], x[4])
    assert not torch.equal(x[0], x[3])


def test_the_share_is_left_out_and_the_mean_stays() -> None:
    x = dropped(0.2)
    assert set(x.flatten().tolist()) == {0.0, 1.25}
    assert abs(float((x == 0).float().mean()) - 0.2) < 0.03


def test_processes_that_share_a_batch_leave_out_the_same_units() -> None:
    whole = dropped(0.5)
    with rows_of_batch(3, torch.tensor([2])):
        assert torch.equal(dropped(0.5, LENGTHS[2:]), whole[3:])
