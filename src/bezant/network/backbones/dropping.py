"""Dropout of a history: the same units at all its positions."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bezant.network.backbones.packing import Packing
from bezant.network.draws import drawn


class HistoryDropout(nn.Module):
    """Leave out units of a history's vectors, the same at all its positions.

    Masks that stay over time are those of Gal & Ghahramani (2016, arXiv:1512.05287). B draws instead of N:
    random numbers cost as much as a small layer otherwise, and processes that share a batch draw alike
    (:mod:`bezant.network.draws`).

    Notes
    -----
    Shape: packed (N, W) to (N, W).
    """

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout

    def forward(self, x: Tensor, packing: Packing) -> Tensor:
        """Drop units while training."""
        mask = self._mask(x, packing)
        return x if mask is None else x * mask

    def added(self, h: Tensor, x: Tensor, packing: Packing) -> Tensor:
        """Return ``h + forward(x)``, in one pass over memory."""
        mask = self._mask(x, packing)
        return h + x if mask is None else torch.addcmul(h, x.to(h.dtype), mask.to(h.dtype))

    def _mask(self, x: Tensor, packing: Packing) -> Tensor | None:
        if not (self.training and self.dropout):
            return None
        keep = 1 - self.dropout
        mask = drawn(
            lambda rows: torch.empty(rows, x.shape[1], device=x.device).bernoulli_(keep), packing.shape[0]
        )
        return mask.div_(keep).to(x.dtype).index_select(0, packing.history)
