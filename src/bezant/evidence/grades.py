"""A master scale: rating grades whose observed default rates rise, each step tested."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bezant.evidence.intervals import Estimate
from bezant.metrics.checks import Floats, outcomes_and_probabilities
from bezant.types import InputError, IntArray

if TYPE_CHECKING:
    import pandas as pd

CELLS = 200
"""Cells of equal mass between which boundaries are looked for."""

LEAST_DEFAULTS = 5
"""Fewest expected defaults in a grade: with fewer its rate cannot be told from its neighbours'."""


@dataclass(frozen=True)
class Grade:
    """One grade and what was observed in it.

    Parameters
    ----------
    name : str
        "G1" is the best.
    low, high : float
        Its PDs: above ``low`` (from 0 in the first), up to ``high``.
    rows, defaults : int
        Observed.
    mean_pd : float
        Mean predicted PD; NaN without rows.
    rate : Estimate
        Observed default rate with the Jeffreys interval.
    calibration_p_value : float
        Two-sided Jeffreys test of the mean PD: small if the observed defaults contradict it.
    step_p_value : float
        One-sided test that the next worse grade's rate is higher: small if it is; NaN in the last grade.
    """

    name: str
    low: float
    high: float
    rows: int
    defaults: int
    mean_pd: float
    rate: Estimate
    calibration_p_value: float
    step_p_value: float


@dataclass(frozen=True)
class MasterScale:
    """Grades of PDs, learned so that observed default rates rise from each grade to the next.

    Parameters
    ----------
    bounds : tuple of float
        Upper PD of every grade but the last, rising.
    table : tuple of Grade
        What was observed on the rows the boundaries were learned from, the best grade first.
    level : float
        A step from grade to grade is significant below this p value.
    notes : tuple of str
        Which grades were pooled, and why.

    Notes
    -----
    The boundaries were chosen on the same rows, so that the p values of :meth:`of` are a little too good;
    :meth:`validate` on later rows gives honest ones.

    References
    ----------
    Basel Committee on Banking Supervision (2005), "Studies on the validation of internal rating systems",
    Working Paper 14, section III (calibration and the binomial test); European Central Bank (2019),
    "Instructions for reporting the validation results of internal models", section 2.5.3.1 (Jeffreys test)
    and 2.5.5 (concentration); Brown, Cai and DasGupta (2001), "Interval estimation for a binomial
    proportion" (the Jeffreys interval).
    """

    bounds: tuple[float, ...]
    table: tuple[Grade, ...]
    level: float = 0.05
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        inside = all(0 <= b < 1 for b in self.bounds)
        if not inside or any(b <= a for a, b in itertools.pairwise(self.bounds)):
            raise InputError(f"The bounds {self.bounds} of a master scale must rise between 0 and 1.")
        if len(self.table) != len(self.bounds) + 1:
            raise InputError(f"{len(self.bounds)} bounds make {len(self.bounds) + 1} grades.")

    def __len__(self) -> int:
        return len(self.table)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the grades, the best first."""
        return tuple(g.name for g in self.table)

    @property
    def monotone(self) -> bool:
        """Whether observed rates rise at every step, whatever chance may say."""
        rates = [g.rate.value for g in self.table if g.rows]
        return all(b > a for a, b in itertools.pairwise(rates))

    @property
    def concentration(self) -> float:
        """Herfindahl index of the rows' shares: 1 / grades if all are equal, 1 if one holds everybody."""
        rows = np.array([g.rows for g in self.table], np.float64)
        return float(np.sum((rows / max(rows.sum(), 1.0)) ** 2))

    @classmethod
    def of(
        cls,
        pd: npt.ArrayLike,
        y: npt.ArrayLike,
        *,
        grades: int = 8,
        level: float = 0.05,
        least_share: float = 0.01,
    ) -> MasterScale:
        """Learn a scale on rows the model was not trained on.

        PDs are cut into cells of equal mass; cells whose default rates do not rise are pooled (isotonic
        regression); of the boundaries that are left, dynamic programming takes those that keep most of
        the log likelihood; then neighbours whose rates do not differ significantly are pooled.

        Parameters
        ----------
        pd : array-like of shape (n,)
            Predicted probabilities.
        y : array-like of shape (n,)
            Outcomes, 0 or 1.
        grades : int, default 8
            At most this many grades.
        level : float, default 0.05
            Neighbours are pooled unless the one-sided test of equal rates has a p value below this.
        least_share : float, default 0.01
            Share of the rows that every grade has at least.

        Raises
        ------
        InputError
            If there are no defaults or nothing but defaults, or the settings make no sense.
        """
        outcomes, p = outcomes_and_probabilities(y, pd)
        if grades < 2 or not 0 < level < 1 or not 0 <= least_share * grades <= 1:
            raise InputError(f"{grades} grades of at least {least_share:g} of the rows cannot be made.")
        if outcomes.all() or not outcomes.any():
            raise InputError(
                f"All {len(p)} rows have the same outcome; grades are learned from defaults and others."
            )
        uppers, rows, defaults = _cells(p, outcomes)
        starts = _pooled_cells(rows, defaults)
        rows, defaults = np.add.reduceat(rows, starts), np.add.reduceat(defaults, starts)
        uppers = uppers[np.append(starts[1:] - 1, len(uppers) - 1)]
        least = max(least_share * len(p), LEAST_DEFAULTS * len(p) / max(int(outcomes.sum()), 1), 1)
        cuts = _best_cuts(rows, defaults, grades, least)
        cuts, pooled = _significant(cuts, rows, defaults, level)
        notes = tuple(
            f"A boundary at a PD of {uppers[c - 1]:.4g} was left out: the default rates of its neighbours do "
            f"not differ significantly (p value {q:.3f})."
            for c, q in pooled
        )
        bounds = tuple(float(uppers[c - 1]) for c in cuts)
        return cls(bounds, _observed(bounds, p, outcomes), level, notes)

    def assign(self, pd: npt.ArrayLike) -> IntArray:
        """Return the grade of each PD, int64 of shape (n,): 1 is the best."""
        values = np.asarray(pd, np.float64)
        if values.ndim != 1 or not np.all((values >= 0) & (values <= 1)):
            raise InputError("PDs lie between 0 and 1, none missing; give one a row.")
        return np.searchsorted(np.array(self.bounds), values, side="left").astype(np.int64) + 1

    def validate(self, pd: npt.ArrayLike, y: npt.ArrayLike) -> MasterScale:
        """Return the same grades with what was observed on other rows, such as later ones."""
        outcomes, p = outcomes_and_probabilities(y, pd)
        return MasterScale(self.bounds, _observed(self.bounds, p, outcomes), self.level)

    def to_frame(self) -> pd.DataFrame:
        """Return one row a grade: PDs, rows, defaults, observed rate with interval, p values."""
        rows = [
            {
                "grade": g.name,
                "pd_from": g.low,
                "pd_to": g.high,
                "rows": g.rows,
                "defaults": g.defaults,
                "mean_pd": g.mean_pd,
                "observed_rate": g.rate.value,
                "low": g.rate.low,
                "high": g.rate.high,
                "calibration_p_value": g.calibration_p_value,
                "step_p_value": g.step_p_value,
            }
            for g in self.table
        ]
        frame: pd.DataFrame = pa.Table.from_pylist(rows).to_pandas()
        return frame

    def __str__(self) -> str:
        lines = [
            "grade   PD up to     rows  defaults  mean PD  observed [Jeffreys interval]   p calib.   p step"
        ]
        for g in self.table:
            lines.append(
                f"{g.name:<6}{g.high:>10.4f}{g.rows:>9,}{g.defaults:>10,}{g.mean_pd:>9.4f}"
                f"{g.rate.value:>10.4f} [{g.rate.low:.4f}, {g.rate.high:.4f}]"
                f"{g.calibration_p_value:>13.3f}{g.step_p_value:>9.2g}"
            )
        return "\n".join([*lines, *self.notes])

    def document(self) -> dict[str, Any]:
        """Return everything as JSON-ready values."""
        grades = [{k: _null(v) for k, v in asdict(g).items()} for g in self.table]
        return {"bounds": list(self.bounds), "table": grades, "level": self.level, "notes": list(self.notes)}

    @classmethod
    def restore(cls, document: Mapping[str, Any]) -> MasterScale:
        """Build it again from :meth:`document`."""
        grades = []
        for said in document["table"]:
            numbers: dict[str, Any] = {k: math.nan if v is None else v for k, v in said.items()}
            grades.append(Grade(**{**numbers, "rate": _rate(said["rate"])}))
        return cls(tuple(document["bounds"]), tuple(grades), document["level"], tuple(document["notes"]))


# ------------------------------------------------------------------------------------------- tests


def jeffreys_interval(defaults: int, rows: int, level: float = 0.95) -> Estimate:
    """Return a rate with the Jeffreys interval: quantiles of Beta(d + 1/2, n - d + 1/2)."""
    from scipy.stats import beta

    if not rows:
        return Estimate(math.nan)
    a, b = defaults + 0.5, rows - defaults + 0.5
    low = 0.0 if not defaults else float(beta.ppf(0.5 - level / 2, a, b))
    high = 1.0 if defaults == rows else float(beta.ppf(0.5 + level / 2, a, b))
    return Estimate(defaults / rows, low, high)


def jeffreys_p_value(pd: float, defaults: int, rows: int) -> float:
    """Return the two-sided p value of a PD: twice the smaller tail of the rate's posterior beyond it.

    The ECB's one-sided test (is the PD too low?) is the lower tail, Beta(d + 1/2, n - d + 1/2) at the PD.
    """
    from scipy.stats import beta

    if not rows:
        return math.nan
    below = float(beta.cdf(pd, defaults + 0.5, rows - defaults + 0.5))
    return min(1.0, 2 * min(below, 1 - below))


def step_p_value(better: tuple[int, int], worse: tuple[int, int]) -> float:
    """Return the one-sided p value against equal rates, small if the worse grade's rate is higher.

    Parameters
    ----------
    better, worse : (int, int)
        Defaults and rows of neighbouring grades.

    Returns
    -------
    float
        Of the pooled two-sample test of binomial rates; Fisher's exact test where either grade has
        fewer than 5 defaults or 5 others.
    """
    (d1, n1), (d2, n2) = better, worse
    if not n1 or not n2:
        return math.nan
    if min(d1, d2, n1 - d1, n2 - d2) < 5:
        from scipy.stats import hypergeom

        return float(hypergeom.sf(d2 - 1, n1 + n2, d1 + d2, n2))
    rate = (d1 + d2) / (n1 + n2)
    error = math.sqrt(rate * (1 - rate) * (1 / n1 + 1 / n2))
    return 0.5 * math.erfc((d2 / n2 - d1 / n1) / error / math.sqrt(2))


# -------------------------------------------------------------------------------------- boundaries


def _cells(p: Floats, outcomes: npt.NDArray[np.bool_]) -> tuple[Floats, Floats, Floats]:
    """Return the upper PDs, rows and defaults of cells of equal mass; equal PDs share a cell."""
    uppers = np.unique(np.quantile(p, np.linspace(0, 1, CELLS + 1)[1:], method="inverted_cdf"))
    cell = np.searchsorted(uppers, p, side="left")
    rows = np.bincount(cell, minlength=len(uppers)).astype(np.float64)
    defaults = np.bincount(cell, outcomes, minlength=len(uppers)).astype(np.float64)
    return uppers, rows, defaults


def _pooled_cells(rows: Floats, defaults: Floats) -> IntArray:
    """Return where the blocks of the isotonic regression begin (pool adjacent violators)."""
    blocks: list[tuple[int, float, float]] = []
    for i, (n, d) in enumerate(zip(rows, defaults, strict=True)):
        start, n_all, d_all = i, float(n), float(d)
        while blocks and blocks[-1][2] * n_all >= d_all * blocks[-1][1]:  # rates not rising
            start, n_before, d_before = blocks.pop()
            n_all, d_all = n_all + n_before, d_all + d_before
        blocks.append((start, n_all, d_all))
    return np.array([b[0] for b in blocks], np.int64)


def _best_cuts(rows: Floats, defaults: Floats, grades: int, least: float) -> list[int]:
    """Return where grades after the first begin: the highest likelihood with at most so many grades.

    Neighbouring blocks may be joined in any way; the rates of the joined ones still rise.
    """
    n = np.append(0.0, rows.cumsum())
    d = np.append(0.0, defaults.cumsum())
    size, count = n[None, :] - n[:, None], d[None, :] - d[:, None]  # of blocks i to j - 1, at [i, j]
    with np.errstate(divide="ignore", invalid="ignore"):
        fit = np.nan_to_num(count * np.log(count / size)) + np.nan_to_num(
            (size - count) * np.log((size - count) / size)
        )
    fit = np.where(size >= least, fit, -np.inf)
    best = fit[0]
    choices: list[IntArray] = []
    answers: list[tuple[float, list[int]]] = [(float(best[-1]), [])]
    for _ in range(1, min(grades, len(rows))):
        whole = best[:, None] + fit  # the last grade begins at i
        choices.append(whole.argmax(axis=0))
        best = whole.max(axis=0)
        cuts: list[int] = []
        at = len(rows)
        for choice in reversed(choices):
            at = int(choice[at])
            cuts.insert(0, at)
        answers.append((float(best[-1]), cuts))
    return max(answers, key=lambda a: a[0])[1]


def _significant(
    cuts: list[int], rows: Floats, defaults: Floats, level: float
) -> tuple[list[int], list[tuple[int, float]]]:
    """Leave out the least significant boundary until all are significant; also say which were left out."""
    left_out: list[tuple[int, float]] = []
    while cuts:
        ends = [0, *cuts, len(rows)]
        counts = [(int(defaults[a:b].sum()), int(rows[a:b].sum())) for a, b in itertools.pairwise(ends)]
        p_values = [step_p_value(a, b) for a, b in itertools.pairwise(counts)]
        worst = int(np.argmax(p_values))
        if p_values[worst] < level:
            break
        left_out.append((cuts[worst], p_values[worst]))
        cuts = cuts[:worst] + cuts[worst + 1 :]
    return cuts, left_out


def _observed(bounds: tuple[float, ...], p: Floats, outcomes: npt.NDArray[np.bool_]) -> tuple[Grade, ...]:
    grade = np.searchsorted(np.array(bounds), p, side="left")
    rows = np.bincount(grade, minlength=len(bounds) + 1)
    defaults = np.bincount(grade[outcomes], minlength=len(bounds) + 1)
    sums = np.bincount(grade, p, minlength=len(bounds) + 1)
    ends = (0.0, *bounds, 1.0)
    found = []
    for i, (n, d) in enumerate(zip(rows.tolist(), defaults.tolist(), strict=True)):
        mean = sums[i] / n if n else math.nan
        last = i == len(bounds)
        step = math.nan if last else step_p_value((d, n), (int(defaults[i + 1]), int(rows[i + 1])))
        test = jeffreys_p_value(mean, d, n)
        name, rate = f"G{i + 1}", jeffreys_interval(d, n)
        found.append(Grade(name, ends[i], ends[i + 1], n, d, float(mean), rate, test, step))
    return tuple(found)


def _null(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _null(v) for k, v in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value


def _rate(document: Mapping[str, Any]) -> Estimate:
    return Estimate(**{k: math.nan if v is None else v for k, v in document.items()})
