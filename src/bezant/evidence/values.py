"""Predicted values, such as losses, beside those of other models on the same rows, with a verdict."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bezant.evidence.comparison import Comparison, holm
from bezant.evidence.intervals import Estimate, normal_quantile, rate_estimate
from bezant.metrics.checks import Floats, values_and_predictions
from bezant.metrics.regression import REGRESSION, covered
from bezant.types import FloatArray, InputError

RESAMPLES = 300
"""Bootstrap samples: the ends of a 95 % interval then vary by about a tenth of its width."""

CELLS_AT_ONCE = 4_000_000
"""Rows times samples held in memory at once: 32 MB of counts."""


@dataclass(frozen=True)
class Coverage:
    """How often observations fell into the predicted intervals.

    Parameters
    ----------
    nominal : float
        The share that was promised.
    share : Estimate
        The share that was seen, with Wilson's interval.
    width : float
        Mean width of the intervals.
    """

    nominal: float
    share: Estimate
    width: float


@dataclass(frozen=True)
class ValueEvaluation:
    """Held-out figures of the large model and of the others on the same rows.

    Parameters
    ----------
    large : str
        A key of ``figures``.
    rows : int
    mean : float
        Of the observed values.
    figures : mapping of str to mapping of str to Estimate
        Model, then a key of :data:`bezant.metrics.REGRESSION`.
    comparisons : tuple of Comparison
        The large model against each other one, by the paired bootstrap.
    coverage : tuple of Coverage
        Of the large model's intervals; empty where none were given.
    verdict : str
        One sentence.
    notes : tuple of str
    level : float, default 0.95
        What all intervals aim at.
    """

    large: str
    rows: int
    mean: float
    figures: Mapping[str, Mapping[str, Estimate]]
    comparisons: tuple[Comparison, ...]
    coverage: tuple[Coverage, ...]
    verdict: str
    notes: tuple[str, ...] = ()
    level: float = 0.95

    def __post_init__(self) -> None:
        if self.large not in self.figures:
            raise InputError(f"There are no figures of the large model {self.large!r}; judge it too.")

    def to_json(self) -> str:
        """Return everything as JSON text that :meth:`from_json` reads."""
        return json.dumps(_without_nan(asdict(self)), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> ValueEvaluation:
        """Read what :meth:`to_json` wrote."""
        said = json.loads(text)
        said["figures"] = {
            m: {f: Estimate(**_with_nan(e)) for f, e in by.items()} for m, by in said["figures"].items()
        }
        said["comparisons"] = tuple(Comparison(**_with_nan(c)) for c in said["comparisons"])
        said["coverage"] = tuple(
            Coverage(c["nominal"], Estimate(**_with_nan(c["share"])), c["width"]) for c in said["coverage"]
        )
        return cls(**{**said, "notes": tuple(said["notes"])})

    def __str__(self) -> str:
        heads = ["model", *(m.label for m in REGRESSION.values())]
        order = sorted(self.figures, key=lambda model: model != self.large)
        body = [[m, *(_cell(self.figures[m][f]) for f in REGRESSION)] for m in order]
        widths = [max(map(len, column)) for column in zip(heads, *body, strict=True)]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in (heads, *body)]
        about = f"{self.rows:,} rows, mean {self.mean:.3f}; {100 * self.level:g} % intervals in brackets"
        spans = [
            f"{100 * c.nominal:g} % intervals hold {100 * c.share.value:.1f} % "
            f"[{100 * c.share.low:.1f}, {100 * c.share.high:.1f}] of the observations; mean width "
            f"{c.width:.3f}"
            for c in self.coverage
        ]
        return "\n".join([about, "", *lines, "", *spans, self.verdict, *self.notes])


def evaluate_values(
    y: npt.ArrayLike,
    predictions: Mapping[str, npt.ArrayLike],
    *,
    large: str,
    intervals: Mapping[float, tuple[FloatArray, FloatArray]] | None = None,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    random_state: int = 0,
) -> ValueEvaluation:
    """Judge predicted values on rows that no model has learned from.

    Parameters
    ----------
    y : array-like of shape (n,)
        Observed values.
    predictions : mapping of str to array-like of shape (n,)
        By model.
    large : str
        The large model's key.
    intervals : mapping of float to (low, high), optional
        The large model's intervals by the share they promise, each end of shape (n,).
    level, resamples, random_state
        Coverage, number and seed of the bootstrap intervals.

    Raises
    ------
    InputError
        If a model's predictions do not fit, or ``large`` has none.
    """
    if large not in predictions:
        raise InputError(f"The large model {large!r} has no predictions; give them beside the others'.")
    observed = values_and_predictions(y, predictions[large])[0]
    values = {m: values_and_predictions(y, p)[1] for m, p in predictions.items()}
    figures = {m: {k: f.function(observed, p) for k, f in REGRESSION.items()} for m, p in values.items()}
    drawn = bootstrap_figures(observed, values, resamples, random_state)
    estimates = {
        m: {k: _estimate(figures[m][k], drawn[m][k], level) for k in REGRESSION} for m in predictions
    }
    comparisons = _comparisons(figures, drawn, large, level)
    coverage = tuple(
        Coverage(nominal, rate_estimate(covered(observed, low, high)), float(np.mean(high - low)))
        for nominal, (low, high) in (intervals or {}).items()
    )
    verdict = _verdict(estimates, comparisons, large, level)
    mean = float(observed.mean())
    return ValueEvaluation(large, len(observed), mean, estimates, comparisons, coverage, verdict, level=level)


def bootstrap_figures(
    y: Floats, predictions: Mapping[str, Floats], resamples: int, random_state: int = 0
) -> dict[str, dict[str, Floats]]:
    """Return every figure of :data:`bezant.metrics.REGRESSION` on resampled rows, shape (resamples,) each.

    All models see the same samples, so that differences are paired. A sample is a vector of counts, and every
    figure a function of sums weighted by them; the ranks of a sample follow from cumulated counts
    without sorting again.
    """
    rng = np.random.default_rng(random_state)
    rows = len(y)
    chunk = max(1, CELLS_AT_ONCE // max(rows, 1))
    parts: dict[str, dict[str, list[Floats]]] = {m: {k: [] for k in REGRESSION} for m in predictions}
    orders = {m: _Order.of(p) for m, p in predictions.items()}
    order = _Order.of(y)
    for start in range(0, resamples, chunk):
        count = min(chunk, resamples - start)
        counts = rng.multinomial(rows, np.full(rows, 1 / rows), size=count).astype(np.float64)  # (c, n)
        mean, square = counts @ y / rows, counts @ y**2 / rows
        ranks = order.ranks(counts)
        for model, prediction in predictions.items():
            gap = y - prediction
            squared = counts @ gap**2 / rows
            spread = np.maximum(square - mean**2, 1e-300)
            parts[model]["mae"].append(counts @ np.abs(gap) / rows)
            parts[model]["rmse"].append(np.sqrt(squared))
            parts[model]["r2"].append(1 - squared / spread)
            parts[model]["spearman"].append(_weighted_correlation(counts, ranks, orders[model].ranks(counts)))
    return {m: {k: np.concatenate(v) for k, v in by.items()} for m, by in parts.items()}


@dataclass(frozen=True)
class _Order:
    """Which group of equal values each row belongs to, the smallest first."""

    group: npt.NDArray[np.intp]
    sorted_rows: npt.NDArray[np.intp]
    starts: npt.NDArray[np.intp]

    @classmethod
    def of(cls, values: Floats) -> _Order:
        rows = np.argsort(values, kind="stable")
        ranked = values[rows]
        starts = np.flatnonzero(np.append(True, ranked[1:] != ranked[:-1]))
        group = np.empty(len(values), np.intp)
        group[rows] = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(values))))
        return cls(group, rows, starts)

    def ranks(self, counts: Floats) -> Floats:
        """Return the midranks of samples given as counts (c, n), at the original rows (c, n)."""
        sizes = np.add.reduceat(counts[:, self.sorted_rows], self.starts, axis=1)  # (c, groups)
        return np.asarray((sizes.cumsum(axis=1) - sizes / 2)[:, self.group])


def _weighted_correlation(counts: Floats, a: Floats, b: Floats) -> Floats:
    rows = counts.sum(axis=1)
    a = a - ((counts * a).sum(axis=1) / rows)[:, None]
    b = b - ((counts * b).sum(axis=1) / rows)[:, None]
    scale = np.sqrt((counts * a * a).sum(axis=1) * (counts * b * b).sum(axis=1))
    with np.errstate(invalid="ignore", divide="ignore"):  # a constant prediction ranks nothing
        return np.where(scale > 1e-9, (counts * a * b).sum(axis=1) / scale, np.nan)


def _estimate(value: float, drawn: Floats, level: float) -> Estimate:
    """Return a figure with its basic bootstrap interval, widened to hold the figure itself."""
    drawn = drawn[np.isfinite(drawn)]
    if math.isnan(value) or len(drawn) < 20:
        return Estimate(value)
    low, high = np.quantile(drawn, [0.5 - level / 2, 0.5 + level / 2])
    return Estimate(value, min(2 * value - high, value), max(2 * value - low, value))


def _comparisons(
    figures: Mapping[str, Mapping[str, float]],
    drawn: Mapping[str, Mapping[str, Floats]],
    large: str,
    level: float,
) -> tuple[Comparison, ...]:
    others = [m for m in figures if m != large]
    found: list[Comparison] = []
    for figure in REGRESSION:
        gaps = [figures[large][figure] - figures[o][figure] for o in others]
        errors = [float(np.std(drawn[large][figure] - drawn[o][figure], ddof=1)) for o in others]
        p_values = [_p_value(g, e) for g, e in zip(gaps, errors, strict=True)]
        half = normal_quantile(level)
        for other, gap, error, p, adjusted in zip(
            others, gaps, errors, p_values, holm(p_values), strict=True
        ):
            ends = gap - half * error, gap + half * error
            found.append(Comparison(large, other, figure, gap, *ends, p, "paired bootstrap", adjusted))
    return tuple(found)


def _p_value(gap: float, error: float) -> float:
    if math.isnan(gap) or math.isnan(error):
        return math.nan
    if error <= 1e-12:
        return 1.0 if abs(gap) <= 1e-12 else 0.0
    return math.erfc(abs(gap) / error / math.sqrt(2))


def _verdict(
    figures: Mapping[str, Mapping[str, Estimate]],
    comparisons: tuple[Comparison, ...],
    large: str,
    level: float,
) -> str:
    """Say whether the large model errs less than the best of the others, by squared error."""
    others = [m for m in figures if m != large]
    ours = figures[large]["rmse"].value
    if not others:
        return f"No other model was judged on these rows (root mean squared error {ours:.4f})."
    rival = min(others, key=lambda m: figures[m]["rmse"].value)
    test = next(c for c in comparisons if c.against == rival and c.figure == "rmse")
    adjusted = test.adjusted_p_value
    sure = adjusted is not None and adjusted < 1 - level
    word = (
        "errs, within chance, as much as"
        if not sure
        else "errs less than"
        if test.difference < 0
        else ("errs more than")
    )
    return (
        f"The large model {word} {rival}, the best of the others (root mean squared error {ours:.4f} against "
        f"{figures[rival]['rmse'].value:.4f}, difference {test.difference:+.4f}, {100 * level:g} % interval "
        f"{test.low:+.4f} to {test.high:+.4f})."
    )


def _cell(e: Estimate) -> str:
    if math.isnan(e.value):
        return "-"
    return f"{e.value:.3f}" if math.isnan(e.low) else f"{e.value:.3f} [{e.low:.3f}, {e.high:.3f}]"


def _without_nan(value: Any) -> Any:
    """Replace NaN, which JSON does not have, by null."""
    if isinstance(value, dict):
        return {k: _without_nan(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _with_nan(value: dict[str, Any]) -> dict[str, Any]:
    return {k: math.nan if v is None else v for k, v in value.items()}
