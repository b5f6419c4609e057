"""The loss of a portfolio as a distribution: defaults that share a factor, losses drawn from theirs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bezant.evidence.vintages import CommonShifts
from bezant.types import AnyArray, FloatArray, InputError, IntArray

SIMULATIONS = 2000
"""Simulated portfolios: the 99.9 % quantile then rests on the two worst ones; raise it for tails."""

CELLS_AT_ONCE = 4_000_000
"""Loans times simulations held in memory at once."""


def basel_correlation(pd: FloatArray) -> FloatArray:
    """Return the asset correlation of each PD, from 0.24 at a PD of 0 to 0.12 at high ones.

    References
    ----------
    Basel Committee on Banking Supervision, CRE31.5 (corporate, sovereign and bank exposures), without the
    adjustment for small firms.
    """
    weight = -np.expm1(-50 * pd) / -math.expm1(-50)
    return np.asarray(0.12 * weight + 0.24 * (1 - weight))


def conditional_pd(pd: FloatArray, correlation: FloatArray | float, factor: FloatArray) -> FloatArray:
    """Return the PDs given the common factor, shape (factors, n); a low factor is a bad year.

    References
    ----------
    Vasicek (2002), "Loan portfolio value", Risk; CRE31.4 with the factor at its 0.1 % quantile.
    """
    from scipy.special import ndtr, ndtri

    threshold = ndtri(np.clip(pd, 1e-12, 1 - 1e-12))
    rho = np.asarray(correlation)
    return np.asarray(ndtr((threshold - np.sqrt(rho) * factor[:, None]) / np.sqrt(1 - rho)))


def simulate_losses(
    pd: FloatArray,
    severities: FloatArray,
    exposure: FloatArray,
    *,
    group: IntArray | None = None,
    correlation: float | str = 0.0,
    common: CommonShifts | None = None,
    simulations: int = SIMULATIONS,
    random_state: int = 0,
) -> FloatArray:
    """Draw the loss of each group of loans many times.

    In each simulation a standard normal factor is drawn; given it, loans default independently with their
    conditional PD (one factor for all groups), and a defaulted loan loses one of its fractions. With
    ``common`` the vintages' shifts take the factor's place and move the fractions lost too.

    Parameters
    ----------
    pd : float64 array, shape (n,)
    severities : float64 array, shape (n, l)
        Equally likely fractions lost of each loan, such as its quantiles at the middles of l equal parts.
    exposure : float64 array, shape (n,)
        In money; losses are in the same unit.
    group : integer array, shape (n,), optional
        0, 1, ...; all loans are one group if not given.
    correlation : float or "basel", default 0
        Asset correlation in [0, 1), or that of :func:`basel_correlation`.
    common : CommonShifts, optional
        Shifts of as many simulations; ``correlation`` is then not used.
    simulations : int, default 2000
    random_state : int, default 0

    Returns
    -------
    float64 array, shape (simulations, groups)
    """
    groups = np.zeros(len(pd), np.int64) if group is None else group
    count = int(groups.max()) + 1 if len(groups) else 1
    rng = np.random.default_rng(random_state)
    losses = np.zeros((simulations, count))
    rho = checked_correlation(correlation, pd)
    chunk = max(1, CELLS_AT_ONCE // max(len(pd), 1))

    if common is not None:
        severities = common.log_odds(severities, pd)

    def given_common(start: int, stop: int) -> FloatArray:
        if common is not None:
            return common.conditional_pd(pd, start, stop)
        factor = rng.standard_normal(stop - start)
        return conditional_pd(pd, rho, factor) if np.any(rho) else np.broadcast_to(pd, (len(factor), len(pd)))

    for start in range(0, simulations, chunk):
        stop = min(start + chunk, simulations)
        given = given_common(start, stop)
        run, loan = np.nonzero(rng.random(given.shape) < given)
        drawn = rng.integers(severities.shape[1], size=len(loan))
        fractions = severities[loan, drawn]
        if common is not None:
            fractions = common.moved_fractions(fractions, run + start, loan)
        where = run * count + groups[loan]
        sums = np.bincount(where, exposure[loan] * fractions, minlength=(stop - start) * count)
        losses[start:stop] = sums.reshape(-1, count)
    return losses


def matched_in_the_mean(quantiles: FloatArray, mean: FloatArray) -> FloatArray:
    """Return fractions raised, row by row, to the power that gives them the wanted mean.

    Parameters
    ----------
    quantiles : float64 array, shape (n, l)
        In [0, 1], rising along each row.
    mean : float64 array, shape (n,)
        Wanted; cut off between the shares of ones and of values above zero, beyond which no power leads.
    """
    low, high = np.full(len(mean), -6.0), np.full(len(mean), 6.0)  # of the power's logarithm
    logs = np.log(np.clip(quantiles, 1e-12, 1.0))
    for _ in range(30):  # the mean falls as the power grows: halve the interval
        middle = (low + high) / 2
        too_high = np.exp(np.exp(middle)[:, None] * logs).mean(axis=1) > mean
        low, high = np.where(too_high, middle, low), np.where(too_high, high, middle)
    powered = np.exp(np.exp((low + high) / 2)[:, None] * logs)
    return np.where(quantiles <= 0, 0.0, powered)


def checked_correlation(correlation: float | str, pd: FloatArray) -> FloatArray:
    """Return the asset correlation of each loan, shape (n,), or an InputError if it is none."""
    if correlation == "basel":
        return basel_correlation(pd)
    if isinstance(correlation, str) or not 0 <= correlation < 1:
        raise InputError(
            f"correlation is a number from 0 to below 1 or 'basel', not {correlation!r}; 0 makes loans "
            "independent."
        )
    return np.full(len(pd), float(correlation))


@dataclass(frozen=True)
class PortfolioLoss:
    """Expected, simulated and realised loss of the groups of a portfolio, such as vintages.

    Parameters
    ----------
    labels : tuple of str
        Names of the k groups; the last is "all".
    rows : integer array, shape (k,)
    exposure, expected : float64 arrays, shape (k,)
        In money.
    simulated : float64 array, shape (simulations, k)
        Losses of simulated portfolios.
    realised : float64 array, shape (k,), or None
        What was lost in fact.
    unit : str
        What ``labels`` are, such as "year".
    basis : str
        One sentence: what the simulations hold, and what they do not.
    """

    labels: tuple[str, ...]
    rows: IntArray
    exposure: FloatArray
    expected: FloatArray
    simulated: FloatArray
    realised: FloatArray | None = None
    unit: str = "group"
    basis: str = ""

    def __post_init__(self) -> None:
        sizes = {len(self.labels), len(self.rows), len(self.exposure), len(self.expected)}
        sizes |= {self.simulated.shape[1]} | ({len(self.realised)} if self.realised is not None else set())
        if len(sizes) != 1:
            raise ValueError(f"the parts of a portfolio have different lengths: {sizes}")

    def interval(self, level: float = 0.9) -> tuple[FloatArray, FloatArray]:
        """Return the ends of the interval that holds ``level`` of the simulated losses, shape (k,) each."""
        low, high = np.quantile(self.simulated, [(1 - level) / 2, (1 + level) / 2], axis=0)
        return low, high

    def value_at_risk(self, level: float = 0.99) -> FloatArray:
        """Return the loss that is exceeded in ``1 - level`` of the simulations, shape (k,)."""
        return np.asarray(np.quantile(self.simulated, level, axis=0))

    @property
    def places(self) -> FloatArray | None:
        """Share of simulated losses at or below the realised one, shape (k,); near 0 or 1 is a surprise."""
        if self.realised is None:
            return None
        return np.asarray((self.simulated <= self.realised).mean(axis=0))

    def covered(self, level: float = 0.9) -> tuple[int, int]:
        """Return in how many groups the realised loss lies in the interval, and of how many; "all" apart.

        Groups share their factor, so that they are far fewer than so many trials.
        """
        if self.realised is None:
            return 0, 0
        low, high = self.interval(level)
        inside = (low <= self.realised) & (self.realised <= high)
        return int(inside[:-1].sum()), len(self.labels) - 1

    def columns(self, level: float = 0.9) -> dict[str, AnyArray]:
        """Return the table, a row a group, by column."""
        low, high = self.interval(level)
        found: dict[str, AnyArray] = {
            self.unit: np.array(self.labels, dtype=object),
            "rows": self.rows,
            "exposure": self.exposure,
            "expected_loss": self.expected,
            "expected_rate": self.expected / np.maximum(self.exposure, 1e-300),
            "low": low,
            "high": high,
            "value_at_risk_99": self.value_at_risk(),
        }
        if self.realised is not None and self.places is not None:
            found["realised_loss"] = self.realised
            found["realised_rate"] = self.realised / np.maximum(self.exposure, 1e-300)
            found["place"] = self.places
        return found

    def __str__(self) -> str:
        columns = self.columns()
        cells = {k: [k, *(_cell(k, v) for v in values)] for k, values in columns.items()}
        widths = {k: max(map(len, texts)) for k, texts in cells.items()}
        lines = [
            "  ".join(cells[k][i].rjust(widths[k]) for k in columns) for i in range(len(self.labels) + 1)
        ]
        return "\n".join([*lines, *([self.basis] if self.basis else [])])


def _cell(name: str, value: object) -> str:
    if isinstance(value, str):
        return value
    number = float(value)  # type: ignore[arg-type]
    return f"{number:.4f}" if name.endswith("rate") or name == "place" else f"{number:,.0f}"
