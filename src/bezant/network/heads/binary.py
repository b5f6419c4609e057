"""The probability of an event."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from bezant.metrics.classification import logistic_recalibration
from bezant.network.heads.linear import MemberLinear, bernoulli_loss, mean_of_sigmoids, weighted_mean


class BinaryHead(nn.Module):
    """Probability of 1 against 0, trained by log loss; see the package for the contract."""

    def __init__(self, members: int, width: int) -> None:
        super().__init__()
        self.unit = MemberLinear(members, width)

    def start_at(self, mean: float) -> None:
        """Begin at the training rate."""
        self.unit.start_at_logit_of(mean)

    def forward(self, x: Tensor) -> Tensor:
        """Return the members' log-odds (B, K)."""
        return self.unit(x)  # type: ignore[no-any-return]

    def loss(self, output: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """Return the mean of the members' log losses."""
        return bernoulli_loss(output, target, weight)

    def predict(self, output: Tensor) -> Tensor:
        """Return the mean of the members' probabilities (B,)."""
        return mean_of_sigmoids(output)

    def judge(self, prediction: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """Return the log loss of the mean probability after its best shift and slope of log-odds.

        The level is the calibrator's task. Out-of-time it is off by as much as the world has changed,
        and a raw log loss would stop the training of a network that still learns to tell rows apart.
        """
        p = prediction.double().clamp(1e-7, 1 - 1e-7)
        target = target.double()
        if 0 < float(target.sum()) < len(target):
            shift, slope = logistic_recalibration(target.cpu().numpy(), p.cpu().numpy())
            if math.isfinite(shift) and slope > 0:
                p = torch.sigmoid(shift + slope * torch.logit(p)).clamp(1e-7, 1 - 1e-7)
        return weighted_mean(-(target * p.log() + (1 - target) * (1 - p).log()), weight)
