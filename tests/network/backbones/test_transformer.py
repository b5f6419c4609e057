"""The transformer against an explicit loop over heads, queries and keys."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from bezant.network.backbones.clocks import SECOND
from bezant.network.backbones.packing import Packing
from bezant.network.backbones.transformer import (
    LOG_RATES,
    PERIODS,
    Transformer,
    _Turn,
    rotations,
)

D, W, HEADS = 5, 32, 2
WIDTH = W // HEADS


def made(causal: bool) -> Transformer:
    torch.manual_seed(0)
    return Transformer(D, width=W, depth=2, heads=HEADS, dropout=0.0, causal=causal).eval()


def slow_rates() -> list[list[tuple[str, float]]]:
    """What turns each pair of each head, and how fast."""
    n = HEADS * WIDTH // 8
    steps = [i / (n - 1) for i in range(n)]
    logs = [LOG_RATES[0] * (LOG_RATES[1] / LOG_RATES[0]) ** s for s in steps]
    hands = [2 * math.pi / (PERIODS[0] * (PERIODS[1] / PERIODS[0]) ** s) for s in steps]
    return [
        [("log", r) for r in logs[h::HEADS]]
        + [("even", r) for r in hands[h::HEADS]]
        + [("none", 0.0)] * (WIDTH // 4)
        for h in range(HEADS)
    ]


def slow_attention(q: Tensor, k: Tensor, v: Tensor, seconds: list[float], causal: bool) -> Tensor:
    """Attention of one history, (T, H, E) each, one product at a time."""
    out = torch.zeros_like(v)
    for h, rates in enumerate(slow_rates()):
        for i in range(len(q)):
            keys = range(i + 1) if causal else range(len(q))
            scores = []
            for j in keys:
                score = 0.0
                for p, (kind, rate) in enumerate(rates):
                    logs = math.log1p(seconds[i]) - math.log1p(seconds[j])
                    angle = rate * (logs if kind == "log" else seconds[i] - seconds[j])
                    (a, b), (c, d) = q[i, h, 2 * p : 2 * p + 2].tolist(), k[j, h, 2 * p : 2 * p + 2].tolist()
                    score += (a * c + b * d) * math.cos(angle) - (b * c - a * d) * math.sin(angle)
                scores.append(score / math.sqrt(WIDTH))
            weights = torch.tensor(scores).softmax(0)
            out[i, h] = sum(w * v[j, h] for w, j in zip(weights, keys, strict=True))
    return out


@pytest.mark.parametrize("causal", [True, False])
def test_attention_is_an_explicit_softmax_over_turned_products(causal: bool) -> None:
    block = made(causal).blocks[0]
    lengths, seconds = torch.tensor([4, 2]), [0.0, 0.0, 86_400.5, 3e8, 0.0, 7.25]
    packing = Packing.of(lengths, 5)
    torch.manual_seed(1)
    x = 2 * torch.randn(6, W)
    turns = rotations(torch.tensor(seconds, dtype=torch.float64), HEADS, WIDTH)
    masks = [None if causal else (torch.arange(4) < lengths[:, None])[:, None, None]]
    said = block._attend(x, turns, packing, masks)  # type: ignore[operator]
    q, k, v = block.qkv(x).view(6, 3, HEADS, WIDTH).unbind(1)  # type: ignore[operator]
    for part in (slice(0, 4), slice(4, 6)):
        expected = slow_attention(q[part], k[part], v[part], seconds[part], causal)
        assert_close(said[part], expected.flatten(1), atol=2e-5, rtol=1e-4)


def test_an_index_appears_nowhere() -> None:
    """Where the gap to the record before is not read, records in another order give the same, reordered."""
    model = made(causal=False)
    with torch.no_grad():
        model.input.clock.weight[:, 8] = 0
    x, times = torch.randn(1, 6, D), 10**15 + SECOND * torch.tensor([[0, 5, 5, 900, 10**6, 10**8]])
    order = torch.tensor([0, 4, 2, 5, 1, 3])  # the first stays: seconds are counted from it
    lengths = torch.tensor([6])
    assert_close(
        model(x[:, order], times[:, order], lengths), model(x, times, lengths)[:, order], atol=1e-5, rtol=1e-4
    )


def test_turning_gradients_are_those_of_finite_differences() -> None:
    turns = rotations(torch.tensor([0.0, 3e7, 4e8], dtype=torch.float64), 1, 8).to(torch.complex128)
    qkv = torch.randn(3, 24, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: _Turn.apply(x * 2, turns), qkv)  # type: ignore[no-untyped-call]


def test_rotations_keep_their_precision_over_a_century() -> None:
    second = torch.tensor([3e9, 3e9 + 1], dtype=torch.float64)
    turns = rotations(second, HEADS, WIDTH)[:, 0]
    angle = (turns[1] / turns[0]).angle()[0, WIDTH // 8]  # the quickest even pair of the first head
    assert abs(float(angle) - 2 * math.pi / PERIODS[0]) < 1e-5
