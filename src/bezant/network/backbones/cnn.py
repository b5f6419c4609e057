"""Convolutions over records: dilated and causal, and the textbook's, which pools a history to one vector."""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from bezant.network.backbones.clocks import RecordInput, seconds_since_first
from bezant.network.backbones.dropping import HistoryDropout
from bezant.network.backbones.packing import Packing

TAPS = 3
LONGEST_DILATION = 512
"""Dilations double from 1 to this and begin again, as in WaveNet (arXiv:1609.03499)."""


class DilatedCNN(nn.Module):
    """Residual blocks of gated, dilated convolutions; a backbone.

    A block is LayerNorm, a convolution of three taps to 2 W, a gate (``a * sigmoid(b)``), a linear map,
    dropout. The taps stand ``d`` records apart: at -2d, -d, 0 if causal, at -d, 0, d if not. With dilations
    1, 2, 4, ... the output of ``depth`` blocks (up to ten) reads ``2 ** (depth + 1) - 1`` records.

    Notes
    -----
    Records are packed, so a tap is a shift of the whole batch by d rows with those zeroed that would cross
    into another history: one matrix product a block and no padding.
    """

    def __init__(self, width_in: int, *, width: int, depth: int, dropout: float, causal: bool) -> None:
        super().__init__()
        self.width, self.causal = width, causal
        self.input = RecordInput(width_in, width)
        self.dilations = [2 ** (i % LONGEST_DILATION.bit_length()) for i in range(depth)]
        self.blocks = nn.ModuleList(_Block(width, depth, dropout) for _ in range(depth))
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, times: Tensor, lengths: Tensor) -> Tensor:
        """Mix the records of each history, (B, T, D) to (B, T, W)."""
        packing = Packing.of(lengths, x.shape[1])
        when = packing.pack(times)
        h = self.input(packing.pack(x), when, seconds_since_first(when, packing))
        after = None if self.causal else lengths.index_select(0, packing.history) - packing.position - 1
        for block, dilation in zip(self.blocks, self.dilations, strict=True):
            h = block(h, dilation, packing, after)
        return packing.unpack(self.norm(h))


class _Block(nn.Module):
    def __init__(self, width: int, depth: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.taps = nn.Linear(TAPS * width, 2 * width)
        self.out = nn.Linear(width, width)
        self.drop = HistoryDropout(dropout)
        # The sum of all blocks stays near 1.
        nn.init.normal_(self.out.weight, std=(2 * depth * width) ** -0.5)
        nn.init.zeros_(self.out.bias)

    def forward(self, h: Tensor, dilation: int, packing: Packing, after: Tensor | None) -> Tensor:
        x = self.norm(h)
        one = _earlier(x, dilation, packing.position)
        if after is None:
            read = [_earlier(x, 2 * dilation, packing.position), one, x]
        else:
            read = [one, x, _earlier(x.flip(0), dilation, after.flip(0)).flip(0)]
        gated = functional.glu(self.taps(torch.cat(read, 1)), 1)  # (N, W)
        return h + self.drop(self.out(gated), packing)  # type: ignore[no-any-return]


def _earlier(x: Tensor, by: int, position: Tensor) -> Tensor:
    """Return the vectors ``by`` records earlier in the same history, (N, W); zeros before its first."""
    moved = functional.pad(x, (0, 0, by, 0))[: len(x)]
    return moved * (position >= by)[:, None].to(x.dtype)


class PooledCNN(nn.Module):
    """The textbook's Conv1D, ReLU, MaxPool stack with a mean at the end; a backbone that is *not* causal.

    It makes one vector a history and returns it at every position of it, so that it can stand where any
    backbone stands. It is here to be compared with, and for what has one answer a history.

    Notes
    -----
    Padding counts as zero, like what lies beyond the ends of an unpadded history; after ReLU a maximum with
    zero changes nothing.
    """

    def __init__(self, width_in: int, *, width: int, depth: int, dropout: float) -> None:
        super().__init__()
        self.width, self.causal = width, False
        self.input = RecordInput(width_in, width)
        self.layers = nn.ModuleList(nn.Conv1d(width, width, TAPS, padding=TAPS // 2) for _ in range(depth))
        self.drop = HistoryDropout(dropout)

    def forward(self, x: Tensor, times: Tensor, lengths: Tensor) -> Tensor:
        """Make one vector a history of (B, T, D), and repeat it at its positions, (B, T, W)."""
        packing = Packing.of(lengths, x.shape[1])
        when = packing.pack(times)
        tokens = self.input(packing.pack(x), when, seconds_since_first(when, packing))
        if not len(tokens):
            return packing.unpack(tokens)
        h, left = packing.unpack(tokens).transpose(1, 2), lengths  # (B, W, T)
        for layer in self.layers:
            h = torch.relu(layer(h)) * _within(left, h.shape[2])[:, None].to(h.dtype)
            h = functional.max_pool1d(h, 2, ceil_mode=True)
            left = (left + 1) // 2
        vector = h.sum(2) / left.clamp(min=1)[:, None]  # (B, W)
        return packing.unpack(self.drop(vector.index_select(0, packing.history), packing))


def _within(lengths: Tensor, longest: int) -> Tensor:
    return torch.arange(longest, device=lengths.device) < lengths[:, None]
