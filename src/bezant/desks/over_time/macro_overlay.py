"""A macro overlay: how far defaults of a calendar time exceeded those expected of the loans alone.

Figures of the economy as they stood at approval are covariates of the loan; they cannot say what a recession
does to a loan that is already on the book. The overlay can: the defaults seen in each stretch of calendar
time, over those that the hazards of the loans at risk then led one to expect, are regressed on the figures
known at its beginning (the satellite model of stress testing). Few stretches teach it, so three
things hold it:

* the sign of each effect is stated, not learned: more unemployment cannot mean fewer defaults, whatever one
  cycle and a half seem to say; a figure that the rows turn against its sign is left out, which the notes say;
* a trend of the years takes up what drifts with them (laxer lending, a tape that begins to record) and
  would else pass for the effect of a figure that drifted too; it ends with the stretches;
* effects are drawn towards none.

Their standard errors belong to the answer.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

from bezant.desks.over_time.durations import read_durations
from bezant.desks.over_time.stress import Scenario
from bezant.histories import join_as_of
from bezant.histories.labels_as_of import DAYS_A_MONTH
from bezant.network.heads.hazard import hazard_targets, observed_periods
from bezant.types import FloatArray, InputError, IntArray

STEPS = 50
"""Newton steps at most; about six are needed."""

SHRINKAGE = 0.5
"""A priori, one standard deviation of a figure moves the log hazard by so much, give or take as much:
enough for defaults to double in a recession of two, too little for a few quarters to say what they like."""

DAYS_A_YEAR = 12 * DAYS_A_MONTH


@dataclass(frozen=True, eq=False)
class MacroOverlay:
    """Factors of the hazards: exp(coefficients . (figures - centre)).

    Attributes
    ----------
    columns : tuple of str
        The figures.
    coefficients, standard_errors : float64 arrays, shape (m,)
        Effect of one unit on the logarithm of the hazard, 0 for a figure that was left out; errors of a
        quasi-Poisson regression, that is, widened by the spread of the stretches beyond chance.
    centre : float64 array, shape (m,)
        Figures at which the factor is 1 before the level: their mean, weighted by expected defaults.
    level : float
        Logarithm of observed over expected defaults at the centre, at the end of the years that taught it.
    trend : float
        Change of that logarithm a year up to then; none after it.
    low, high : float64 arrays, shape (m,)
        Training range.
    stretches : int
        Different moments of publication that taught it.
    periods, unknown : int
        Periods of all loans in which they were at risk, and how many of these began without a known figure.
    """

    columns: tuple[str, ...]
    coefficients: FloatArray
    standard_errors: FloatArray
    centre: FloatArray
    level: float
    trend: float
    low: FloatArray
    high: FloatArray
    stretches: int
    periods: int = 0
    unknown: int = 0

    def factors(self, scenario: Scenario, periods: int) -> FloatArray:
        """Return the factor of the hazard in each period of a scenario's path, shape (periods,).

        Raises
        ------
        InputError
            If the scenario lacks a figure, moves one that is not known here, or its paths are shorter than
            ``periods``.
        """
        absent = [c for c in self.columns if c not in scenario.values]
        if absent:
            raise InputError(f"Scenario {scenario.name!r} lacks the figure {absent[0]!r}; add its path.")
        strange = [c for c in scenario.values if c not in self.columns]
        if strange:
            raise InputError(
                f"Scenario {scenario.name!r} moves {strange[0]!r}, of which the overlay has learned nothing; "
                f"it knows {', '.join(map(repr, self.columns))}."
            )
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
        said = [
            f"The overlay was learned from {self.stretches} stretches of calendar time; over them the log "
            f"hazard moved by {self.trend:+.3f} a year by itself, which stops where they end."
        ]
        if self.unknown:
            said.append(
                f"{self.unknown:,} of the {self.periods:,} periods of loans at risk began when a figure was "
                "not known, and taught the overlay nothing."
            )
        rows = zip(self.columns, self.coefficients, self.standard_errors, strict=True)
        for column, effect, error in rows:
            if not effect:
                said.append(
                    f"{column!r} went against its sign, or added nothing to the others, and has no effect."
                )
                continue
            weak = "" if abs(effect) > 2 * error else ": not told from none"
            said.append(
                f"One unit of {column!r} moves the log hazard by {effect:.3f} (+- {error:.3f}){weak}."
            )
        for scenario in scenarios:
            ranges = zip(self.columns, self.coefficients, self.low, self.high, strict=True)
            for column, effect, low, high in ranges:
                path = np.atleast_1d(np.asarray(scenario.values[column], np.float64))
                outside = int(((path < low) | (path > high)).sum())
                if outside and effect:
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
    signs: Mapping[str, int],
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
    signs : mapping of str to {1, -1, 0}
        The figures to use, few, for few stretches of time teach them; and whether more of each can only mean
        more defaults (1, such as unemployment) or fewer (-1, such as growth). With 0 the rows decide.
    period : float
        Months in a period of ``hazards``.
    observed, published, lag
        As in :func:`bezant.histories.join_as_of`: exactly one of the last two must be given, and is never
        guessed. A period is given what was known when it began.

    Raises
    ------
    InputError
        If a sign is none, there are not more stretches of calendar time with figures than figures, level and
        trend, or every figure goes against its sign.
    """
    columns = _columns(signs)
    months, seen = read_durations(duration, event, len(hazards))
    target = torch.from_numpy(hazard_targets(months, seen, period, hazards.shape[1]))
    at_risk, defaults = (part.numpy() for part in observed_periods(target, hazards.shape[1]))
    z, when, stretch = _known_at(
        originated, hazards.shape[1], period, macro, columns, observed, published, lag
    )
    inside = stretch >= 0
    counts = len(z)
    expected: FloatArray = np.bincount(stretch[inside], (at_risk * hazards)[inside], counts).astype(float)
    came: FloatArray = np.bincount(stretch[inside], defaults[inside], counts).astype(float)
    used = expected > 0
    if used.sum() <= len(columns) + 2:
        raise InputError(
            f"{int(used.sum())} stretches of calendar time cannot teach the effect of {len(columns)} "
            "figures; name fewer of them or give loans of more years."
        )
    years = (when[used] - when[used].max()) / DAYS_A_YEAR
    learned = _regressed(signs, z[used], years, came[used], expected[used])
    exposed = at_risk > 0
    return replace(learned, periods=int(exposed.sum()), unknown=int((exposed & ~inside).sum()))


def _columns(signs: Mapping[str, int]) -> tuple[str, ...]:
    wrong = [c for c, sign in signs.items() if isinstance(sign, bool) or sign not in (-1, 0, 1)]
    if wrong or not signs:
        raise InputError(
            f"signs gives {signs.get(wrong[0])!r} for the figure {wrong[0]!r}; give 1, -1 or 0."
            if wrong
            else "signs names no figure; name at least one with its sign."
        )
    return tuple(signs)


def _known_at(
    originated: Any,
    periods: int,
    period: float,
    macro: pa.Table,
    columns: Sequence[str],
    observed: str,
    published: str | None,
    lag: timedelta | None,
) -> tuple[FloatArray, FloatArray, IntArray]:
    """Return figures (stretches, m), their days, and the stretch in which each period began, -1 for none."""
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
    when = macro[observed].to_numpy().astype("datetime64[D]").astype(np.float64)
    return figures, when, row[place.reshape(len(start), periods)]


def _regressed(
    signs: Mapping[str, int], z: FloatArray, years: FloatArray, came: FloatArray, expected: FloatArray
) -> MacroOverlay:
    """Regress under the stated signs; a figure that goes against its own is left out."""
    columns = tuple(signs)
    centre = np.average(z, axis=0, weights=expected)
    wanted = np.array([signs[c] for c in columns])
    spread = np.sqrt(np.average((z - centre) ** 2, axis=0, weights=expected))
    design = np.column_stack([np.ones(len(z)), years, z - centre])
    penalty = np.r_[0.0, 1e-9, (spread / SHRINKAGE) ** 2]
    beyond_chance = _spread(design, came, expected)
    found = [
        (_poisson(design[:, place], came, expected, penalty[place], beyond_chance), place)
        for kept in _subsets(len(columns))
        for place in [np.r_[0, 1, 2 + kept].astype(int)]
    ]
    # Concave under a convex constraint: the best of those with the right signs is the constrained maximum.
    right = [
        (fit, place) for fit, place in found if (wanted[place[2:] - 2] * fit.coefficients[2:] >= 0).all()
    ]
    best, place = max(right, key=lambda one: one[0].objective)
    if len(place) == 2:
        said = ", ".join(f"{c!r} ({s:+d})" for c, s in signs.items())
        raise InputError(
            f"In the {len(z)} stretches of calendar time no figure moves defaults in the stated direction: "
            f"{said}; choose others, or give 0 as the sign of one to take what the rows say."
        )
    effects, errors = np.zeros(len(columns)), np.zeros(len(columns))
    effects[place[2:] - 2], errors[place[2:] - 2] = best.coefficients[2:], best.errors[2:]
    level, trend = best.coefficients[:2]
    return MacroOverlay(
        columns, effects, errors, centre, float(level), float(trend), z.min(axis=0), z.max(axis=0), len(z)
    )


def _subsets(n: int) -> list[IntArray]:
    """Return all choices among n figures, the fullest first."""
    return [np.array(c, int) for size in range(n, -1, -1) for c in itertools.combinations(range(n), size)]


@dataclass(frozen=True, eq=False)
class _Fit:
    """A quasi-Poisson regression: coefficients, their errors, and the penalised log likelihood it reached."""

    coefficients: FloatArray
    errors: FloatArray
    objective: float


def _spread(design: FloatArray, came: FloatArray, expected: FloatArray) -> float:
    """Return the spread of the stretches beyond chance: Pearson's, a degree of freedom, at least 1."""
    mean = expected * np.exp(design @ _newton(design, came, expected, np.zeros(design.shape[1])))
    freedom = max(len(came) - design.shape[1], 1)
    excess = ((came - mean) ** 2 / np.maximum(mean, 1e-12)).sum() / freedom
    return max(float(excess), 1.0)


def _poisson(
    design: FloatArray, came: FloatArray, expected: FloatArray, penalty: FloatArray, spread: float
) -> _Fit:
    """Regress defaults on figures, expected ones as exposure; rows count for less by the spread."""
    found = _newton(design, came, expected, spread * penalty)
    line = np.clip(design @ found, -20, 20)
    mean = expected * np.exp(line)
    information = design.T @ (design * mean[:, None]) / spread + np.diag(penalty)
    errors = np.sqrt(np.diag(np.linalg.pinv(information)))
    objective = float(came @ line - mean.sum()) / spread - float(penalty @ found**2) / 2
    return _Fit(found, errors, objective)


def _newton(design: FloatArray, came: FloatArray, expected: FloatArray, penalty: FloatArray) -> FloatArray:
    found = np.r_[np.log(max(came.sum(), 0.5) / expected.sum()), np.zeros(design.shape[1] - 1)]
    for _ in range(STEPS):
        mean = expected * np.exp(np.clip(design @ found, -20, 20))
        information = design.T @ (design * mean[:, None]) + np.diag(penalty) + 1e-9 * np.eye(len(found))
        step = np.linalg.solve(information, design.T @ (came - mean) - penalty * found)
        found = found + np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-10:
            break
    return np.asarray(found)
