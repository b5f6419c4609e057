"""A credit model's level moved to the latest known outcomes, and what it says and remembers of that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pyarrow as pa

from bezant.desks.credit.validation import seen_before
from bezant.desks.estimators.settings import ordering_times, seed_of
from bezant.network.recalibration import UNMOVED, Recalibration, days_of, learn_recalibration
from bezant.types import AnyArray, FloatArray

RECALIBRATED = "Recalibrated on "
"""How the note of a recalibration begins."""


def recalibrate_estimator(estimator: Any, table: pa.Table, y: FloatArray) -> None:
    """Move a fitted estimator and its traditional models in place; its ``recalibrate`` says what that means.

    Parameters
    ----------
    estimator : CreditRisk
        Fitted.
    table : pyarrow.Table of n rows
        As they were given.
    y : float64 array, shape (n,)
        Outcomes, 0 or 1.
    """
    seed = seed_of(estimator)
    model = replace(estimator.model_, recalibration=UNMOVED)
    typed = model.conform(table).table
    times = ordering_times(estimator.schema_, table)
    days = None if times is None else days_of(times)
    moved, losses = learn_recalibration(model.score_typed(typed), y, days, seed=seed)
    benchmarks = tuple(b.recalibrated(typed, y, days, seed) for b in estimator.benchmarks_)
    said = (recalibration_note(moved, losses, y, times), *seen_before(estimator.record_, times))
    estimator.model_, estimator.benchmarks_ = replace(model, recalibration=moved), benchmarks
    estimator.record_ = estimator.record_.judged(times)
    kept = tuple(note for note in estimator.notes_ if not note.startswith(RECALIBRATED))
    estimator.notes_ = (*kept, " ".join(said))


def recalibration_note(
    moved: Recalibration, losses: Mapping[str, float], y: FloatArray, times: AnyArray | None
) -> str:
    """Say what a recalibration learned from which rows, and by how much it was better."""
    days = None if times is None else times.astype("datetime64[D]")
    when = "" if days is None else f" from {days.min()} to {days.max()}"
    trend = f", {moved.trend:+.2f} log-odds a year, damped after the last of them" if moved.trend else ""
    gain = (
        f"; log loss on the later ones {losses[moved.method]:.4f}, without {losses['none']:.4f}"
        if "none" in losses and moved.method in losses
        else ""
    )
    return (
        f"{RECALIBRATED}{len(y)} rows{when}, {int(y.sum())} of them events: {moved.method} (shift "
        f"{moved.shift:+.2f}, slope {moved.slope:.2f}{trend}){gain}."
    )
