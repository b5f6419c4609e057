"""Expected purchases, spend and activity beside those of other models for the same customers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np

from bezant.evidence.demand_curves import DemandCurves, cohorts_of, grouped_demand, lift_at, tenths
from bezant.evidence.intervals import Estimate, normal_quantile
from bezant.metrics.checks import Floats
from bezant.metrics.classification import log_loss
from bezant.metrics.counts import activity_auc, poisson_deviance, total_error
from bezant.metrics.regression import rmse
from bezant.types import AnyArray, FloatArray, InputError

RESAMPLES = 200
"""Bootstrap samples of customers."""

SMALLEST = 1e-6
"""Least rate and probability that is judged: 0 would be infinitely wrong once."""

LABELS = {
    "deviance": "Poisson deviance",
    "log_loss": "Log loss of being active",
    "activity_auc": "AUC of being active",
    "rmse": "RMSE of purchases",
    "total_error": "Error of the total",
    "spend_rmse": "RMSE of spend",
    "spend_total_error": "Error of the spend",
}
"""Figures, and what they are called."""


@dataclass(frozen=True, eq=False)
class Outlook:
    """What customers were expected to do, or did.

    Attributes
    ----------
    count, spend, active : float arrays of shape (n,)
        Purchases, amounts, and the probability (or fact) of any purchase.
    """

    count: FloatArray
    spend: FloatArray
    active: FloatArray

    def __post_init__(self) -> None:
        if not len(self.count) == len(self.spend) == len(self.active) > 0:
            raise InputError("An outlook needs a count, a spend and an activity for each customer.")

    def rows(self, index: np.ndarray) -> Outlook:
        """Return some customers."""
        return Outlook(self.count[index], self.spend[index], self.active[index])


@dataclass(frozen=True)
class DemandEvaluation:
    """Held-out figures of the large model and of the others, for the same customers.

    Parameters
    ----------
    large : str
        A key of ``figures``.
    rows : int
        Customers.
    figures : mapping of str to mapping of str to Estimate
        Model, then a key of :data:`LABELS`, with bootstrap intervals.
    differences : mapping of str to Estimate
        The large model's Poisson deviance less each other one's, with its interval; below 0 it is better.
    verdict : str
        One sentence.
    notes : tuple of str
    curves : DemandCurves or None
        The same customers in groups; None of models saved before they were kept.
    """

    large: str
    rows: int
    figures: Mapping[str, Mapping[str, Estimate]]
    differences: Mapping[str, Estimate]
    verdict: str
    notes: tuple[str, ...] = ()
    curves: DemandCurves | None = None

    def __post_init__(self) -> None:
        if self.large not in self.figures:
            raise InputError(f"There are no figures of the large model {self.large!r}; judge it too.")

    def to_json(self) -> str:
        """Return everything as JSON text that :meth:`from_json` reads."""
        plain = {
            "figures": {m: {f: _plain(e) for f, e in by.items()} for m, by in self.figures.items()},
            "differences": {m: _plain(e) for m, e in self.differences.items()},
        }
        return json.dumps({**asdict(self), **plain}, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> DemandEvaluation:
        """Read what :meth:`to_json` wrote."""
        said = json.loads(text)
        said["figures"] = {m: {f: _estimate(e) for f, e in by.items()} for m, by in said["figures"].items()}
        said["differences"] = {m: _estimate(e) for m, e in said["differences"].items()}
        curves = said.get("curves")
        restored = None if curves is None else DemandCurves.restore(curves)
        return cls(**{**said, "notes": tuple(said["notes"]), "curves": restored})

    def __str__(self) -> str:
        heads = ["model", *LABELS.values()]
        named = sorted(self.figures.items(), key=lambda item: (item[0] != self.large, item[0]))
        body = [[m, *(f"{by[f].value:.4f}" for f in LABELS)] for m, by in named]
        widths = [max(map(len, column)) for column in zip(heads, *body, strict=True)]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in (heads, *body)]
        return "\n".join([f"{self.rows:,} customers held out", "", *lines, "", self.verdict, *self.notes])


def evaluate_demand(
    happened: Outlook,
    expected: Mapping[str, Outlook],
    *,
    large: str,
    notes: tuple[str, ...] = (),
    first: AnyArray | None = None,
    random_state: int = 0,
) -> DemandEvaluation:
    """Judge expectations about customers from whom no model has learned.

    Parameters
    ----------
    happened : Outlook
        Of n customers.
    expected : mapping of str to Outlook
        By model, of the same customers.
    large : str
        The large model's key.
    notes : tuple of str
        Taken over.
    first : datetime64 array of shape (n,), optional
        When each customer came, for figures by cohort.
    random_state : int, default 0
        Seed of the bootstrap.
    """
    n = len(happened.count)
    draws = np.random.default_rng(random_state).integers(0, n, (RESAMPLES, n))
    figures = {model: _estimates(happened, outlook, draws) for model, outlook in expected.items()}
    own = _deviances(happened, expected[large])
    differences = {
        model: _mean_with_interval(own - _deviances(happened, outlook))
        for model, outlook in expected.items()
        if model != large
    }
    verdict = _verdict(large, figures, differences)
    if not happened.count.any():
        verdict = f"None of the {n:,} customers bought, so only levels can be judged: {verdict}"
    curves = _curves(happened, expected, large, first)
    return DemandEvaluation(large, n, figures, differences, verdict, notes, curves)


def _curves(
    happened: Outlook, expected: Mapping[str, Outlook], large: str, first: AnyArray | None
) -> DemandCurves:
    groups, lift = {}, {}
    for name, part in {"purchases": "count", "active": "active", "spend": "spend"}.items():
        did = getattr(happened, part)
        of = {model: np.nan_to_num(getattr(outlook, part)) for model, outlook in expected.items()}
        groups[name] = grouped_demand(*tenths(of[large]), did, {large: of[large]})
        lift[name] = {model: lift_at(values, did) for model, values in of.items()}
    cohorts = None
    if first is not None:
        labels, place = np.unique(cohorts_of(first), return_inverse=True)
        counts = {model: outlook.count for model, outlook in expected.items()}
        cohorts = grouped_demand(place, tuple(map(str, labels)), happened.count, counts)
    totals = {m: _totals(o) for m, o in {"": happened, **expected}.items()}
    spend = groups["spend"] if happened.spend.sum() > 0 else None
    return DemandCurves(cohorts, groups["purchases"], groups["active"], spend, lift, totals)


def _totals(outlook: Outlook) -> tuple[float, ...]:
    return tuple(float(np.nansum(part)) for part in (outlook.count, outlook.spend, outlook.active))


def demand_figures(happened: Outlook, expected: Outlook) -> dict[str, float]:
    """Return every figure of :data:`LABELS`; NaN where the customers do not allow one."""
    y, active = happened.count, np.clip(expected.active, SMALLEST, 1 - SMALLEST)
    both = 0 < (y > 0).sum() < len(y)
    return {
        "deviance": poisson_deviance(y, np.maximum(expected.count, SMALLEST)),
        "log_loss": log_loss(y > 0, active),
        "activity_auc": activity_auc(y, active) if both else float("nan"),
        "rmse": rmse(y, expected.count),
        "total_error": total_error(y, expected.count),
        "spend_rmse": rmse(happened.spend, expected.spend),
        "spend_total_error": total_error(happened.spend, expected.spend),
    }


def _estimates(happened: Outlook, expected: Outlook, draws: np.ndarray) -> dict[str, Estimate]:
    whole = demand_figures(happened, expected)
    drawn = [demand_figures(happened.rows(d), expected.rows(d)) for d in draws]
    return {name: _between(value, np.array([d[name] for d in drawn])) for name, value in whole.items()}


def _between(value: float, drawn: Floats) -> Estimate:
    held = drawn[np.isfinite(drawn)]
    if not len(held) or not np.isfinite(value):
        return Estimate(value)
    low, high = np.quantile(held, (0.025, 0.975))
    return Estimate(value, min(low, value), max(high, value))


def _deviances(happened: Outlook, expected: Outlook) -> Floats:
    y, rate = happened.count, np.maximum(expected.count, SMALLEST)
    logs = np.where(y > 0, y * np.log(np.maximum(y, 1) / rate), 0.0)
    return np.asarray(2 * (logs - y + rate), np.float64)


def _mean_with_interval(values: Floats) -> Estimate:
    mean, error = float(values.mean()), float(values.std() / np.sqrt(len(values)))
    reach = normal_quantile(0.95) * error
    return Estimate(mean, mean - reach, mean + reach)


def _verdict(
    large: str, figures: Mapping[str, Mapping[str, Estimate]], differences: Mapping[str, Estimate]
) -> str:
    own = figures[large]["deviance"].value
    if not differences:
        return f"{large} has a Poisson deviance of {own:.4f}; no other model was fitted."
    best = min(differences, key=lambda model: figures[model]["deviance"].value)
    gap = differences[best]
    said = "is better than" if gap.high < 0 else "is worse than" if gap.low > 0 else "cannot be told from"
    return (
        f"{large} {said} the best of the others, {best}: Poisson deviance {own:.4f} to "
        f"{figures[best]['deviance'].value:.4f}, difference {gap.value:+.4f} "
        f"({gap.low:+.4f} to {gap.high:+.4f})."
    )


def _plain(estimate: Estimate) -> dict[str, float | None]:
    """Return an estimate without NaN, which JSON does not have."""
    return {k: v if np.isfinite(v) else None for k, v in asdict(estimate).items()}


def _estimate(said: Mapping[str, float | None]) -> Estimate:
    return Estimate(**{k: float("nan") if v is None else v for k, v in said.items()})
