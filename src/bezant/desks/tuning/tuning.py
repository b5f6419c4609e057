"""Tune a credit model's settings on a small budget, and judge the outcome on rows that did not tune it.

The rows are parted three ways, nested. The last part of all (the latest rows, or some drawn at random where
rows have no time) is laid aside and takes no part. Of the others, the latest judge every trial; without a
time each row judges once, in cross-validation. Only :func:`judge` looks at what was laid aside: it fits the
tuned and the usual settings to the same rows and compares them there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from bezant.desks.credit.credit_risk import CreditRisk
from bezant.desks.estimators.intake import Intake, Leaks, held_out_rows, take_in, times_of
from bezant.desks.estimators.labels import as_events, read_labels, two_classes
from bezant.desks.estimators.network_settings import read_network
from bezant.desks.tuning.search import Problem, Search, Told, opened
from bezant.desks.tuning.space import settings_of
from bezant.evidence.evaluation import Evaluation, evaluate_scores
from bezant.histories import read_table
from bezant.metrics.target_statistics import stratified_folds
from bezant.schema import Schema
from bezant.training.config import TrainingConfig
from bezant.types import FloatArray, Frame, InputError, IntArray

UNTOUCHED = 0.2
"""Share of the rows that take no part in the tuning."""

JUDGING = 0.2
"""Share of the other rows that judge a trial, where rows have a time."""

FOLDS = 3
"""Folds of the cross-validation where they have none."""

MOST_ROWS = 50_000
"""A trial sees at most so many rows."""

TUNED, USUAL = "tuned", "usual"
"""Names of the two models that :func:`judge` compares."""


@dataclass(frozen=True)
class Tuning:
    """What a search found.

    Attributes
    ----------
    settings : mapping
        Arguments of :class:`bezant.CreditRisk` that were best: ``size``, ``training``, ``network``.
    loss, usual_loss : float
        Log loss of the best and of the usual settings on the rows that judged the trials, after the best
        shift and slope of log-odds. The best of many flatters itself: :func:`judge` says what it is worth.
    trials : pyarrow.Table
        One row a trial: ``number``, ``state`` (complete, pruned), ``loss``, ``epochs``, ``seconds`` and
        a column a setting.
    importance : mapping of str to float
        Share of the losses' variance that each setting explains (fANOVA, Hutter et al. 2014); empty where
        there are fewer than four complete trials.
    untouched : integer array
        Rows of the given frame that took no part.
    interrupted : bool
        Whether Ctrl-C ended the search; the trials so far are kept.
    notes : tuple of str
        What was done, in sentences.
    """

    settings: Mapping[str, Any]
    loss: float
    usual_loss: float
    trials: pa.Table
    importance: Mapping[str, float]
    untouched: IntArray
    interrupted: bool
    notes: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.trials.num_rows or not math.isfinite(self.loss):
            raise ValueError("a tuning has at least one complete trial")


def tune(
    X: Frame,
    y: Any,
    *,
    time: str | None = None,
    trials: int = 20,
    study: str | Path | None = None,
    seconds: float | None = None,
    event: Any = None,
    schema: Schema | None = None,
    leaks: Leaks = "report",
    max_epochs: int | None = None,
    random_state: int = 0,
    observe: Told | None = None,
) -> Tuning:
    """Look for better settings of :class:`bezant.CreditRisk` than the usual ones.

    Parameters
    ----------
    X : frame with n rows
    y : array-like of shape (n,)
        The outcomes.
    time : str, optional
        Column that orders the rows; trials are then judged out-of-time.
    trials : int, default 20
        Trials in all, those in ``study`` counted. The first one has the usual settings.
    study : path, optional
        SQLite file that keeps the trials; a search that was stopped goes on from it. In memory if not given.
    seconds : float, optional
        Start no trial after so long, and give up the one that runs, if any trial is complete.
    event, schema, leaks
        As of :class:`bezant.CreditRisk`.
    max_epochs : int, optional
        Of each trial; by the number of rows if not given.
    random_state : int, default 0
        Repeats the search, resumed or not.
    observe : callable, optional
        Told each finished trial's number, state and loss.

    Raises
    ------
    InputError
        If the study is of other rows or settings, or no trial came to its end.
    MissingExtraError
        If optuna is not installed.
    """
    table = read_table(X)
    labels = read_labels(y, table.num_rows)
    events = as_events(labels, two_classes(labels, event))
    if trials < 1:
        raise InputError(f"trials is a number from 1 on, not {trials}; 20 is usual.")
    with opened(study) as storage:  # before any long work: it refuses what is no study
        untouched = held_out_rows(events, times_of(table, time, schema), UNTOUCHED, random_state)
        kept, sampled = _sampled(np.setdiff1d(np.arange(len(events)), untouched), random_state)
        known = events[kept]
        how: dict[str, Any] = {"time": time, "schema": schema, "leaks": leaks, "seed": random_state}
        intake = take_in(table.take(kept), known, holdout=JUDGING, **how)
        training = TrainingConfig(seed=random_state, max_epochs=max_epochs)
        problem = Problem(intake, known, _folds(intake, known, random_state), training)
        search = Search(storage, problem, trials, seconds, observe)
        interrupted = search.go()
        notes = (*sampled, *_untaught(len(events) - len(untouched)))
        return _found(search, untouched, interrupted, notes)


def judge(
    X: Frame, y: Any, tuning: Tuning, *, time: str | None = None, random_state: int = 0, **settings: Any
) -> Evaluation:
    """Compare the tuned settings with the usual ones on the rows that took no part in the tuning.

    Parameters
    ----------
    X, y, time
        As given to :func:`tune`.
    tuning : Tuning
        What it found.
    random_state : int, default 0
        Of both fits and the bootstrap.
    **settings
        More arguments of both :class:`bezant.CreditRisk`; of ``network`` and ``training`` the tuning replaces
        only what it chose itself.

    Returns
    -------
    Evaluation
        Figures of the models ``"tuned"`` and ``"usual"``, fitted to the same other rows.
    """
    table = read_table(X)
    labels = read_labels(y, table.num_rows)
    others = np.setdiff1d(np.arange(table.num_rows), tuning.untouched)
    last = table.take(tuning.untouched)
    scores = {}
    epochs = {k: v for k, v in tuning.settings["training"].items() if k == "max_epochs"}
    for name, found in ((TUNED, tuning.settings), (USUAL, {"training": epochs})):
        risk = CreditRisk(
            **{"time": time, "benchmark": False, "random_state": random_state, **_with(settings, found)}
        )
        risk.fit(table.take(others), labels[others])
        scores[name] = risk.predict_proba(last)[:, 1]
    outcomes = as_events(labels[tuning.untouched], risk.classes_)
    return evaluate_scores(outcomes, scores, large=TUNED, random_state=random_state)


def helped(evaluation: Evaluation) -> str:
    """Say in one sentence whether tuning helped, from what :func:`judge` gave."""
    tuned, usual = (evaluation.figures[name]["log_loss"].value for name in (TUNED, USUAL))
    auc, before = (evaluation.figures[name]["roc_auc"].value for name in (TUNED, USUAL))
    what = (
        f"log loss {tuned:.4f}, with the usual settings {usual:.4f}; AUC {auc:.4f} and {before:.4f} "
        f"on {evaluation.rows} rows that took no part in the tuning"
    )
    loss = next(c for c in evaluation.comparisons if c.against == USUAL and c.figure == "log_loss")
    if loss.low <= 0 <= loss.high:
        return f"Whether tuning helped cannot be told from chance: {what}; the usual settings are simpler."
    if tuned < usual:
        return f"Tuning helped: {what}."
    return f"Tuning did not help: {what}; the usual settings are as good, and simpler."


# --------------------------------------------------------------------------------------------- parts


def _with(settings: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """Return given settings with what was found in their place, within ``network`` and ``training`` too."""
    return {
        name: {**dict(settings[name]), **value}
        if isinstance(value, Mapping) and isinstance(settings.get(name), Mapping)
        else value
        for name, value in {**settings, **found}.items()
    }


def _sampled(rows: IntArray, seed: int) -> tuple[IntArray, tuple[str, ...]]:
    """Return the rows the trials see, in order, and a note if there are more."""
    if len(rows) <= MOST_ROWS:
        return rows, ()
    some = np.sort(np.random.default_rng(seed).permutation(rows)[:MOST_ROWS])
    return some, (f"The trials saw {MOST_ROWS} rows, drawn at random from {len(rows)}.",)


def _untaught(rows: int) -> tuple[str, ...]:
    """Return a note if fits to so many rows have a teacher: the trials, which are many, have none."""
    plan = read_network(None).plan("small", "tabm", "binary", TrainingConfig()).resolved(rows)
    if not plan.taught:
        return ()
    return (
        "The trials learned from outcomes alone: a teacher (network={'taught': ...}) would take its time "
        "again in each; fits with the settings that were found have one.",
    )


def _folds(intake: Intake, y: FloatArray, seed: int) -> tuple[IntArray, ...]:
    """Return the rows that judge a trial: the latest ones, or each row once."""
    if intake.times is not None and len(np.unique(intake.times)) > 1:
        return (intake.held_out,)
    fold = stratified_folds(y, FOLDS, seed)
    return tuple(np.flatnonzero(fold == k) for k in range(FOLDS))


def _found(search: Search, untouched: IntArray, interrupted: bool, notes: tuple[str, ...]) -> Tuning:
    """Read what a search found from its trials."""
    complete = search.complete()
    if not complete:
        if interrupted:
            raise KeyboardInterrupt
        why = next((t.user_attrs["why"] for t in search.finished() if t.user_attrs.get("why")), "")
        raise InputError(f"None of the {len(search.finished())} trials came to its end. {why}".rstrip())
    best = min(complete, key=lambda t: t.value)
    usual = next((t.value for t in complete if t.params == search.usual), math.nan)
    settings, epochs = settings_of(best.params), search.problem.training.max_epochs
    if epochs is not None:
        settings["training"]["max_epochs"] = epochs
    return Tuning(
        settings=settings,
        loss=best.value,
        usual_loss=usual,
        trials=search.table(),
        importance=search.importance(),
        untouched=untouched,
        interrupted=interrupted,
        notes=(*_said(search, len(untouched)), *notes),
    )


def _said(search: Search, untouched: int) -> tuple[str, ...]:
    """Say what was done."""
    done, judged = len(search.finished()), search.problem.folds
    pruned = done - len(search.complete())
    by = (
        f"the latest {len(judged[0])} of {len(search.problem.y)} rows"
        if len(judged) == 1
        else f"{len(search.problem.y)} rows in {len(judged)} folds"
    )
    notes = [
        f"{done} trials, {pruned} of them given up early, were judged by their log loss on {by}, after the "
        f"best shift and slope of log-odds; another {untouched} rows took no part."
    ]
    if search.before:
        notes.append(f"{search.before} of the trials were in the study already.")
    if done < search.trials:
        notes.append(f"The search ended before its {search.trials} trials were done.")
    return tuple(notes)
