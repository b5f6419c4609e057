"""Report content made from seeded scores, so that every test can alter one part of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from bezant.evidence.evaluation import FIGURES, GROUP_SCHEMA, Comparison, Estimate, Evaluation
from bezant.metrics import CLASSIFICATION
from bezant.metrics.curves import wilson_interval
from bezant.reports import (
    CalibrationChoice,
    ColumnSummary,
    DataSummary,
    Finding,
    LearningCurve,
    ReportContent,
    Severity,
)

MODELS = ("bezant small", "scorecard", "LightGBM")


def group_rows(y, scores, group_by, groups):
    """Return the tidy rows of one grouping: rates and AUC of every model in every group."""
    rows = []
    for group in sorted(set(groups)):
        inside = groups == group
        n, k = int(inside.sum()), int(y[inside].sum())
        low, high = (float(end) for end in wilson_interval(k, n))
        for model, p in scores.items():
            common = {"model": model, "group_by": group_by, "group": str(group), "rows": n, "events": k}
            auc = CLASSIFICATION["roc_auc"].function(y[inside], p[inside])
            rows += [
                {**common, "figure": "event_rate", "value": k / n, "low": low, "high": high},
                {
                    **common,
                    "figure": "mean_score",
                    "value": float(p[inside].mean()),
                    "low": None,
                    "high": None,
                },
                {**common, "figure": "roc_auc", "value": auc, "low": auc - 0.01, "high": auc + 0.01},
            ]
    return rows


def make_scores(rows, seed=0):
    """Return outcomes, probabilities of three models (the first the best), and times."""
    rng = np.random.default_rng(seed)
    risk = rng.normal(-1.6, 1.0, rows)
    y = (rng.random(rows) < 1 / (1 + np.exp(-risk))).astype(np.int8)
    noise = dict(zip(MODELS, (0.2, 1.5, 0.8), strict=True))
    scores = {m: 1 / (1 + np.exp(-0.8 * (risk + rng.normal(0, s, rows)))) for m, s in noise.items()}
    times = np.datetime64("2004-01-01") + rng.integers(0, 1400, rows).astype("timedelta64[D]")
    return y, scores, times


def make_evaluation(y, scores, times=None):
    """Return an evaluation whose figures are the metrics' own, with made-up intervals."""
    figures = {}
    for model, p in scores.items():
        values = {f: CLASSIFICATION[f].function(y, p) for f in FIGURES}
        figures[model] = {f: Estimate(v, v - 0.004, v + 0.004) for f, v in values.items()}
    years = [] if times is None else group_rows(y, scores, "year", times.astype("datetime64[Y]").astype(str))
    halves = np.where(np.arange(len(y)) % 3 == 0, "low doc", "usual")
    large = next(iter(scores))
    tests = [
        Comparison(large, m, f, d, d - 0.003, d + 0.003, p_value, "DeLong, paired")
        for m, p_value in zip(list(scores)[1:], (1e-9, 0.2), strict=True)
        for f, d in (("roc_auc", 0.02), ("log_loss", -0.01))
    ]
    return Evaluation(
        large=large,
        y=y,
        scores=scores,
        figures=figures,
        by_period=pa.Table.from_pylist(years, schema=GROUP_SCHEMA),
        by_segment=pa.Table.from_pylist(group_rows(y, scores, "LowDoc", halves), schema=GROUP_SCHEMA),
        comparisons=tuple(tests),
        verdict=f"{large} ranks better than every traditional model on loans it has never seen.",
        notes=("Two periods of less than 100 rows were joined.",),
    )


def make_content(y, scores, times):
    """Return full report content around the scores."""
    names = ["Bank", "State", "GrAppv", "NoEmp"]
    importance = np.array([0.08, 0.03, 0.02, -0.001])
    return ReportContent(
        title="SBA loans: probability of default",
        created="2025-03-01T09:30:00",
        evaluation=make_evaluation(y, scores, times),
        data=DataSummary(
            rows=100_000,
            events=15_321,
            period=("1990-01-02", "2003-12-31"),
            columns=tuple(ColumnSummary(n, "number", "input", 0.013, 1234, "as text") for n in names),
        ),
        times=times,
        findings=(
            Finding(Severity.NOTE, "Column 'Bank' has many values."),
            Finding(Severity.REFUSE, "Column 'ChgOffDate' is filled in only after the outcome."),
        ),
        importance=pa.table(
            {"column": names, "importance": importance, "low": importance - 0.004, "high": importance + 0.004}
        ),
        learning=LearningCurve(
            epoch=np.arange(1, 9),
            train_loss=0.5 / np.arange(1, 9) ** 0.1,
            validation_loss=0.5 + 0.002 * (np.arange(1, 9) - 5) ** 2,
            validation_auc=0.74 - 0.002 * (np.arange(1, 9) - 5) ** 2,
            best_epoch=5,
        ),
        calibration=CalibrationChoice("beta", {"none": 0.41237, "beta": 0.41101, "isotonic": 0.41154}),
        configuration={"size": "small", "optimizer": {"name": "adamw", "learning_rate": 0.001}},
        versions={"bezant": "0.1.0", "torch": "2.13.0"},
        notes=("Rows without an outcome were left out: 17.",),
    )


@pytest.fixture(scope="session")
def content() -> ReportContent:
    return make_content(*make_scores(6_000))


@pytest.fixture(scope="session")
def content_of() -> Callable[..., ReportContent]:
    """Return a function that makes content of the given number of rows, with fields replaced."""

    def make(rows: int = 600, **changes: object) -> ReportContent:
        return replace(make_content(*make_scores(rows)), **changes)

    return make
