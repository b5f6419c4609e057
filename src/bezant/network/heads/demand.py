"""What customers do over a horizon: how often, whether at all, and for how much a time."""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from bezant.network.heads.linear import weighted_mean
from bezant.network.heads.members import MemberLinears

REACH = 2.0
"""Largest correction of a logarithm or of log-odds: a rate is at most exp(2) = 7.4 times the expectation."""

COUNT, AMOUNT, LOG_COUNT, LOGIT_ACTIVE, LOG_AMOUNT = range(5)
"""Columns of the target: what happened, then what was expected before the network was asked."""

MOST_PURCHASES = 5.0
"""A mean amount weighs as so many purchases at most."""


class DemandHead(nn.Module):
    """Corrections of what a model of repeat purchases expects: of the log rate, the log-odds, the log amount.

    It begins at no correction at all, and no answer leaves ``REACH``, so that a customer unlike all others
    cannot make it explode. Counts are learned by the Poisson likelihood, whose minimum is the conditional
    mean whatever the distribution; amounts by that of a gamma law, for the same reason.

    Notes
    -----
    Shape: (K, B, W) to (B, K, 3). The target (B, 5) has the columns count, mean amount of a purchase (any
    number where the count is 0), and the expected log count, log-odds of any purchase, and log amount.

    References
    ----------
    McCullagh and Nelder (1989), "Generalized linear models", chapters 6 and 8.
    """

    def __init__(self, members: int, width: int) -> None:
        super().__init__()
        self.units = MemberLinears(members, width, 3)

    def start_at(self, target: Tensor) -> None:
        """Begin at what was expected."""
        with torch.no_grad():
            self.units.weight.zero_()
            self.units.bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        """Return the members' corrections (B, K, 3)."""
        return REACH * torch.tanh(self.units(x) / REACH)

    def loss(self, output: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """Return the mean of the members' negative log likelihoods of a row."""
        return weighted_mean(demand_terms(output, target[:, None]).sum(-1), weight)

    def predict(self, output: Tensor) -> Tensor:
        """Return the mean of the members' corrections (B, 3)."""
        return output.mean(1)

    def judge(self, prediction: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """Return the negative log likelihood of the one answer a row."""
        return weighted_mean(demand_terms(prediction.double(), target.double()).sum(-1), weight)


def demand_terms(correction: Tensor, target: Tensor) -> Tensor:
    """Return the negative log likelihoods, constants left out, of corrections (..., 3): same shape."""
    count, amount = target[..., COUNT], target[..., AMOUNT]
    log_rate = target[..., LOG_COUNT] + correction[..., 0]
    log_odds = target[..., LOGIT_ACTIVE] + correction[..., 1]
    log_amount = target[..., LOG_AMOUNT] + correction[..., 2]
    rate = log_rate.exp() - count * log_rate
    active = functional.softplus(log_odds) - (count > 0) * log_odds
    paid = amount * torch.exp(-log_amount) + log_amount
    return torch.stack([rate, active, paid * count.clamp(max=MOST_PURCHASES)], -1)
