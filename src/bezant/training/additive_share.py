"""How much of an answer is the additive member's, by rows that nobody has learned from.

Each share is a hypothesis of how rows come about, and all are equally likely before a row is seen. What the
rows say of them are their likelihoods; the share that is given is the mean of the posterior. A few rows leave
it near half, and many decide: no threshold has to be passed before they may. Rows count a quarter each (a
fractional posterior, Bhattacharya, Pati and Yang 2019, Ann. Statist.): the same ones have chosen the epoch,
and with the whole likelihood one lucky fold of 200 rows decided (docs/log.md).
"""

from __future__ import annotations

import numpy as np
import torch

from bezant.network.batch import Batch
from bezant.network.model import Network
from bezant.types import FloatArray

SHARES = np.linspace(0.0, 1.0, 5)
"""Candidates, around half of the answer."""

FRACTION = 0.25
"""Of a row's log-likelihood that counts."""


def best_share(apart: FloatArray, y: FloatArray) -> float:
    """Return the additive member's share of the answer, the mean of its fractional posterior.

    Parameters
    ----------
    apart : float64 array, shape (2, n)
        Probabilities by the trained members and by the additive one, of rows that neither has learned from.
    y : float64 array, shape (n,)
        Outcomes, 0 or 1.
    """
    losses = np.array([_row_losses(y, shared(apart, share)).sum() for share in SHARES])
    likelihood = np.exp(FRACTION * (losses.min() - losses))
    return float(likelihood @ SHARES / likelihood.sum())


def _row_losses(y: FloatArray, p: FloatArray) -> FloatArray:
    p = np.clip(p, 1e-7, 1 - 1e-7)
    return -(y * np.log(p) + (1 - y) * np.log1p(-p))


def answers_apart(network: Network, rows: Batch) -> FloatArray:
    """Return the answers of the trained members and of the additive one, float64 (2, n)."""
    apart: FloatArray = torch.stack(network.apart(rows)).double().numpy()
    return apart


def shared(apart: FloatArray, share: float) -> FloatArray:
    """Return the answers (n,) with this share of the additive member."""
    members, own = apart
    mixed: FloatArray = members + share * (own - members)
    return mixed


def share_note(network: Network) -> tuple[str, ...]:
    """Say what share of the answer is an additive member's."""
    if network.additive is None:
        return ()
    return (
        f"{float(network.additive.share):.0%} of each answer is that of an additive logistic regression of "
        f"the same fields, solved with a penalty of {float(network.additive.penalty):g}, which predicts "
        "training rows best from the others.",
    )
