"""The probability of an event."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bezant.network.heads.linear import MemberLinear, bernoulli_loss, mean_of_sigmoids, weighted_mean

NEWTON_STEPS = 50
"""Far more than two coefficients need."""

STEEPEST = 20.0
"""A steeper slope of log-odds means that a threshold parts the classes: it has no best value."""


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
        logits = torch.logit(prediction.double().clamp(1e-7, 1 - 1e-7))
        target = target.double()
        rows = torch.ones_like(target) if weight is None else weight.double()
        p = torch.sigmoid(recalibrated(logits, target, rows)).clamp(1e-7, 1 - 1e-7)
        return weighted_mean(-(target * p.log() + (1 - target) * (1 - p).log()), weight)


def recalibrated(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Return shift + slope x log-odds with the least weighted log loss; as they are if there is none.

    Newton's method for a logistic regression of two coefficients (Cox 1958), from slope 1 and the shift
    between the mean answer and the mean target: from shift 0 it diverges where the level is far off.
    """
    design = torch.stack([torch.ones_like(logits), logits], 1)
    means = torch.stack([(weight * target).sum(), (weight * torch.sigmoid(logits)).sum()]) / weight.sum()
    expected, answered = torch.logit(means.to(torch.float64), eps=1e-6)
    coefficients = torch.stack([expected - answered, torch.ones_like(expected)])
    for _ in range(NEWTON_STEPS):
        p = torch.sigmoid(design @ coefficients)
        gradient = design.T @ (weight * (target - p))
        information = design.T @ (design * (weight * p * (1 - p))[:, None])
        information = information + 1e-9 * weight.sum() * torch.eye(2, dtype=torch.float64, device=p.device)
        step = torch.linalg.solve(information, gradient)
        coefficients = coefficients + step
        if float(step.abs().max()) < 1e-10:
            break
    sound = bool(torch.isfinite(coefficients).all()) and 0 < float(coefficients[1]) < STEEPEST
    return design @ coefficients if sound else logits
