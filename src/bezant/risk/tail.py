"""The extreme-value tail: losses beyond a threshold follow a generalised Pareto distribution."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bezant.metrics.checks import Floats, as_vector
from bezant.metrics.market.losses import tail_of
from bezant.types import InputError

LEAST = 20
"""Losses beyond the threshold that a fit needs: below it the shape's error is above 0.25."""

SHAPES = (-0.5, 1.0)
"""Range of the shape: beneath it maximum likelihood has no limit law, above it there is no mean."""


@dataclass(frozen=True)
class ParetoTail:
    """Losses beyond a threshold.

    Parameters
    ----------
    threshold : float
        Losses above it belong to the tail.
    shape, scale : float
        Of the generalised Pareto distribution of the excess; a shape above 0 is a heavy tail, 1 over the
        number of moments that exist.
    rows, exceedances : int
        Losses in all, and beyond the threshold.
    """

    threshold: float
    shape: float
    scale: float
    rows: int
    exceedances: int

    def __post_init__(self) -> None:
        if not (self.scale > 0 and self.shape < 1 and 0 < self.exceedances <= self.rows):
            raise InputError(
                f"A tail of shape {self.shape:g} and scale {self.scale:g} from {self.exceedances} of "
                f"{self.rows} losses has no ES; give more or other losses."
            )

    @property
    def share(self) -> float:
        """Share of losses beyond the threshold."""
        return self.exceedances / self.rows

    @property
    def shape_error(self) -> float:
        """Standard error of the shape, (1 + shape) over the root of the exceedances (Smith 1987)."""
        return (1 + self.shape) / math.sqrt(self.exceedances)

    def value_at_risk(self, level: float) -> float:
        """Return the loss that is exceeded with ``1 - level``.

        Raises
        ------
        InputError
            If ``1 - level`` is above :attr:`share`: the tail does not reach there.
        """
        tail = tail_of(level)
        if tail > self.share * (1 + 1e-9):
            raise InputError(
                f"The tail holds {100 * self.share:g} % of losses and {100 * tail:g} % are asked; fit it "
                "with a larger share."
            )
        logarithm = math.log(tail / self.share)
        if abs(self.shape) < 1e-9:
            return self.threshold - self.scale * logarithm
        return self.threshold + self.scale / self.shape * math.expm1(-self.shape * logarithm)

    def expected_shortfall(self, level: float) -> float:
        """Return the mean loss beyond the VaR: (VaR + scale - shape threshold) / (1 - shape)."""
        var = self.value_at_risk(level)
        return (var + self.scale - self.shape * self.threshold) / (1 - self.shape)

    @property
    def sentence(self) -> str:
        """What was fitted, in one sentence."""
        return (
            f"The {self.exceedances} largest of {self.rows} losses, beyond {self.threshold:.4g}, have a tail "
            f"of shape {self.shape:.2f} (standard error {self.shape_error:.2f})."
        )


def fit_tail(losses: npt.ArrayLike, *, share: float = 0.1) -> ParetoTail:
    """Fit the tail of losses by maximum likelihood, peaks over a threshold.

    For returns, fit the standardised residuals of a volatility model and multiply VaR and ES by the
    volatility forecast: raw returns are calm and wild by turns, and their exceedances come in groups.

    Parameters
    ----------
    losses : array-like of shape (n,)
        Positive for losses: minus the returns or residuals.
    share : float, default 0.1
        Share of losses beyond the threshold, which is the largest loss not among them.

    Returns
    -------
    ParetoTail

    Raises
    ------
    InputError
        If fewer than 20 losses lie beyond the threshold, or a loss is missing.

    References
    ----------
    McNeil and Frey (2000), "Estimation of tail-related risk measures for heteroscedastic financial time
    series", Journal of Empirical Finance 7; Grimshaw (1993), Technometrics 35, for the profile likelihood.
    """
    from scipy.optimize import minimize_scalar

    values = np.sort(as_vector(losses, "The loss"))[::-1]
    count = int(share * len(values)) if 0 < share < 1 else 0
    if count < LEAST or values[count] >= values[0]:
        raise InputError(
            f"A share of {share:g} of {len(values)} losses leaves {count} in the tail; give at least "
            f"{LEAST} different ones."
        )
    threshold = float(values[count])
    excess = values[:count] - threshold
    spread = float(excess.mean())
    low, high = -1 / float(excess.max()) * (1 - 1e-6), 20 / spread
    grid = np.concatenate(
        [np.linspace(low, 0, 60, endpoint=False), np.geomspace(1e-6, high * spread, 120) / spread]
    )
    at = int(np.argmin([_negative_profile(theta, excess) for theta in grid]))
    bounds = (grid[max(at - 1, 0)], grid[min(at + 1, len(grid) - 1)])
    theta = minimize_scalar(_negative_profile, bounds=bounds, args=(excess,), method="bounded").x
    shape = _shape(float(theta), excess)
    return ParetoTail(threshold, shape, shape / float(theta) if theta else spread, len(values), count)


def _shape(theta: float, excess: Floats) -> float:
    """Return the best shape given shape over scale."""
    return float(np.log1p(theta * excess).mean())


def _negative_profile(theta: float, excess: Floats) -> float:
    """Return minus the mean log-likelihood at the best shape for this ratio of shape and scale."""
    shape = _shape(theta, excess)
    if not SHAPES[0] <= shape < SHAPES[1]:
        return math.inf
    scale = shape / theta if abs(theta) > 1e-12 else float(excess.mean())
    return math.log(scale) + 1 + shape
