"""Packing against loops over histories."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bezant.network.backbones.packing import Packing, alike

LENGTHS = st.lists(st.sampled_from([0, 1, 2, 3, 64, 65, 130]), min_size=0, max_size=6)


def padded(lengths: list[int], longest: int) -> torch.Tensor:
    """Records that know their place, 1000 * history + position; -1 where padded."""
    places = 1000.0 * torch.arange(len(lengths))[:, None] + torch.arange(longest)
    beyond = torch.arange(longest) >= torch.tensor(lengths, dtype=torch.int64)[:, None]
    return places.masked_fill(beyond, -1.0)[:, :, None]


@settings(deadline=None)
@given(LENGTHS, st.integers(0, 3))
def test_packed_records_are_all_records_history_by_history(lengths: list[int], more: int) -> None:
    longest = max(lengths, default=0) + more
    packing = Packing.of(torch.tensor(lengths, dtype=torch.int64), longest)
    x = padded(lengths, longest)
    tokens = packing.pack(x)
    assert tokens[:, 0].tolist() == (1000.0 * packing.history + packing.position).tolist()
    assert sorted(tokens[:, 0].tolist()) == sorted(x[x >= 0].tolist())
    assert torch.equal(packing.unpack(tokens), x.clamp(min=0))


@settings(deadline=None)
@given(LENGTHS)
def test_groups_hold_every_record_once_and_pad_little(lengths: list[int]) -> None:
    packing = Packing.of(torch.tensor(lengths, dtype=torch.int64), max(lengths, default=0))
    tokens = packing.pack(padded(lengths, max(lengths, default=0)))
    back = [group.unpad(group.pad(tokens)) for group in packing.groups]
    assert torch.equal(torch.cat(back) if back else tokens, tokens)
    for group in packing.groups:
        assert group.longest <= max(64, 2 * int(group.lengths.min()))
        for row, length in zip(group.pad(tokens)[:, :, 0], group.lengths.tolist(), strict=True):
            assert len((row // 1000)[:length].unique()) <= 1 and (row[length:] == 0).all()


@settings(deadline=None)
@given(LENGTHS)
def test_a_history_is_reversed_within_its_own_length(lengths: list[int]) -> None:
    x = padded(lengths, max(lengths, default=0) + 1)
    turned = Packing.of(torch.tensor(lengths, dtype=torch.int64), x.shape[1]).reversed(x)
    for row, expected, length in zip(turned, x, lengths, strict=True):
        assert torch.equal(row[:length], expected[:length].flip(0)) and (row[length:] == -1).all()


def test_gradients_are_those_of_finite_differences() -> None:
    packing = Packing.of(torch.tensor([2, 0, 3]), 4)
    x = torch.randn(3, 4, 2, dtype=torch.float64, requires_grad=True)
    tokens = torch.randn(5, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(packing.pack, x)
    assert torch.autograd.gradcheck(packing.unpack, tokens)
    assert torch.autograd.gradcheck(packing.reversed, x)
    (group,) = packing.groups
    assert torch.autograd.gradcheck(lambda t: group.unpad(group.pad(t) ** 2), tokens)


@given(st.lists(st.integers(0, 200), max_size=60))
def test_groups_of_alike_histories_are_mostly_records(lengths: list[int]) -> None:
    groups = alike(lengths)
    assert sorted(place for group in groups for place in group) == [i for i, n in enumerate(lengths) if n]
    for group in groups:
        own = [lengths[i] for i in group]
        assert sum(own) >= 0.85 * max(own) * len(own)
