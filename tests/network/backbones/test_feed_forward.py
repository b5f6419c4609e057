"""The feed-forward half of a block against the same layers one after another."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from bezant.network.backbones import feed_forward as module
from bezant.network.backbones.feed_forward import _SquaredReLU, feed_forward


@pytest.mark.parametrize("rows", [0, 1, 11])
def test_pieces_give_the_values_and_gradients_of_the_layers(
    monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    monkeypatch.setattr(module, "PIECE_CELLS", 4 * 12)  # four rows at a time, the last piece short
    torch.manual_seed(0)
    wide, narrow = nn.Linear(3, 12).double(), nn.Linear(12, 3).double()
    weights = (wide.weight, wide.bias, narrow.weight, narrow.bias)
    x = torch.randn(rows, 3, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(rows, 3, dtype=torch.float64)
    fused, plain = feed_forward(x, wide, narrow), narrow(wide(x).relu() ** 2)
    assert_close(fused, plain)
    for own, slow in zip(
        torch.autograd.grad((fused * weight).sum(), (x, *weights)),
        torch.autograd.grad((plain * weight).sum(), (x, *weights)),
        strict=True,
    ):
        assert_close(own, slow)


def test_in_half_precision_it_is_the_same_to_rounding() -> None:
    torch.manual_seed(0)
    wide, narrow, x = nn.Linear(8, 32), nn.Linear(32, 8), torch.randn(20, 8)
    with torch.autocast("cpu", torch.bfloat16):
        half = feed_forward(x, wide, narrow)
    assert half.dtype == torch.bfloat16
    assert_close(half.float(), feed_forward(x, wide, narrow), atol=0.05, rtol=0.05)


def test_gradients_of_the_square_are_those_of_finite_differences() -> None:
    x = torch.randn(3, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(_SquaredReLU.apply, x)
