"""What every figure asks of its input, in one place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bezant.types import InputError

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Metric:
    """A figure: what it is called, which way is better, and the function that computes it.

    Parameters
    ----------
    name : str
        The key, such as ``"roc_auc"``.
    label : str
        The name in tables and pictures.
    higher_is_better : bool or None
        None where the best value lies in between (``ideal``).
    function : callable
        ``function(y, p) -> float``.
    ideal : float or None, default None
        The value of a perfect model, where ``higher_is_better`` is None.
    """

    name: str
    label: str
    higher_is_better: bool | None
    function: Callable[[npt.ArrayLike, npt.ArrayLike], float]
    ideal: float | None = None


def as_vector(values: npt.ArrayLike, name: str) -> Floats:
    """Return the values as float64 of shape (n,), n at least 1, all finite, or say what is wrong.

    Raises
    ------
    InputError
        If they are no numbers, not one-dimensional, empty, or some are missing or infinite.
    """
    try:
        vector: Floats = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} does not hold numbers ({error}); give an array of numbers.") from error
    if vector.ndim != 1:
        raise InputError(f"{name} has the shape {vector.shape}; give one value a row.")
    if not len(vector):
        raise InputError(f"{name} has no rows; give at least one.")
    lost = len(vector) - int(np.isfinite(vector).sum())
    if lost:
        raise InputError(f"{name} is missing or infinite in {lost} of {len(vector)} rows; drop or fill them.")
    return vector


def outcomes_and_scores(y: npt.ArrayLike, p: npt.ArrayLike) -> tuple[npt.NDArray[np.bool_], Floats]:
    """Return outcomes as truth values and scores as float64, both of shape (n,).

    Raises
    ------
    InputError
        If the lengths differ, a value is missing, or an outcome is neither 0 nor 1.
    """
    outcomes, scores = _pair(y, p, "The outcome", "The score")
    other = outcomes[(outcomes != 0) & (outcomes != 1)]
    if len(other):
        raise InputError(
            f"The outcome is neither 0 nor 1 in {len(other)} of {len(outcomes)} rows, such as {other[0]:g}; "
            "code the event as 1 and the rest as 0."
        )
    return outcomes == 1, scores


def outcomes_and_probabilities(y: npt.ArrayLike, p: npt.ArrayLike) -> tuple[npt.NDArray[np.bool_], Floats]:
    """Return the same as :func:`outcomes_and_scores`, and refuse scores outside [0, 1]."""
    outcomes, scores = outcomes_and_scores(y, p)
    outside = scores[(scores < 0) | (scores > 1)]
    if len(outside):
        raise InputError(
            f"The probability lies outside 0 to 1 in {len(outside)} of {len(scores)} rows, such as "
            f"{outside[0]:g}; give probabilities, not raw scores."
        )
    return outcomes, scores


def values_and_predictions(y: npt.ArrayLike, prediction: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Return observed and predicted values as float64 of shape (n,)."""
    return _pair(y, prediction, "The observed value", "The prediction")


def _pair(a: npt.ArrayLike, b: npt.ArrayLike, name_a: str, name_b: str) -> tuple[Floats, Floats]:
    first, second = as_vector(a, name_a), as_vector(b, name_b)
    if len(first) != len(second):
        raise InputError(
            f"{name_a} has {len(first)} rows and {name_b.lower()} {len(second)}; give one of each a row."
        )
    return first, second


def keyed(metrics: tuple[Metric, ...]) -> dict[str, Metric]:
    """Return the metrics by name, in their order."""
    return {metric.name: metric for metric in metrics}
