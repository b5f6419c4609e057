"""One linear unit a member, and what heads share whose answer is a number between 0 and 1."""

from __future__ import annotations

import torch
import torch.nn.functional as functional
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

    def start_at_logit_of(self, mean: float) -> None:
        """Begin at the log-odds of a mean in [0, 1], so that no step is spent on finding it."""
        rate = min(max(mean, 1e-4), 1 - 1e-4)
        nn.init.constant_(self.bias, float(torch.logit(torch.tensor(rate))))


def bernoulli_loss(logits: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
    """Return the mean of the members' Bernoulli losses: logits (B, K), target (B,) in [0, 1]."""
    wanted = target[:, None].expand_as(logits)
    losses = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    return weighted_mean(losses, weight)


def mean_of_sigmoids(logits: Tensor) -> Tensor:
    """Return the mean of the members' answers: logits (B, K) to (B,) in [0, 1]."""
    return logits.sigmoid().mean(1)


def weighted_mean(losses: Tensor, weight: Tensor | None) -> Tensor:
    """Return the mean of losses (B,) or (B, K), weighted by row."""
    if losses.ndim == 2:
        losses = losses.mean(1)
    return losses.mean() if weight is None else (losses * weight).sum() / weight.sum()
