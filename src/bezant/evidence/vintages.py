"""How much the losses of whole vintages move together, learned from vintages that are over.

A large portfolio's own chance averages out; what does not is the year. Each past vintage tells how far the
default rate and the fraction lost moved from those that were known before, and such paths are drawn again for
vintages to come.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np

from bezant.types import FloatArray, InputError, IntArray

FEWEST_VINTAGES = 5
"""Past vintages below which their movement is anybody's guess."""

LEAST_DEFAULTS = 20
"""Defaults, and others, that a vintage has at least: with fewer its rate moves by chance alone."""

LEAST_ORIGINS = 3
"""Past paths of one length at least; longer ones are put together from yearly steps."""

PD_LEVELS = 24
"""Thresholds of the PD at which the mean of the moved fractions is computed, and interpolated between."""

LEAST_FRACTION = 1e-9
"""Fractions nearer to 0 or 1, but not there, are moved as this one."""

WIDEST_SHIFT = 4.0
"""Where shifts of default rates are cut off, as multiples of :meth:`VintageHistory.spread`: with Student's t
of 3 degrees of freedom a few draws lie far beyond, and the mean of small PDs would rest on them alone."""

LEVELS = 300
"""Thresholds at which the mean of the shifted PDs is computed; between them it is interpolated."""


@dataclass(frozen=True)
class CommonShifts:
    """What the loans of one vintage share, drawn many times.

    Attributes
    ----------
    values : float64 array, shape (simulations, v, 2)
        Shift of the probit of the PD, and of the log-odds of the fraction lost.
    vintage : integer array, shape (n,)
        Which of the v vintages each loan is of.
    """

    values: FloatArray
    vintage: IntArray

    def __post_init__(self) -> None:
        if self.values.ndim != 3 or self.values.shape[2] != 2:
            raise ValueError(f"shifts of the shape {self.values.shape} are not (simulations, vintages, 2)")
        if len(self.vintage) and not 0 <= self.vintage.min() <= self.vintage.max() < self.values.shape[1]:
            raise ValueError("a loan is of a vintage that has no shifts")

    @classmethod
    def drawn(
        cls, past: VintageHistory, ahead: IntArray, pd: FloatArray, simulations: int, random_state: int
    ) -> Self:
        """Draw from past vintages.

        Parameters
        ----------
        past : VintageHistory
        ahead : integer array, shape (n,)
            Years from the latest past vintage to each loan's, not negative; at 0 nothing moves.
        pd : float64 array, shape (n,)
            Of the loans.
        simulations, random_state : int

        Notes
        -----
        Shifts of default rates are cut off at 4 standard deviations of the law without its heavy tails
        (:meth:`VintageHistory.spread`); those of fractions lost are not, for fractions end at 0 and 1.
        """
        rng = np.random.default_rng(random_state)
        horizon = max(int(ahead.max(initial=0)), 1)
        paths = past.draw(horizon, simulations, rng)
        widest = WIDEST_SHIFT * past.spread(horizon)[:, 0]
        paths[:, :, 0] = np.clip(paths[:, :, 0], -widest, widest)
        values = np.concatenate([np.zeros((simulations, 1, 2)), paths], axis=1)
        # A rate's probit moves less than the probits of the unlike loans that it is the mean of.
        values[:, :, 0] *= np.sqrt(1 + np.var(probits(pd)))
        return cls(values, ahead)

    def conditional_pd(self, pd: FloatArray, first: int, last: int) -> FloatArray:
        """Return the PDs of simulations ``first`` to ``last`` - 1, shape (simulations, n).

        A loan's PD in a simulation is ndtr(a + shift). Its threshold a is such that the mean over all drawn
        simulations is the loan's PD, whatever the law of the shifts, to the precision of an interpolation
        (well below 1 % of the PD). For normal shifts and many simulations that is Vasicek's model.
        """
        from scipy.special import ndtr

        moved = self.values[first:last, :, 0][:, self.vintage]  # (simulations, n)
        return np.asarray(ndtr(self.thresholds(pd) + moved))

    def thresholds(self, pd: FloatArray) -> FloatArray:
        """Return a of each loan, shape (n,), with mean(ndtr(a + shifts of its vintage)) equal to its PD."""
        grid, reached = self._means
        wanted = probits(pd)
        found = np.empty(len(pd))
        for vintage in np.unique(self.vintage):
            own = self.vintage == vintage
            found[own] = np.interp(wanted[own], reached[:, vintage], grid[:, vintage])
        return found

    @cached_property
    def _means(self) -> tuple[FloatArray, FloatArray]:
        """Thresholds of each vintage, and the probits of the mean PDs that they lead to: (levels, v) each.

        The mean rises with the threshold, so that reading the table backwards solves for the threshold.
        """
        from scipy.special import ndtr

        moved = self.values[:, :, 0]  # (simulations, v)
        low, high = probits(np.array([0.0, 1.0]))
        grid = np.linspace(low - moved.max(axis=0), high - moved.min(axis=0), LEVELS)
        reached = [probits(ndtr(thresholds + moved).mean(axis=0)) for thresholds in grid]
        return grid, np.stack(reached)

    def moved_fractions(self, log_odds: FloatArray, run: IntArray, loan: IntArray) -> FloatArray:
        """Return the fractions lost (d,) in some simulations, from :meth:`log_odds` of these loans (d,)."""
        from scipy.special import expit

        return np.asarray(expit(log_odds + self.values[run, self.vintage[loan], 1]))

    def log_odds(self, fractions: FloatArray, pd: FloatArray) -> FloatArray:
        """Return the log-odds (n, l) that shifts are added to, so that fractions lost keep their mean.

        A predicted fraction (n, l) is what a loan loses if it defaults, in whichever year. So the mean is one
        over the simulations in which it defaults, more of which are bad years, with its PD in each as the
        weight: mean(PD x fraction) = mean PD x fraction, and portfolios lose on average what is expected of
        them. Fractions of 0 and 1 do not move. Solved to the precision of an interpolation, well below 1 %
        of the fraction.
        """
        from scipy.special import logit

        thresholds, found = self.thresholds(pd), np.asarray(logit(fractions), np.float64)
        for vintage in np.unique(self.vintage):
            own = self.vintage == vintage
            if self.values[:, vintage, 1].any():
                found[own] = self._kept(vintage, thresholds[own], found[own])
        return found

    def _kept(self, vintage: int, thresholds: FloatArray, wanted: FloatArray) -> FloatArray:
        """Return log-odds (n, l) whose means in log-odds are the wanted ones, for thresholds of the PD (n,).

        The mean rises with the log-odds, so that reading a table of means backwards solves for them.
        """
        from scipy.interpolate import RegularGridInterpolator
        from scipy.special import expit, logit, ndtr

        of_pd, of_fraction = self.values[:, vintage].T
        known = np.linspace(thresholds.min() - 1e-6, thresholds.max() + 1e-6, PD_LEVELS)
        low, high = logit(np.array([LEAST_FRACTION, 1 - LEAST_FRACTION]))
        means = np.linspace(low, high, LEVELS)
        grid = np.linspace(low - of_fraction.max(), high - of_fraction.min(), LEVELS)
        weights = ndtr(known[:, None] + of_pd)  # (a, simulations)
        reached = weights @ expit(of_fraction[:, None] + grid) / weights.sum(axis=1, keepdims=True)
        reached = logit(np.clip(reached, 1e-15, 1 - 1e-15))
        solved = np.stack([np.interp(means, row, grid) for row in reached])
        table = RegularGridInterpolator((known, means), solved)
        inside = np.broadcast_arrays(thresholds[:, None], np.clip(wanted, low, high))
        return np.where(np.isfinite(wanted), table(np.stack(inside, axis=-1)), wanted)


@dataclass(frozen=True)
class VintageHistory:
    """What past vintages came to.

    Parameters
    ----------
    years : integer array, shape (k,)
        One after the other.
    default_rate, fraction_lost : float64 arrays, shape (k,)
        Between 0 and 1, both excluded: of a vintage's loans, and of its defaulted ones on average.
    """

    years: IntArray
    default_rate: FloatArray
    fraction_lost: FloatArray

    def __post_init__(self) -> None:
        if len(self.years) < FEWEST_VINTAGES:
            raise InputError(
                f"The past holds {len(self.years)} vintages of at least {LEAST_DEFAULTS} defaults and others "
                f"in years one after the other; {FEWEST_VINTAGES} are needed to learn how they move."
            )
        if not len(self.years) == len(self.default_rate) == len(self.fraction_lost):
            raise ValueError("years, default rates and fractions lost have different lengths")
        rates = np.stack([self.default_rate, self.fraction_lost])
        if np.any(np.diff(self.years) != 1) or np.any(rates <= 0) or np.any(rates >= 1):
            raise ValueError("vintages are of years one after the other, with rates between 0 and 1")

    @classmethod
    def of(cls, years: IntArray, defaulted: FloatArray, lost: FloatArray) -> Self:
        """Count loans by vintage.

        Parameters
        ----------
        years : integer array, shape (n,)
            Vintage of each loan. Give vintages that are nearly over: a young one shows too few defaults.
        defaulted : float64 array, shape (n,)
            1 for a default.
        lost : float64 array, shape (n,)
            Fraction lost; only those of defaulted loans are read.

        Raises
        ------
        InputError
            If fewer than 5 vintages in a row, up to the latest, have enough defaults.
        """
        event = defaulted == 1
        found, place = np.unique(years, return_inverse=True)
        rows = np.bincount(place, minlength=len(found))
        bad = np.bincount(place, event, minlength=len(found))
        loss = np.bincount(place, np.where(event, lost, 0.0), minlength=len(found))
        enough = np.flatnonzero((bad >= LEAST_DEFAULTS) & (rows - bad >= LEAST_DEFAULTS))
        if len(enough):  # the last run of years without a gap
            enough = enough[np.flatnonzero(np.diff(found[enough], prepend=found[enough[0]] - 2) != 1)[-1] :]
        mean = loss[enough] / np.maximum(bad[enough], 1)
        return cls(found[enough], bad[enough] / rows[enough], np.clip(mean, 1e-3, 1 - 1e-3))

    def paths(self, horizon: int) -> FloatArray:
        """Return past movements over ``horizon`` years from each year on, shape (origins, horizon, 2)."""
        from scipy.special import logit, ndtri

        level = np.column_stack([ndtri(self.default_rate), logit(self.fraction_lost)])  # (k, 2)
        origins = len(level) - horizon
        return np.stack([level[o + 1 : o + 1 + horizon] - level[o] for o in range(origins)])

    def draw(self, horizon: int, simulations: int, rng: np.random.Generator) -> FloatArray:
        """Draw paths of shifts for the years to come, shape (simulations, horizon, 2).

        A path is a random combination of past ones, so that its covariance over years and between
        default rate and severity is theirs about no change; few past paths give heavy tails (Student's t
        with as many degrees of freedom as there are past paths that do not overlap, at least 3). Years beyond
        the longest that has at least 3 past paths go on in yearly steps.
        """
        longest = self._longest(horizon)
        drawn = self._combined(longest, simulations, rng)
        while drawn.shape[1] < horizon:
            step = self._combined(1, simulations, rng)
            drawn = np.concatenate([drawn, drawn[:, -1:] + step], axis=1)
        return drawn

    def _longest(self, horizon: int) -> int:
        return max(1, min(horizon, len(self.years) - LEAST_ORIGINS))

    def _combined(self, horizon: int, simulations: int, rng: np.random.Generator) -> FloatArray:
        past = self.paths(horizon)
        weights = rng.standard_normal((simulations, len(past))) / np.sqrt(len(past))
        freedom = max(LEAST_ORIGINS, (len(self.years) - 1) // horizon)
        tails = np.sqrt(freedom / rng.chisquare(freedom, simulations))
        return np.asarray(np.einsum("so,ohk->shk", weights * tails[:, None], past))

    def spread(self, horizon: int) -> FloatArray:
        """Return the standard deviations of drawn shifts before their tails were made heavy, (horizon, 2)."""
        longest = self._longest(horizon)
        variance = np.mean(self.paths(longest) ** 2, axis=0)  # (longest, 2)
        steps = np.arange(1, horizon - longest + 1)[:, None] * np.mean(self.paths(1) ** 2, axis=0)
        return np.asarray(np.sqrt(np.concatenate([variance, variance[-1] + steps])))

    def basis(self, ahead: IntArray) -> str:
        """Say what simulations of loans so many years ahead, shape (n,), hold and what they do not.

        Loans at 0 are of vintages that are taken as known; see :meth:`CommonShifts.drawn`.
        """
        first, last = self.years[0], self.years[-1]
        known = int(np.sum(ahead == 0))
        if known == len(ahead):
            return (
                f"Simulated: chance of single defaults and losses alone. All {known} loans are of vintages "
                f"up to {last}, taken as known: no common movement for them, so losses vary far more than "
                'this; correlation="basel" gives a common factor.'
            )
        said = (
            f"Simulated: chance of single defaults and losses, and how vintages {first}-{last} "
            "moved; not what lies outside all of these years, nor errors of the models."
        )
        if not known:
            return said
        still = f"{known} of {len(ahead)} loans are of vintages taken as known"
        return f"{said} {still}: no common movement for them."

    def document(self) -> dict[str, Any]:
        """Return everything as JSON-ready values."""
        return {
            "years": self.years.tolist(),
            "default_rate": self.default_rate.tolist(),
            "fraction_lost": self.fraction_lost.tolist(),
        }

    @classmethod
    def restore(cls, document: Mapping[str, Any]) -> Self:
        """Build it again from :meth:`document`."""
        return cls(
            np.array(document["years"], np.int64),
            np.array(document["default_rate"], np.float64),
            np.array(document["fraction_lost"], np.float64),
        )


def probits(pd: FloatArray) -> FloatArray:
    """Return the probits of PDs, shape (n,); those of 0 and 1 are finite."""
    from scipy.special import ndtri

    return np.asarray(ndtri(np.clip(pd, 1e-12, 1 - 1e-12)))
