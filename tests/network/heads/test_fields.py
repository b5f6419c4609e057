"""How wide the bins of the time since the record before are."""

from __future__ import annotations

import math

import torch

from bezant.network.heads.fields import log_widths


def test_wide_bins_are_surprising_and_the_last_is_as_wide_as_the_one_before() -> None:
    found = log_widths(torch.tensor([8.0, 10.0, 11.0, 12.0, 14.0, torch.inf, torch.inf]))
    # the middle half lies between 10 and 12
    expected = [math.log(w / 2) for w in (8, 2, 1, 1, 2, 2, 2, 2)]
    torch.testing.assert_close(found, torch.tensor(expected))


def test_hardly_any_bins_say_nothing() -> None:
    assert not log_widths(torch.tensor([3.0, torch.inf, torch.inf])).any()
