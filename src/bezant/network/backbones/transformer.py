"""A pre-norm transformer over records whose positions are their times."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from bezant.network.backbones.clocks import RecordInput, seconds_since_first
from bezant.network.backbones.dropping import HistoryDropout
from bezant.network.backbones.feed_forward import feed_forward
from bezant.network.backbones.packing import Group, Packing

LOG_RATES = 0.15, 16.0
"""Least and greatest turn, in radians, a unit of log(1 + seconds)."""
PERIODS = 600.0, 64 * 365.25 * 86_400
"""Shortest and longest turn of a hand that runs evenly, in seconds: ten minutes, 64 years."""


class Transformer(nn.Module):
    """Self-attention in which time is a value, not an index; a backbone.

    Half of each head's queries and keys turn with the time of their record (rotary encoding, Su et al. 2021,
    arXiv:2104.09864), so that a product of two knows how they lie in time. Half of the turning pairs turn
    with log(1 + seconds since the history's first record): ratios of ages, from seconds to decades. The
    others turn evenly in time with periods from ten minutes to 64 years, spread over all heads: differences,
    which the logarithm no longer tells apart late in a long history. The other half of a head does not turn
    and compares content alone.

    What is promised: positions as indices appear nowhere; a record's index matters only through what is
    earlier (causal) and the time since the record before. Times that are all moved alike change what the
    calendar says, and nothing else.

    Notes
    -----
    All but attention itself runs on packed records. Attention runs on padded groups of histories of
    similar length. A causal one needs no mask for padding, which stands after all records.
    """

    def __init__(
        self, width_in: int, *, width: int, depth: int, heads: int, dropout: float, causal: bool
    ) -> None:
        super().__init__()
        self.width, self.causal, self.heads = width, causal, heads
        self.input = RecordInput(width_in, width)
        self.drop = HistoryDropout(dropout)
        self.blocks = nn.ModuleList(_Block(width, depth, heads, dropout, causal) for _ in range(depth))
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, times: Tensor, lengths: Tensor) -> Tensor:
        """Mix the records of each history, (B, T, D) to (B, T, W)."""
        packing = Packing.of(lengths, x.shape[1])
        when = packing.pack(times)
        since = seconds_since_first(when, packing)
        h = self.drop(self.input(packing.pack(x), when, since), packing)
        if not len(h):
            return packing.unpack(h)
        turns = rotations(since, self.heads, self.width // self.heads)
        masks = [None if self.causal else _mask_of(group) for group in packing.groups]
        for block in self.blocks:
            h = block(h, turns, packing, masks)
        return packing.unpack(self.norm(h))


class _Block(nn.Module):
    def __init__(self, width: int, depth: int, heads: int, dropout: float, causal: bool) -> None:
        super().__init__()
        self.heads, self.causal = heads, causal
        self.attention_norm, self.mixing_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.wide, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.drop = HistoryDropout(dropout)
        for layer in (self.out, self.narrow):  # the sum of all blocks stays near 1
            nn.init.normal_(layer.weight, std=(2 * depth * layer.in_features) ** -0.5)
            nn.init.zeros_(layer.bias)

    def forward(self, h: Tensor, turns: Tensor, packing: Packing, masks: list[Tensor | None]) -> Tensor:
        h = self.drop.added(h, self.out(self._attend(self.attention_norm(h), turns, packing, masks)), packing)
        mixed = feed_forward(self.mixing_norm(h), self.wide, self.narrow)
        return self.drop.added(h, mixed, packing)

    def _attend(self, x: Tensor, turns: Tensor, packing: Packing, masks: list[Tensor | None]) -> Tensor:
        projected = self.qkv(x)
        if not x.is_cuda:
            # A processor's attention takes two to seven times as long in half precision as in single.
            projected = projected.float()
        turned: Tensor = _Turn.apply(projected, turns)  # type: ignore[no-untyped-call]
        qkv = turned.view(len(x), 3, self.heads, x.shape[1] // self.heads)  # (N, 3, H, E)
        with torch.autocast(x.device.type, enabled=x.is_cuda and torch.is_autocast_enabled("cuda")):
            parts = [
                _attend_group(qkv, group, mask, self.causal)
                for group, mask in zip(packing.groups, masks, strict=True)
            ]
        return parts[0] if len(parts) == 1 else torch.cat(parts)


def _attend_group(qkv: Tensor, group: Group, mask: Tensor | None, causal: bool) -> Tensor:
    """Attend within each history of a group, (N, 3, H, E) to (n, H * E)."""
    q, k, v = (part.transpose(1, 2) for part in group.pad(qkv).unbind(2))  # each (count, H, longest, E)
    mixed = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal)
    return group.unpad(mixed.transpose(1, 2)).flatten(1)


def _mask_of(group: Group) -> Tensor | None:
    """Return which keys are records, bool (count, 1, 1, longest); None if all are."""
    if group.index is None:
        return None
    places = torch.arange(group.longest, device=group.lengths.device)
    return (places < group.lengths[:, None])[:, None, None, :]


def rotations(since: Tensor, heads: int, width: int) -> Tensor:
    """Return by what queries and keys are multiplied, pairs of numbers as complex ones.

    Parameters
    ----------
    since : float64 tensor, shape (N,)
        Seconds since the first record of the same history.
    heads, width : int
        H, and the length E of a head's vectors, a multiple of 8. Of its E / 2 pairs one quarter turns with
        the logarithm of the seconds, one with the seconds, and half stays. Rates are in geometric steps
        (:data:`LOG_RATES`, :data:`PERIODS`), dealt out over the heads, so that every head has quick and slow
        ones.

    Returns
    -------
    complex64 tensor, shape (N, 1, H, E / 2)
        Of absolute value 1.
    """
    pairs = width // 8
    steps = torch.linspace(0, 1, heads * pairs, dtype=torch.float64, device=since.device)
    logs, hands = torch.zeros(2, heads, width // 2, dtype=torch.float64, device=since.device)
    logs[:, :pairs] = _between(*LOG_RATES, steps).view(pairs, heads).T
    hands[:, pairs : 2 * pairs] = 1 / _between(*PERIODS, steps).view(pairs, heads).T
    turns = since[:, None, None, None] * hands  # (N, 1, H, E / 2)
    turns -= turns.floor()  # whole turns go while precision is double
    angles = turns.mul_(2 * math.pi).float()
    angles += since.clamp(min=0).log1p().float()[:, None, None, None] * logs.float()
    return torch.view_as_complex(torch.stack([angles.cos(), angles.sin()], -1))


def _between(first: float, last: float, steps: Tensor) -> Tensor:
    return first * (last / first) ** steps


class _Turn(torch.autograd.Function):
    """Turn queries and keys within (N, 3 W), in place; the gradient turns back.

    Written out in slices it takes as long as a layer's matrix products; a complex product is one pass.
    """

    @staticmethod
    def forward(ctx: Any, qkv: Tensor, turns: Tensor) -> Tensor:
        ctx.save_for_backward(turns)
        ctx.mark_dirty(qkv)
        _turn(qkv, turns, qkv)
        return qkv

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (turns,) = ctx.saved_tensors
        turned = torch.empty_like(grads[0], memory_format=torch.contiguous_format)
        width = turned.shape[1] // 3
        turned[:, 2 * width :] = grads[0][:, 2 * width :]
        _turn(grads[0].contiguous(), turns.conj(), turned)
        return turned, None


def _turn(qkv: Tensor, turns: Tensor, out: Tensor) -> None:
    """Write queries and keys of (N, 3 W), turned, into ``out``."""
    if qkv.dtype.itemsize >= 4:
        torch.mul(_pairs(qkv, turns), turns, out=_pairs(out, turns))
    else:  # there are no complex numbers of half precision
        exact = qkv.float()
        width = qkv.shape[1] // 3
        _pairs(exact, turns).mul_(turns)
        out[:, : 2 * width] = exact[:, : 2 * width]


def _pairs(qkv: Tensor, turns: Tensor) -> Tensor:
    """View queries and keys of (N, 3 W) as complex numbers, (N, 2, H, E / 2)."""
    _, _, heads, pairs = turns.shape
    return torch.view_as_complex(qkv.view(len(qkv), 3, heads, pairs, 2)[:, :2])
