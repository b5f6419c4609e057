"""Fit a credit estimator to a table in memory; what does not fit into it is for :mod:`.large`."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from bezant.desks.credit.finishing import finish_fit
from bezant.desks.estimators.intake import take_in
from bezant.desks.estimators.labels import as_events, two_classes
from bezant.desks.estimators.settings import plan_of, seed_of
from bezant.desks.pretraining.history_model import pretrained_records
from bezant.metrics.target_statistics import stratified_folds
from bezant.training.cross_fitting import FOLDS, cross_fit_table, is_cross_fitted
from bezant.training.loop import Observer
from bezant.training.progress import shown
from bezant.training.table import fit_table
from bezant.types import AnyArray

RECORDS_NOTE = (
    "The network reads the rows' records one by one; the traditional models read how many there are, their "
    "totals, means, ages and shares, which the network is told too."
)


def fit_in_memory(risk: Any, table: pa.Table, labels: AnyArray, *, large: str) -> None:
    """Fit a credit estimator to a table of n rows.

    Parameters
    ----------
    risk : CreditRisk
        Its fitted attributes are set.
    table : pyarrow.Table
    labels : array, shape (n,)
        The outcomes.
    large : str
        The network's name in tables.

    Raises
    ------
    InputError
        If something about the rows prevents a fit; one sentence says what and how to mend it.
    """
    seed = seed_of(risk)
    classes = two_classes(labels, risk.event)
    events = as_events(labels, classes)
    pretrained = pretrained_records(risk.pretrained)
    intake = take_in(
        table,
        events,
        time=risk.time,
        schema=risk.schema,
        leaks=risk.leaks,
        seed=seed,
        holdout=risk.holdout,
        records=pretrained.schema if pretrained is not None else None,
    )
    adapt = None if risk.adapt == "auto" else risk.adapt
    if intake.schema.records is not None:
        intake = replace(intake, notes=(*intake.notes, RECORDS_NOTE))
    plan = plan_of(risk, "binary", seed).model_copy(update={"pretrained": pretrained, "adapt": adapt})
    folder = Path(risk.checkpoint) if risk.checkpoint is not None else None

    def how(title: str) -> AbstractContextManager[Observer | None]:
        return shown(title, risk.progress)

    if is_cross_fitted(events, intake.times is not None):
        folds = stratified_folds(events, FOLDS, seed)
        fitted = cross_fit_table(
            intake.table, intake.schema, events, folds, plan, shown=how, checkpoint=folder
        )
    else:
        fitted = fit_table(
            intake.table, intake.schema, events, intake.held_out, plan, shown=how, checkpoint=folder
        )
    finish_fit(risk, intake, events, classes, fitted, plan.resolved(len(events)), large=large)
