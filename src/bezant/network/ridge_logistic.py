"""Logistic regression with a ridge penalty, solved to its optimum, the penalty chosen by leaving rows out.

The optimum is found by Newton's method. What each row would have been answered had it been left out is known
from the same solution to first order (the approximate leave-one-out of Rad and Maleki 2020, "A scalable
estimate of the out-of-sample prediction error via approximate leave-one-out cross-validation", J. R. Stat.
Soc. B 82), so that choosing a penalty takes one solution a candidate and no folds. Few rows say little of the
penalty: what they say is weighed against what is usual (docs/log.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import softplus

PENALTIES = (100.0, 30.0, 10.0, 3.0, 1.0)
"""Candidates; a penalty is one over the variance that a coefficient is expected to have."""

USUAL = 20.0
"""Centre of the prior of a penalty, whose logarithm is normal with standard deviation 1."""

NEWTON_STEPS = 50
"""Far more than a penalised solution needs."""

PRECISION = 1e-6
"""Newton's method ends where no log-odds of a row moves by more."""


@dataclass(frozen=True)
class RidgeLogistic:
    """A solution.

    Attributes
    ----------
    intercept : float64 tensor, shape ()
        Not penalised.
    coefficients : float64 tensor, shape (p,)
    penalty : float
        Factor of half the sum of their squares.
    left_out : float64 tensor, shape (n,)
        Log-odds of each training row from a solution without it, to first order.
    left_out_loss : float
        Their mean log loss.
    """

    intercept: Tensor
    coefficients: Tensor
    penalty: float
    left_out: Tensor
    left_out_loss: float


@torch.no_grad()
def fit_ridge_logistic(
    design: Tensor, target: Tensor, weight: Tensor | None = None, penalties: tuple[float, ...] = PENALTIES
) -> RidgeLogistic:
    """Solve for each penalty and return the solution whose rows are best predicted by the others.

    What tells is the log loss of all left-out rows together, and half the squared logarithm of the penalty
    over :data:`USUAL`.

    Parameters
    ----------
    design : float64 tensor, shape (n, p)
    target : float64 tensor, shape (n,)
        Outcomes in [0, 1].
    weight : float64 tensor, shape (n,), optional
        Weight of each row.
    penalties : tuple of float
        Candidates, the strongest first, for each begins where the one before has ended.
    """
    weight = torch.ones_like(target) if weight is None else weight
    x = torch.cat([design, design.new_ones(len(design), 1)], 1)  # (n, p + 1), the intercept last
    found = x.new_zeros(x.shape[1])
    best, least = None, math.inf
    for penalty in penalties:
        found, factor = _solved(x, target, weight, penalty, found)
        left_out = _left_out(x, target, weight, found, factor)
        loss = float((weight * _losses(left_out, target)).sum())
        judged = loss + math.log(penalty / USUAL) ** 2 / 2
        if judged < least:
            mean = loss / float(weight.sum())
            best, least = RidgeLogistic(found[-1], found[:-1], penalty, left_out, mean), judged
    assert best is not None
    return best


def _losses(odds: Tensor, target: Tensor) -> Tensor:
    return softplus(odds) - target * odds


def _solved(
    x: Tensor, target: Tensor, weight: Tensor, penalty: float, start: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the coefficients, and the Cholesky factor of the loss's second derivative there."""
    ridge = torch.full_like(start, penalty)
    ridge[-1] = 0.0

    def loss(at: Tensor) -> Tensor:
        return (weight * _losses(x @ at, target)).sum() + (ridge * at * at).sum() / 2

    found, lowest = start, loss(start)
    factor = _factor(x, weight, found, ridge)
    for _ in range(NEWTON_STEPS):
        gradient = x.T @ (weight * (torch.sigmoid(x @ found) - target)) + ridge * found
        step = torch.cholesky_solve(gradient[:, None], factor)[:, 0]
        while (reached := loss(found - step)) > lowest and float(step.abs().max()) > PRECISION:
            step = step / 2
        found, lowest = found - step, torch.minimum(reached, lowest)
        factor = _factor(x, weight, found, ridge)
        if float((x @ step).abs().max()) < PRECISION:
            break
    return found, factor


def _factor(x: Tensor, weight: Tensor, at: Tensor, ridge: Tensor) -> Tensor:
    p = torch.sigmoid(x @ at)
    information = x.T @ (x * (weight * p * (1 - p))[:, None])
    # The intercept is not penalised; where every row is certain, nothing else keeps its place from being 0.
    factor: Tensor = torch.linalg.cholesky(information + torch.diag(ridge.clamp_min(1e-9)))
    return factor


def _left_out(x: Tensor, target: Tensor, weight: Tensor, found: Tensor, factor: Tensor) -> Tensor:
    """Return log-odds (n,) without each row: one Newton step away from the solution with it."""
    odds = x @ found
    p = torch.sigmoid(odds)
    reach = torch.linalg.solve_triangular(factor, x.T, upper=False).square().sum(0)  # x' H^-1 x
    own = reach * weight
    without: Tensor = odds + own * (p - target) / (1 - own * p * (1 - p)).clamp_min(1e-6)
    return without
