"""Recalibration: a fitted model's probabilities moved to where recent outcomes are, without retraining.

The ranking stays; the level, and where it pays the slope of log-odds and a damped trend of the level, are
learned from rows whose outcomes have become known since the fit. What is learned is chosen on the latest of
these rows: a trend is only followed if it foretold them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bezant.metrics.classification import log_loss
from bezant.metrics.target_statistics import stratified_folds
from bezant.types import AnyArray, FloatArray, InputError

FEWEST = 10
"""Fewest recent events and non-events."""

DAMPING = 0.5
"""What is left of a trend's speed a year later (Gardner and McKenzie 1985): no trend goes on for ever."""

YEAR = 365.25

SPAN = 0.5 * YEAR
"""Least days that rows must cover for a trend to be followed: one of a quarter is no trend of a year."""

METHODS = {
    "none": (),
    "level": ("shift",),
    "level and slope": ("shift", "slope"),
    "level and trend": ("shift", "trend"),
    "level, slope and trend": ("shift", "slope", "trend"),
}
"""What each method learns; those with a trend need times."""


@dataclass(frozen=True)
class Recalibration:
    """A move of log-odds: ``slope * log-odds + shift + trend * years since the reference``, damped after it.

    Attributes
    ----------
    slope, shift : float
        Of the log-odds.
    trend : float
        Change of the log-odds a year; 0 where time plays no part.
    reference : float
        Days since 1970 of the latest recent row; from then on the trend is damped.
    method : str
        A key of :data:`METHODS`.
    """

    slope: float = 1.0
    shift: float = 0.0
    trend: float = 0.0
    reference: float = 0.0
    method: str = "none"

    def __post_init__(self) -> None:
        if self.method not in METHODS or not np.isfinite([self.slope, self.shift, self.trend]).all():
            raise ValueError(f"no recalibration: {self}")

    @property
    def needs_times(self) -> bool:
        """Whether rows can only be scored with their times."""
        return self.trend != 0

    def apply(self, p: FloatArray, days: FloatArray | None = None) -> npt.NDArray[np.float64]:
        """Move probabilities.

        Parameters
        ----------
        p : float64 array, shape (n,)
        days : float64 array, shape (n,), optional
            Time of each row in days since 1970; needed where there is a trend.
        """
        if self.method == "none":
            return np.asarray(p, np.float64)
        x = self.slope * _log_odds(p) + self.shift
        if self.needs_times:
            assert days is not None
            x = x + self.trend * _damped_years(days, self.reference)
        return np.asarray(_probability(x))

    def document(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {
            "slope": self.slope,
            "shift": self.shift,
            "trend": self.trend,
            "reference": self.reference,
            "method": self.method,
        }

    @classmethod
    def restore(cls, document: Mapping[str, Any]) -> Recalibration:
        """Build it again from :meth:`document`."""
        return cls(**document)


UNMOVED = Recalibration()
"""What a model begins with."""


def learn_recalibration(
    p: FloatArray, y: FloatArray, days: FloatArray | None = None, *, seed: int = 0
) -> tuple[Recalibration, dict[str, float]]:
    """Learn from recent outcomes how a model's probabilities should move.

    Parameters
    ----------
    p : float64 array, shape (n,)
        Probabilities that the model gave the recent rows, none of which it was trained on.
    y : float64 array, shape (n,)
        Their outcomes, 0 or 1.
    days : float64 array, shape (n,), optional
        Their times in days since 1970. With them a method is chosen on the later half of the rows, fitted to
        the earlier half; without, in five-fold cross-validation and with no trend among the methods. There is
        none either where the rows cover less than half a year.
    seed : int, default 0
        Draws the folds.

    Returns
    -------
    Recalibration
        Fitted to all recent rows.
    dict of str to float
        Log loss of each method where it was judged.

    Raises
    ------
    InputError
        If there are fewer than ten recent events or non-events.
    """
    events = int(y.sum())
    if min(events, len(y) - events) < FEWEST:
        raise InputError(
            f"The {len(y)} recent rows have {events} events; a recalibration needs at least {FEWEST} rows of "
            "each outcome, so add older rows whose outcomes are known."
        )
    timed = days is not None and float(np.ptp(days)) > 0
    long = days is not None and float(np.ptp(days)) >= SPAN
    methods = [m for m, terms in METHODS.items() if long or "trend" not in terms]
    if timed:
        assert days is not None
        later = days > np.median(days)
        pairs = [(~later, later)] if _both(y[~later]) and _both(y[later]) else []
    else:
        fold = stratified_folds(y, 5, seed)
        pairs = [(fold != k, fold == k) for k in np.unique(fold)]
    losses = {m: _judged(m, p, y, days, pairs) for m in methods} if pairs else {"level": 0.0}
    best = min(losses, key=lambda m: losses[m])
    return _fitted(best, p, y, days), losses


def level_shift(p: FloatArray, y: FloatArray) -> float:
    """Return by how much log-odds must move for probabilities (n,) to have the level of outcomes (n,)."""
    return _fitted("level", p, y, None).shift


def days_of(times: AnyArray) -> npt.NDArray[np.float64]:
    """Return moments (datetime64, shape (n,)) in days since 1970.

    Raises
    ------
    InputError
        If a time is missing: a trend says nothing about a row without one.
    """
    missing = int(np.isnat(times).sum())
    if missing:
        raise InputError(
            f"The time is missing in {missing} of {len(times)} rows, but a recalibration may follow a trend; "
            "fill the times in."
        )
    return times.astype("datetime64[us]").astype(np.int64) / 86_400e6


def _both(y: FloatArray) -> bool:
    return bool(min(y.sum(), len(y) - y.sum()) >= FEWEST / 2)


def _judged(
    method: str,
    p: FloatArray,
    y: FloatArray,
    days: FloatArray | None,
    pairs: list[tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]],
) -> float:
    losses = []
    for known, unknown in pairs:
        found = _fitted(method, p[known], y[known], None if days is None else days[known])
        moved = found.apply(p[unknown], None if days is None else days[unknown])
        losses.append(log_loss(y[unknown], moved))
    return float(np.mean(losses))


def _fitted(method: str, p: FloatArray, y: FloatArray, days: FloatArray | None) -> Recalibration:
    """Maximum likelihood of the method's coefficients, with a weak ridge that keeps them finite."""
    terms = METHODS[method]
    reference = float(days.max()) if days is not None and "trend" in terms else 0.0
    x = _log_odds(p)
    columns: dict[str, FloatArray] = {"shift": np.ones_like(x), "slope": x}
    if "trend" in terms and days is not None:
        columns["trend"] = (days - reference) / YEAR
    if not terms:
        return Recalibration()
    design = np.column_stack([columns[t] for t in terms])
    start = np.array([1.0 if t == "slope" else 0.0 for t in terms])
    found = dict(zip(terms, _newton(design, x * ("slope" not in terms), y, start), strict=True))
    if found.get("slope", 1.0) <= 0:  # the recent ranking is reversed: only the level can be mended
        return _fitted("level", p, y, days)
    return Recalibration(
        slope=float(found.get("slope", 1.0)),
        shift=float(found["shift"]),
        trend=float(found.get("trend", 0.0)),
        reference=reference,
        method=method,
    )


def _newton(design: FloatArray, offset: FloatArray, y: FloatArray, start: FloatArray) -> FloatArray:
    """Coefficients of a logistic regression with an offset, pulled to the start by a ridge of 1.

    Steps are halved while they lose: where the level is off by a factor of seven, a whole one overshoots and
    never comes back.
    """

    def loss(at: FloatArray) -> float:
        x = design @ at + offset
        return float(np.logaddexp(0, x).sum() - y @ x + ((at - start) ** 2).sum() / 2)

    coefficients, reached = start.copy(), loss(start)
    for _ in range(100):
        q = _probability(design @ coefficients + offset)
        gradient = design.T @ (y - q) - (coefficients - start)
        information = design.T @ (design * (q * (1 - q))[:, None]) + np.eye(len(start))
        step = np.linalg.solve(information, gradient)
        while (now := loss(coefficients + step)) > reached and np.abs(step).max() > 1e-10:
            step = step / 2
        coefficients, reached = coefficients + step, now
        if np.abs(step).max() < 1e-10:
            break
    return coefficients


def _damped_years(days: FloatArray, reference: float) -> FloatArray:
    """Years since the reference; those after it count less and less."""
    years = (np.asarray(days, np.float64) - reference) / YEAR
    rate = -np.log(DAMPING)
    return np.where(years > 0, -np.expm1(-rate * np.maximum(years, 0)) / rate, years)


def _log_odds(p: FloatArray) -> npt.NDArray[np.float64]:
    p = np.clip(np.asarray(p, np.float64), 1e-7, 1 - 1e-7)
    return np.asarray(np.log(p) - np.log1p(-p))


def _probability(x: FloatArray) -> FloatArray:
    from scipy.special import expit

    return np.asarray(expit(x))
