"""A macro overlay: how far defaults of a calendar time exceeded those expected of the loans alone.

Figures of the economy as they stood at approval are covariates of the loan; they cannot say what a recession
does to a loan that is already on the book. The overlay can: the defaults seen in each stretch of calendar
time, over those that the hazards of the loans at risk then led one to expect, are regressed on the figures
known at its beginning (the satellite model of stress testing). Few stretches teach it, so the standard errors
belong to the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

from bezant.desks.durations import read_durations
from bezant.desks.stress import Scenario
from bezant.histories import join_as_of
from bezant.histories.labels_as_of import DAYS_A_MONTH
from bezant.network.heads.hazard import hazard_targets, observed_periods
from bezant.types import AnyArray, FloatArray, InputError

STEPS = 50
"""Newton steps at most; about six are needed."""


@dataclass(frozen=True, eq=False)
class MacroOverlay:
    """Factors of the hazards: exp(coefficients . (figures - centre)).

    Attributes
    ----------
    columns : tuple of str
        The figures.
    coefficients, standard_errors : float64 arrays, shape (m,)
        Effect of one unit on the logarithm of the hazard; errors of a quasi-Poisson regression, that is,
        widened by the spread of the stretches beyond chance.
    centre : float64 array, shape (m,)
        Figures at which the factor is 1 before the level: their mean, weighted by expected defaults.
    level : float
        Logarithm of all observed over all expected defaults at the centre.
    low, high : float64 arrays, shape (m,)
        Training range.
    stretches : int
        Different moments of publication that taught it.
    """

    columns: tuple[str, ...]
    coefficients: FloatArray
    standard_errors: FloatArray
    centre: FloatArray
    level: float
    low: FloatArray
    high: FloatArray
    stretches: int

    def factors(self, scenario: Scenario, periods: int) -> FloatArray:
        """Return the factor of the hazard in each period of a scenario's path, shape (periods,).

        Raises
        ------
        InputError
            If the scenario lacks a figure, or its paths are shorter than ``periods``.
        """
        absent = [c for c in self.columns if c not in scenario.values]
        if absent:
            raise InputError(f"Scenario {scenario.name!r} lacks the figure {absent[0]!r}; add its path.")
        paths = [np.atleast_1d(np.asarray(scenario.values[c], np.float64)) for c in self.columns]
        short = [c for c, p in zip(self.columns, paths, strict=True) if 1 < len(p) < periods]
        if short:
            raise InputError(
                f"The path of {short[0]!r} in scenario {scenario.name!r} is shorter than the {periods} "
                "periods asked for; give a value for each, or a single one."
            )
        z = np.stack([np.broadcast_to(p, periods) if len(p) == 1 else p[:periods] for p in paths], axis=1)
        return np.asarray(np.exp(self.level + (z - self.centre) @ self.coefficients), np.float64)

    def stressed(self, hazards: FloatArray, scenario: Scenario, periods: int) -> FloatArray:
        """Return the probability of default by the end of so many periods from now, shape (n,).

        Parameters
        ----------
        hazards : float64 array, shape (n, T)
            Of each loan in the periods to come, the first of them first.
        scenario : Scenario
            A value, or a path of one value a period, for every figure.
        periods : int
            Periods from now, at most T.
        """
        if not 1 <= periods <= hazards.shape[1]:
            raise InputError(
                f"periods is {periods}, but the hazards reach from 1 to {hazards.shape[1]} of them."
            )
        moved = np.clip(hazards[:, :periods] * self.factors(scenario, periods), 0, 1)
        return np.asarray(1 - np.prod(1 - moved, axis=1), np.float64)

    def notes(self, scenarios: Sequence[Scenario]) -> tuple[str, ...]:
        """Say what the coefficients rest on, which of them chance could give, and what is extrapolated."""
        said = [f"The overlay was learned from {self.stretches} stretches of calendar time."]
        rows = zip(self.columns, self.coefficients, self.standard_errors, strict=True)
        for column, effect, error in rows:
            weak = "" if abs(effect) > 2 * error else ": not told from none"
            said.append(
                f"One unit of {column!r} moves the log hazard by {effect:.3f} (+- {error:.3f}){weak}."
            )
        for scenario in scenarios:
            for column, low, high in zip(self.columns, self.low, self.high, strict=True):
                path = np.atleast_1d(np.asarray(scenario.values[column], np.float64))
                outside = int(((path < low) | (path > high)).sum())
                if outside:
                    said.append(
                        f"Scenario {scenario.name!r}: {outside} of {len(path)} values of {column!r} lie "
                        f"outside the training range of {low:.4g} to {high:.4g}; the line goes on, unproved."
                    )
        return tuple(said)


def fit_macro_overlay(
    hazards: FloatArray,
    duration: Any,
    event: Any,
    originated: Any,
    macro: pa.Table,
    columns: Sequence[str],
    *,
    period: float,
    observed: str,
    published: str | None = None,
    lag: timedelta | None = None,
) -> MacroOverlay:
    """Learn how figures of the economy move the hazards of loans.

    Parameters
    ----------
    hazards : float64 array, shape (n, T)
        What is expected of each loan in each period of its age, as :meth:`PDTermStructure.predict_hazard`
        gives it from a model without these figures.
    duration, event : arrays of shape (n,)
        As the model was fitted to them; nothing later than the cut-off.
    originated : datetime64 array, shape (n,)
        When each loan began.
    macro : pyarrow.Table
        Figures with the time they describe, in column ``observed``.
    columns : sequence of str
        The figures to use: few, for few stretches of time teach them.
    period : float
        Months in a period of ``hazards``.
    observed, published, lag
        As in :func:`bezant.histories.join_as_of`: exactly one of the last two must be given, and is never
        guessed. A period is given what was known when it began.

    Raises
    ------
    InputError
        If there are not more stretches of calendar time with figures than figures and a level.
    """
    months, seen = read_durations(duration, event, len(hazards))
    target = torch.from_numpy(hazard_targets(months, seen, period, hazards.shape[1]))
    at_risk, defaults = (part.numpy() for part in observed_periods(target, hazards.shape[1]))
    z, stretch = _known_at(originated, hazards.shape[1], period, macro, columns, observed, published, lag)
    inside = stretch >= 0
    counts = len(z)
    expected: FloatArray = np.bincount(stretch[inside], (at_risk * hazards)[inside], counts).astype(float)
    came: FloatArray = np.bincount(stretch[inside], defaults[inside], counts).astype(float)
    used = expected > 0
    if used.sum() <= len(columns) + 1:
        raise InputError(
            f"{int(used.sum())} stretches of calendar time cannot teach the effect of {len(columns)} "
            "figures; name fewer of them or give loans of more years."
        )
    return _regressed(tuple(columns), z[used], came[used], expected[used])


def _known_at(
    originated: Any,
    periods: int,
    period: float,
    macro: pa.Table,
    columns: Sequence[str],
    observed: str,
    published: str | None,
    lag: timedelta | None,
) -> tuple[FloatArray, AnyArray]:
    """Return figures (stretches, m), and the stretch in which each period of each loan began, -1 for none."""
    start = np.asarray(originated).astype("datetime64[D]")
    ages = np.round(np.arange(periods) * period * DAYS_A_MONTH).astype("timedelta64[D]")
    days, place = np.unique(start[:, None] + ages, return_inverse=True)
    kept = [observed, *([published] if published else []), *columns]
    asked = pa.table({"a period began": pa.array(days.astype("datetime64[us]"))})
    numbered = macro.select(list(dict.fromkeys(kept))).append_column(
        "stretch", pa.array(np.arange(macro.num_rows))
    )
    found = join_as_of(
        asked, numbered, time="a period began", observed=observed, published=published, lag=lag
    )
    row = np.array(pc.fill_null(found["stretch"], -1).to_numpy(), np.int64)
    figures = np.column_stack([macro[c].to_numpy().astype(np.float64) for c in columns])
    row[(row >= 0) & ~np.isfinite(figures[row]).all(axis=1)] = -1
    return figures, row[place.reshape(len(start), periods)]


def _regressed(
    columns: tuple[str, ...], z: FloatArray, came: FloatArray, expected: FloatArray
) -> MacroOverlay:
    """Poisson regression of defaults with the expected ones as exposure, by Newton's method."""
    centre = np.average(z, axis=0, weights=expected)
    design = np.column_stack([np.ones(len(z)), z - centre])
    found = np.r_[np.log(max(came.sum(), 0.5) / expected.sum()), np.zeros(z.shape[1])]
    for _ in range(STEPS):
        mean = expected * np.exp(np.clip(design @ found, -20, 20))
        information = design.T @ (design * mean[:, None])
        step = np.linalg.solve(information + 1e-9 * np.eye(len(found)), design.T @ (came - mean))
        found = found + np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-10:
            break
    spread = float(((came - mean) ** 2 / np.maximum(mean, 1e-12)).sum()) / (len(z) - len(found))
    errors = np.sqrt(np.diag(np.linalg.pinv(information)) * max(spread, 1.0))
    return MacroOverlay(
        columns, found[1:], errors[1:], centre, float(found[0]), z.min(axis=0), z.max(axis=0), len(z)
    )
