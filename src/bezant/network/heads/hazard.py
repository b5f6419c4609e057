"""When an event comes: discrete-time survival, the probability of the event by the end of each period."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from bezant.network.heads.binary import recalibrated
from bezant.network.heads.linear import MemberLinear, weighted_mean
from bezant.types import BoolArray, FloatArray

PRIOR_PERIODS = 10.0
"""Periods at risk, at the overall hazard, that every period's own starting hazard is mixed with."""


class HazardHead(nn.Module):
    """Hazards of T periods, trained on rows that are still open too; see the package for the contract.

    A target is (B, 2): the periods that a row was observed for, and 1 if the last of them ended in the
    event (see :func:`hazard_targets`). The loss is the sum of the Bernoulli terms of the observed periods
    (Singer and Willett 1993; Gensheimer and Narasimhan 2019, equation 3). The answer (B, T) is the
    probability of the event by the end of each period: it cannot fall from one to the next.

    Parameters
    ----------
    members, width : int
        Of the trunk.
    periods : int
        Number T of periods.
    """

    def __init__(self, members: int, width: int, periods: int) -> None:
        super().__init__()
        self.unit = MemberLinear(members, width)
        # What a row shifts in all periods alike is learned first; what it shifts in one starts at nought.
        self.apart = nn.Parameter(torch.zeros(members, width, periods))
        self.level = nn.Parameter(torch.zeros(periods))

    @property
    def periods(self) -> int:
        """Number T of periods."""
        return len(self.level)

    def start_at(self, target: Tensor) -> None:
        """Begin at the training rows' hazard of each period."""
        rates = period_hazards(target, self.periods, PRIOR_PERIODS).clamp(1e-6, 1 - 1e-4)
        with torch.no_grad():
            self.level.copy_(torch.logit(rates))

    def forward(self, x: Tensor) -> Tensor:
        """Return the members' log-odds of the hazards (B, K, T)."""
        apart = torch.bmm(x, self.apart.to(x.dtype)).float().transpose(0, 1)  # (B, K, T)
        return self.unit(x)[..., None] + apart + self.level  # type: ignore[no-any-return]

    def loss(self, output: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """Return the mean of the members' negative log likelihoods of a row."""
        at_risk, event = observed_periods(target, self.periods)  # (B, T) each
        terms = functional.softplus(output) * at_risk[:, None] - output * event[:, None]
        return weighted_mean(terms.sum(-1), weight)

    def predict(self, output: Tensor) -> Tensor:
        """Return the probability of the event by the end of each period (B, T), the members' mean."""
        by_then = -torch.expm1(functional.logsigmoid(-output).cumsum(-1))  # (B, K, T)
        return by_then.mean(1).cummax(-1).values  # rounding of a mean must not let it fall

    def judge(self, prediction: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """Return the negative log likelihood of a row after the best shift and slope of log-odds.

        As with the binary head, the level must not stop a network that still learns to tell rows apart.
        """
        at_risk, event = observed_periods(target.double(), self.periods)
        logits = torch.logit(hazards_of(prediction.double()).clamp(1e-7, 1 - 1e-7))
        cells = at_risk if weight is None else at_risk * weight.double()[:, None]
        mended = recalibrated(logits.flatten(), event.flatten(), cells.flatten()).view_as(logits)
        terms = functional.softplus(mended) * at_risk - mended * event
        return weighted_mean(terms.sum(-1), weight)


def hazard_targets(duration: FloatArray, event: BoolArray, period: float, periods: int) -> FloatArray:
    """Return the targets of a :class:`HazardHead`.

    Parameters
    ----------
    duration : float64 array, shape (n,)
        Time from the origin to the event, or to the end of observation where none was seen.
    event : bool array, shape (n,)
        Whether the event was seen.
    period : float
        Length of a period, in the unit of ``duration``.
    periods : int
        Number T of periods; what comes after them counts as not seen.

    Returns
    -------
    float64 array, shape (n, 2)
        Periods observed, at most T, and 1 for the event. The period of an event counts whole. A period cut
        short by the end of observation counts by the part that was seen: leaving it out while counting
        the events in it would make the newest loans look worse than they are.
    """
    seen = np.asarray(duration, np.float64) / period
    within = np.asarray(event, bool) & (seen <= periods)
    whole = np.maximum(np.ceil(seen), 1)
    return np.column_stack([np.where(within, whole, np.clip(seen, 0, periods)), within.astype(np.float64)])


def observed_periods(target: Tensor, periods: int) -> tuple[Tensor, Tensor]:
    """Return the share of each period that was observed (B, T), and 1 in the period of the event (B, T)."""
    starts = torch.arange(periods, dtype=target.dtype, device=target.device)
    at_risk = (target[:, :1] - starts).clamp(0, 1)
    event = (target[:, :1] == starts + 1).to(target.dtype) * target[:, 1:]
    return at_risk, event


def period_hazards(target: Tensor, periods: int, prior: float = 0.0) -> Tensor:
    """Return events over periods at risk (T,), mixed with ``prior`` periods of the overall hazard."""
    at_risk, event = observed_periods(target.double(), periods)
    overall = event.sum() / at_risk.sum().clamp_min(1e-9)
    return (event.sum(0) + prior * overall) / (at_risk.sum(0) + prior).clamp_min(1e-9)


def martingale_residuals(target: Tensor, periods: int) -> Tensor:
    """Return events less those expected of rows so long observed (B,), float32.

    One number a row for target statistics: unlike the event itself, it is not small only because a loan
    is young (Therneau, Grambsch and Fleming 1990).
    """
    at_risk, event = observed_periods(target.double(), periods)
    return (event.sum(1) - at_risk @ period_hazards(target, periods)).float()


def hazards_of(by_then: Tensor) -> Tensor:
    """Return the hazards (B, T) of probabilities of the event by the end of each period (B, T)."""
    before = functional.pad(by_then, (1, 0))[:, :-1]
    return (by_then - before) / (1 - before).clamp_min(1e-12)
