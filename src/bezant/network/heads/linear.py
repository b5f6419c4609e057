"""One linear unit a member, shared by every head that needs one number a row."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class MemberLinear(nn.Module):
    """K linear units.

    Notes
    -----
    Shape: (K, B, W) to (B, K), float32.
    """

    def __init__(self, members: int, width: int) -> None:
        super().__init__()
        bound = width**-0.5
        self.weight = nn.Parameter(torch.empty(members, width).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(members))

    def forward(self, x: Tensor) -> Tensor:
        """Apply the units."""
        raw = torch.bmm(x, self.weight[:, :, None].to(x.dtype))[..., 0]  # (K, B)
        return raw.T.float() + self.bias


def weighted_mean(losses: Tensor, weight: Tensor | None) -> Tensor:
    """Return the mean of losses (B,) or (B, K), weighted by row."""
    if losses.ndim == 2:
        losses = losses.mean(1)
    return losses.mean() if weight is None else (losses * weight).sum() / weight.sum()
