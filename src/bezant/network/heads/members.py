"""Several linear units a member."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class MemberLinears(nn.Module):
    """J linear units for each of K members.

    Notes
    -----
    Shape: (K, B, W) to (B, K, J), float32.
    """

    def __init__(self, members: int, width: int, units: int) -> None:
        super().__init__()
        bound = width**-0.5
        self.weight = nn.Parameter(torch.empty(members, width, units).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(members, units))

    def forward(self, x: Tensor) -> Tensor:
        """Apply the units."""
        raw = torch.bmm(x, self.weight.to(x.dtype))  # (K, B, J)
        return raw.transpose(0, 1).float() + self.bias
