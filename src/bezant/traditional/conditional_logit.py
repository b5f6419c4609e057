"""One choice among many by a few features of each: McFadden's conditional logit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bezant.types import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class ConditionalLogit:
    """Weights of the features; the logit of a choice is their weighted sum.

    Attributes
    ----------
    weights : float array of shape (F,)
        Of the features as they are given.
    loss : float
        Mean cross-entropy of the choices it was learned on.

    References
    ----------
    McFadden (1974), "Conditional logit analysis of qualitative choice behavior", equation 17.
    """

    weights: FloatArray
    loss: float

    def scores(self, features: FloatArray) -> FloatArray:
        """Return the logits of choices with these features, (..., F) to (...)."""
        return np.asarray(features @ self.weights.astype(features.dtype))


def learn_conditional_logit(
    features: FloatArray, chosen: IntArray, allowed: BoolArray, penalty: float = 1e-3, rounds: int = 200
) -> ConditionalLogit:
    """Learn the weights by maximum likelihood: a concave problem, so that the start does not matter.

    Parameters
    ----------
    features : float array of shape (e, c, F)
        Of c alternatives in e choices.
    chosen : int array of shape (e,)
        The alternative taken in each.
    allowed : bool array of shape (e, c)
        Alternatives that could have been taken; the chosen ones among them.
    penalty : float, default 1e-3
        Half of it times the sum of squared weights, of features scaled to a standard deviation of 1 among
        the alternatives, is added to the mean loss.
    rounds : int, default 200
        Of L-BFGS at most.
    """
    from scipy.optimize import minimize

    examples, _, width = features.shape
    rows = np.arange(examples)
    scale = np.maximum(features.std(axis=1, dtype=np.float64).mean(axis=0), 1e-6)
    own = features[rows, chosen].astype(np.float64)
    shut = np.where(allowed, 0.0, -np.inf).astype(np.float32)
    flat = features.reshape(-1, width)

    def loss(weights: FloatArray) -> tuple[float, FloatArray]:
        logits = (flat @ (weights / scale).astype(features.dtype)).reshape(shut.shape) + shut
        logits -= logits.max(axis=1, keepdims=True)
        shares = np.exp(logits)
        sums = shares.sum(axis=1, keepdims=True)
        shares /= sums
        value = (np.log(sums[:, 0]) - logits[rows, chosen]).mean(dtype=np.float64)
        expected = shares.reshape(-1) @ flat
        slope = (expected - own.sum(axis=0)) / examples / scale
        return float(value + penalty / 2 * weights @ weights), slope + penalty * weights

    found = minimize(loss, np.zeros(width), jac=True, method="L-BFGS-B", options={"maxiter": rounds})
    plain = loss(found.x)[0] - penalty / 2 * float(found.x @ found.x)
    return ConditionalLogit(found.x / scale, plain)
