"""How much of an answer is the additive member's: a quarter, unless rows not learned from say otherwise.

Of outcomes too few to hold any out it has most: a penalty keeps their noise out, where no rows are left that
would tell training when to stop (docs/log.md).
"""

from __future__ import annotations

import numpy as np
import torch

from bezant.network.additive import SHARE
from bezant.network.batch import Batch
from bezant.network.model import Network
from bezant.training.plan import TAUGHT_FROM
from bezant.types import FloatArray

SHARES = (0.0, 0.25, 0.5, 0.75)
"""Candidates."""

FEW, SHARE_OF_FEW = 30, 0.75
"""Rows of the rarer outcome that are few, and the share with fewer of them."""

SHARE_WITH_RECORDS = 0.9
"""Of rows with records none of which are held out: what reads records one by one learns them by heart, but
if it begins with a frozen summary and is taught."""

BEYOND_CHANCE = 2.0
"""Standard errors by which another share must be better than a quarter."""


def usual_share(outcomes: FloatArray, network: Network) -> float:
    """Return the additive member's share where no rows are left to choose it, for outcomes 0 and 1 (n,).

    It is larger with very few of them, and largest where the network reads records.
    """
    if network.records is not None:
        frozen = network.config.records is not None and network.config.records.kept is not None
        return SHARE if frozen and len(outcomes) >= TAUGHT_FROM else SHARE_WITH_RECORDS
    rarer = min(outcomes.sum(), len(outcomes) - outcomes.sum())
    return SHARE_OF_FEW if rarer < FEW else SHARE


def best_share(apart: FloatArray, y: FloatArray) -> float:
    """Return the additive member's share of the answer: a quarter, unless another is clearly better.

    Parameters
    ----------
    apart : float64 array, shape (2, n)
        Probabilities by the trained members and by the additive one, of rows that neither has learned from.
    y : float64 array, shape (n,)
        Outcomes, 0 or 1.

    Returns
    -------
    float
        One of :data:`SHARES`. Another than a quarter must lower the mean log loss by more than two standard
        errors of the difference.
    """
    losses = {share: _row_losses(y, shared(apart, share)) for share in SHARES}
    best = min(SHARES, key=lambda share: float(losses[share].mean()))
    saved = losses[SHARE] - losses[best]
    return best if saved.mean() > BEYOND_CHANCE * saved.std() / len(y) ** 0.5 else SHARE


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
    pretrained = " and of the components of the pretrained summary" if network.additive.further else ""
    return (
        f"{float(network.additive.share):.0%} of each answer is that of an additive logistic regression of "
        f"the same fields{pretrained}, solved with a penalty of {float(network.additive.penalty):g}, which "
        "predicts training rows best from the others.",
    )
