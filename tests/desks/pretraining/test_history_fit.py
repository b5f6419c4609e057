"""What chooses the epoch of a pretraining."""

from __future__ import annotations

import pytest
import torch

from bezant.desks.pretraining.history_fit import _held_out
from bezant.network.history import TERMS
from bezant.network.records import Records


@pytest.mark.parametrize("later", [True, False])
def test_histories_that_cannot_tell_do_not_choose_the_epoch(later: bool) -> None:
    lengths = torch.tensor([0, 1, 1, 2, 5] * 20)
    none, times = torch.zeros(int(lengths.sum()), 0), torch.arange(int(lengths.sum()))
    records = Records(none, none.int(), times, lengths.cumsum(0) - lengths, lengths, lengths)
    terms = tuple(t for t in TERMS if later or t != "later")
    held = _held_out(records, torch.randperm(100, generator=torch.Generator().manual_seed(0)), terms)
    least = 1 if later else 2
    assert (records.lengths[held] >= least).all()
    assert int(held.sum()) == int(0.1 * int((records.lengths >= least).sum()))
