"""Recurrent networks over records: GRU and LSTM, torch's own."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from bezant.network.backbones.clocks import RecordInput, seconds_since_first
from bezant.network.backbones.dropping import HistoryDropout
from bezant.network.backbones.packing import Packing, alike

CELLS: dict[str, type[nn.GRU] | type[nn.LSTM]] = {"gru": nn.GRU, "lstm": nn.LSTM}


class RecurrentNetwork(nn.Module):
    """A stack of GRU or LSTM layers; a backbone.

    If it is not causal, each layer is two of half the width, one of which reads the records in reverse.

    Notes
    -----
    The layers run on padded groups of histories of similar length, at least 85 % of whose positions are
    records: padding stands after all records, so no record's state has seen it, and a history is reversed
    within its own length. torch's packed sequences give the same numbers; a GRU over them takes longer on
    the CPU.
    """

    def __init__(
        self,
        width_in: int,
        *,
        form: Literal["gru", "lstm"],
        width: int,
        depth: int,
        dropout: float,
        causal: bool,
    ) -> None:
        super().__init__()
        self.width, self.causal = width, causal
        self.input = RecordInput(width_in, width)
        cell, state = CELLS[form], width if causal else width // 2
        self.onward = nn.ModuleList(cell(width, state, batch_first=True) for _ in range(depth))
        self.back = nn.ModuleList(cell(width, state, batch_first=True) for _ in range(0 if causal else depth))
        self.drop = HistoryDropout(dropout)

    def forward(self, x: Tensor, times: Tensor, lengths: Tensor) -> Tensor:
        """Mix the records of each history, (B, T, D) to (B, T, W)."""
        known = lengths.tolist()
        groups = alike(known)
        if len(groups) == 1 and len(groups[0]) == len(known):
            return self._mixed(x, times, lengths)
        whole, longest = x.new_zeros(len(x), x.shape[1], self.width), x.shape[1]
        for group in groups:
            rows, own = torch.tensor(group, device=x.device), max(known[i] for i in group)
            mixed = self._mixed(x[rows, :own], times[rows, :own], lengths[rows])
            padded = functional.pad(mixed, (0, 0, 0, longest - own))
            whole = whole.index_copy(0, rows, padded.to(whole.dtype))
        return whole

    def _mixed(self, x: Tensor, times: Tensor, lengths: Tensor) -> Tensor:
        packing = Packing.of(lengths, x.shape[1])
        when = packing.pack(times)
        tokens = self.input(packing.pack(x), when, seconds_since_first(when, packing))
        if not len(tokens):
            return packing.unpack(tokens)
        h = packing.unpack(tokens)
        for i, layer in enumerate(self.onward):
            seen = layer(h)[0]
            if not self.causal:
                behind = packing.reversed(self.back[i](packing.reversed(h))[0])
                seen = torch.cat([seen, behind], 2)
            tokens = self.drop(packing.pack(seen), packing)
            h = packing.unpack(tokens)
        return h
