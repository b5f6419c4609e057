"""Figures with their intervals, of all rows and of each year or segment, as tidy tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bezant.evidence.bootstrap import RESAMPLES, bootstrap_estimates
from bezant.evidence.intervals import (
    Estimate,
    auc_estimate,
    mean_estimate,
    rate_estimate,
    slope_estimate,
)
from bezant.metrics.checks import outcomes_and_probabilities
from bezant.metrics.classification import log_losses
from bezant.types import AnyArray, InputError

FIGURES: Mapping[str, str] = MappingProxyType(
    {
        "roc_auc": "AUC",
        "gini": "Gini",
        "ks": "KS",
        "average_precision": "average precision",
        "log_loss": "log loss",
        "brier": "Brier",
        "expected_calibration_error": "ECE",
        "calibration_slope": "slope",
    }
)
"""The figures of every model and every group, and how they are called in tables."""

TOP_SEGMENTS = 8
"""So many values of a segment column stand by themselves; the rest is one group, ``(other)``."""

GROUP_SCHEMA = pa.schema(
    [
        ("model", pa.string()),
        ("group_by", pa.string()),
        ("group", pa.string()),
        ("rows", pa.int64()),
        ("events", pa.int64()),
        ("figure", pa.string()),
        ("value", pa.float64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
    ]
)
"""The columns of the tidy tables: one row a model, group and figure."""

MISSING, OTHER = "(missing)", "(other)"
"""The groups of rows without a value, and of the values that are not shown."""


def figure_estimates(
    y: npt.ArrayLike,
    scores: Mapping[str, npt.ArrayLike],
    *,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    random_state: int | np.random.SeedSequence | None = 0,
) -> dict[str, dict[str, Estimate]]:
    """Return every model's figures with their intervals: model, then figure.

    The figures of :data:`FIGURES`, ``event_rate`` and ``mean_score``. AUC and Gini by DeLong; log loss,
    Brier score and mean score by the normal interval of a mean; calibration slope by the sandwich; event
    rate by Wilson; KS, average precision and calibration error by the bootstrap.

    Parameters
    ----------
    y : array-like of shape (n,)
        0 or 1.
    scores : mapping of str to array-like of shape (n,)
        Every model's probabilities.
    level : float, default 0.95
    resamples : int, default 300
    random_state : int, SeedSequence or None, default 0
    """
    found = {}
    for model, p in scores.items():
        outcomes, probabilities = outcomes_and_probabilities(y, p)
        auc = auc_estimate(outcomes, probabilities, level=level)
        estimates = {
            "roc_auc": auc,
            "gini": Estimate(2 * auc.value - 1, 2 * auc.low - 1, 2 * auc.high - 1),
            "log_loss": mean_estimate(log_losses(outcomes, probabilities), level=level),
            "brier": mean_estimate((probabilities - outcomes) ** 2, level=level),
            "calibration_slope": slope_estimate(outcomes, probabilities, level=level),
            "event_rate": rate_estimate(outcomes, level=level),
            "mean_score": mean_estimate(probabilities, level=level),
        }
        estimates |= bootstrap_estimates(
            outcomes, probabilities, level=level, resamples=resamples, random_state=random_state
        )
        found[model] = {figure: estimates[figure] for figure in (*FIGURES, "event_rate", "mean_score")}
    return found


def years(time: npt.ArrayLike, rows: int) -> AnyArray:
    """Return each row's year as text, shape (n,)."""
    stamps = np.asarray(time)
    if not np.issubdtype(stamps.dtype, np.datetime64):
        raise InputError(f"The time holds {stamps.dtype} values; give an array of datetime64.")
    if stamps.shape != (rows,):
        raise InputError(f"The time has {len(stamps)} rows and the outcome {rows}; give one time a row.")
    return np.where(np.isnat(stamps), MISSING, stamps.astype("datetime64[Y]").astype(str))


def segment_values(name: str, values: npt.ArrayLike, rows: int) -> AnyArray:
    """Return a segment column as texts, missing values as a group of their own."""
    column = np.asarray(values, dtype=object)
    if column.shape != (rows,):
        raise InputError(
            f"The segment column {name!r} has {len(column)} rows and the outcome {rows}; "
            "give one value a row."
        )
    return np.array([MISSING if v is None or v != v else str(v) for v in column], dtype=object)


def figures_by_group(
    y: npt.NDArray[np.int8],
    scores: Mapping[str, npt.NDArray[np.float64]],
    columns: Mapping[str, AnyArray],
    most: int | None,
    level: float,
    resamples: int,
    seeds: np.random.SeedSequence,
    notes: list[str],
) -> pa.Table:
    """Return the figures of each group of each column; ``notes`` takes what was put together."""
    rows: list[dict[str, Any]] = []
    for name, values in columns.items():
        names, index = np.unique(values, return_inverse=True)
        counts = np.bincount(index)
        shown = np.arange(len(names)) if most is None else np.argsort(-counts, kind="stable")[:most]
        groups = [(str(names[k]), np.flatnonzero(index == k)) for k in shown]
        rest = np.flatnonzero(~np.isin(index, shown))
        if len(rest):
            groups.append((OTHER, rest))
            notes.append(
                f"Segment {name!r}: {len(names) - len(shown)} of {len(names)} values, {len(rest):,} rows, "
                f"are together as {OTHER}."
            )
        for group, at in groups:
            part = {model: p[at] for model, p in scores.items()}
            figures = figure_estimates(
                y[at], part, level=level, resamples=resamples, random_state=seeds.spawn(1)[0]
            )
            rows += tidy_rows(figures, name, group, len(at), int(y[at].sum()))
    return pa.Table.from_pylist(rows, schema=GROUP_SCHEMA)


def tidy_rows(
    figures: Mapping[str, Mapping[str, Estimate]], group_by: str, group: str, rows: int, events: int
) -> list[dict[str, Any]]:
    """Return one row a model and figure, in the columns of the tidy tables."""
    about = {"group_by": group_by, "group": group, "rows": rows, "events": events}
    return [
        {"model": model, **about, "figure": figure, **asdict(estimate)}
        for model, by in figures.items()
        for figure, estimate in by.items()
    ]
