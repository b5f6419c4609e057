"""The plain multilayer perceptron: one member."""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from bezant.network.draws import drawn


class MLPTrunk(nn.Module):
    """Linear, ReLU, dropout, ``depth`` times.

    Notes
    -----
    Shape: (B, D) to (1, B, W), in the precision of what comes in.
    """

    def __init__(self, width_in: int, *, width: int, depth: int, dropout: float) -> None:
        super().__init__()
        self.members, self.width, self.dropout = 1, width, dropout
        self.layers = nn.ModuleList(nn.Linear(width if i else width_in, width) for i in range(depth))

    def forward(self, x: Tensor) -> Tensor:
        """Mix the row's fields."""
        for layer in self.layers:
            weight, bias = layer.parameters()
            x = torch.relu(functional.linear(x, weight.to(x.dtype), bias.to(x.dtype)))
            if self.training and self.dropout:
                x = x * self._mask(x)
        return x[None]  # (1, B, W)

    def _mask(self, x: Tensor) -> Tensor:
        keep = 1 - self.dropout
        mask = drawn(lambda rows: torch.empty(rows, x.shape[1], device=x.device).bernoulli_(keep), len(x))
        return mask.div_(keep).to(x.dtype)

    def folded(self) -> list[tuple[Tensor, Tensor]]:
        """Return the matrices (1, W, D) and shifts (1, W), layer by layer; ReLU follows each."""
        return [(weight[None], bias[None]) for weight, bias in (layer.parameters() for layer in self.layers)]
