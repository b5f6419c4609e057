"""Maximum likelihood of a few positive parameters, over customers of which many are alike."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bezant.types import FloatArray, InputError

Parameters = tuple[float, ...]
"""Of a law of customers, all above 0."""

SMALLEST, LARGEST = -12.0, 12.0
"""Bounds of the logarithms of the parameters."""


def maximise(
    log_likelihood: Callable[..., FloatArray],
    start: Parameters,
    *columns: FloatArray,
    largest: float | Parameters = LARGEST,
) -> Parameters:
    """Return the parameters above 0 that maximise the mean log-likelihood.

    Parameters
    ----------
    log_likelihood : callable
        ``log_likelihood(parameters, *columns)`` gives one value a row.
    start : tuple of float
        Where to begin.
    *columns : float arrays of shape (n,)
        Equal rows are computed once and weighted.
    largest : float or tuple of float, default 12
        Upper bounds of the logarithms of the parameters.

    Raises
    ------
    InputError
        If there is no row.
    """
    from scipy.optimize import minimize

    if not len(columns[0]):
        raise InputError("There is no customer to learn from; give at least one with a repeat purchase.")
    rows, weights = np.unique(np.stack(columns), axis=1, return_counts=True)

    def loss(logarithms: FloatArray) -> float:
        with np.errstate(all="ignore"):
            values = log_likelihood(np.exp(np.clip(logarithms, SMALLEST, largest)), *rows)
        mean = float(np.average(values, weights=weights))
        return -mean if np.isfinite(mean) else 1e10

    point = np.log(np.asarray(start))
    for _ in range(2):  # a simplex stops short on a ridge; started again from there it goes on
        found = minimize(
            loss, point, method="Nelder-Mead", options={"xatol": 1e-5, "fatol": 1e-10, "maxiter": 4_000}
        )
        point = found.x
    return tuple(float(v) for v in np.exp(np.clip(point, SMALLEST, largest)))
