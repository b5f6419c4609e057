"""The end of a credit fit: the traditional models beside it, the judgement, and all that is remembered."""

from __future__ import annotations

from typing import Any

from bezant.desks.estimators.intake import Intake
from bezant.desks.estimators.labels import event_note
from bezant.desks.estimators.record import fit_record
from bezant.desks.estimators.rivals import fit_benchmarks
from bezant.desks.estimators.settings import configuration_of, seed_of
from bezant.evidence.evaluation import evaluate_scores
from bezant.network.fields.glance import Glance
from bezant.training.plan import TablePlan
from bezant.training.table import FittedTable
from bezant.types import AnyArray, FloatArray


def finish_fit(
    risk: Any,
    intake: Intake,
    events: FloatArray,
    classes: AnyArray,
    fitted: FittedTable,
    plan: TablePlan,
    *,
    large: str,
) -> None:
    """Fit the traditional models, judge, and set the fitted attributes of a credit estimator.

    Parameters
    ----------
    risk : CreditRisk
        What is being fitted.
    intake : Intake
        The rows that ``fitted.parts`` counts.
    events : float64 array, shape (n,)
        Their outcomes, 0 or 1.
    classes : array, shape (2,)
        The labels; the second is the event.
    fitted : FittedTable
        The network.
    plan : TablePlan
        How it was fitted, resolved.
    large : str
        Its name in tables.
    """
    seed = seed_of(risk)
    interrupted = any(run.ended == "interrupted" for run in fitted.runs)
    choice = False if interrupted else risk.benchmark
    glance = Glance.of(fitted.model.encoding)
    rivals = fit_benchmarks(intake.table, intake.schema, events, fitted.parts, choice, seed, glance)
    risk.classes_ = classes
    risk.model_ = fitted.model
    risk.schema_ = fitted.model.schema
    risk.benchmarks_ = rivals.models
    risk.calibration_ = fitted.calibration.log_losses if fitted.calibration else {}
    risk.check_ = intake.check
    risk.history_ = fitted.runs
    judging = fitted.parts.judging
    risk.evaluation_ = (
        evaluate_scores(
            events[judging],
            {large: fitted.judged, **rivals.judged},
            large=large,
            time=intake.times[judging] if intake.times is not None else None,
            random_state=seed,
        )
        if len(judging)
        else None
    )
    unjudged = ("No traditional model was fitted after the interruption.",) if interrupted else ()
    risk.notes_ = (*event_note(classes), *intake.notes, *fitted.notes, *unjudged, *rivals.notes)
    risk.record_ = fit_record(
        configuration=configuration_of(risk, plan),
        table=intake.table,
        schema=intake.schema,
        y=events,
        times=intake.times,
    )
