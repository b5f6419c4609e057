"""Test of ES: were the losses beyond the VaR, in number and size together, as large as promised?"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bezant.evidence.var_backtests.exceptions import RiskTest
from bezant.metrics.checks import Floats, as_vector
from bezant.metrics.market.losses import tail_of
from bezant.types import InputError

SIMULATIONS = 10_000
"""Draws of the statistic under the forecast: a p-value of 5 % is then known to 0.2 points."""


def acerbi_szekely(
    y: npt.ArrayLike,
    var: npt.ArrayLike,
    es: npt.ArrayLike,
    level: float,
    *,
    scenarios: npt.ArrayLike | None = None,
    shape: float = 0.0,
    simulations: int = SIMULATIONS,
    random_state: int = 0,
) -> RiskTest:
    """Test ES by Z2: one plus the sum of y/ES over the exceptions, over as many as are promised.

    Z2 is 0 in expectation for a right model and negative where risk is understated: at -1 losses beyond the
    VaR add up to twice what was promised. One-sided: the p-value is small for understated risk only.

    Parameters
    ----------
    y : array-like of shape (n,)
        Returns or gains that came.
    var, es : array-like of shape (n,)
        Forecasts for each day, losses positive, ES at least VaR.
    level : float
        Of both, such as 0.975.
    scenarios : array-like of shape (simulations, n), optional
        Gains drawn from each day's forecast, for the p-value. If not given, exceptions come with their
        promised rate and the loss beyond the VaR from a generalised Pareto distribution whose mean is the
        promised ES: nothing else of a forecast enters Z2.
    shape : float, default 0
        Shape of that distribution in [0, 1): 0 is exponential, 1/df that of Student's t. Heavier tails
        make large losses less of a surprise.
    simulations : int, default 10000
        Used without ``scenarios``.
    random_state : int, default 0

    Raises
    ------
    InputError
        If lengths differ, a value is missing, an ES is not above 0 or is below its VaR, or ``shape`` is out
        of range.

    References
    ----------
    Acerbi and Szekely (2014), "Backtesting expected shortfall", Risk, test 2 (equation 6).
    """
    tail = tail_of(level)
    gains, bounds, shortfall = _checked(y, var, es)
    found = float(_z2(gains[None], bounds, shortfall, tail)[0])
    if scenarios is None:
        drawn = _simulated(bounds, shortfall, tail, shape, simulations, np.random.default_rng(random_state))
    else:
        paths = np.asarray(scenarios, dtype=np.float64)
        if paths.ndim != 2 or paths.shape[1] != len(gains) or not np.isfinite(paths).all():
            raise InputError(
                f"The scenarios have the shape {paths.shape}, or gaps; give drawn gains of shape "
                f"(simulations, {len(gains)})."
            )
        drawn = _z2(paths, bounds, shortfall, tail)
    p_value = (1 + int(np.sum(drawn <= found))) / (1 + len(drawn))
    return RiskTest(
        "Acerbi-Szekely Z2", "losses beyond the VaR are as large as promised", found, p_value, None
    )


def _checked(y: npt.ArrayLike, var: npt.ArrayLike, es: npt.ArrayLike) -> tuple[Floats, Floats, Floats]:
    arrays = as_vector(y, "The return"), as_vector(var, "The VaR"), as_vector(es, "The ES")
    if len({len(values) for values in arrays}) != 1:
        sizes = ", ".join(str(len(values)) for values in arrays)
        raise InputError(f"Returns, VaR and ES have {sizes} days; give one of each a day.")
    wrong = int(np.sum((arrays[2] <= 0) | (arrays[2] < arrays[1] * (1 - 1e-12))))
    if wrong:
        raise InputError(
            f"The ES is not above 0 or is below its VaR on {wrong} of {len(arrays[0])} days; give losses as "
            "positive numbers, VaR before ES."
        )
    return arrays


def _z2(paths: Floats, var: Floats, es: Floats, tail: float) -> Floats:
    """Return the statistic of each path, shape (paths,)."""
    beyond = np.where(paths < -var, paths / es, 0.0)
    return np.asarray(beyond.sum(axis=1) / (tail * len(var)) + 1)


def _simulated(
    var: Floats, es: Floats, tail: float, shape: float, simulations: int, rng: np.random.Generator
) -> Floats:
    """Return draws of the statistic: exceptions at random, then losses beyond the VaR."""
    if not 0 <= shape < 1:
        raise InputError(f"The shape of the tail is {shape:g}; give a number from 0 to below 1.")
    counts = rng.binomial(len(var), tail, size=simulations)
    run = np.repeat(np.arange(simulations), counts)
    day = rng.integers(len(var), size=len(run))  # a day drawn twice in one run is rare and as likely as not
    uniform = rng.random(len(run))
    # A generalised Pareto excess of mean 1: scale 1 - shape.
    excess = -np.log1p(-uniform) if shape == 0 else (1 - shape) / shape * ((1 - uniform) ** -shape - 1)
    losses = (var[day] + (es[day] - var[day]) * excess) / es[day]
    return 1 - np.bincount(run, weights=losses, minlength=simulations) / (tail * len(var))
