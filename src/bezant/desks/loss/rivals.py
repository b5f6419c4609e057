"""The traditional models of losses beside the large one: same rows, same held-out part, same calibration."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import torch

from bezant.desks.estimators.intake import Intake
from bezant.desks.estimators.rivals import Benchmark, Benchmarks
from bezant.network.calibration import Calibration, Calibrator
from bezant.network.fields.glance import Glance
from bezant.network.mean_calibration import calibrate_mean
from bezant.traditional.severity import SEVERITY_MODELS, MeanSeverity
from bezant.training.table import HeldOut
from bezant.types import FloatArray


def fit_severity_rivals(
    intake: Intake,
    y: FloatArray,
    parts: HeldOut,
    wanted: bool,
    most_slope: float | None,
    seed: int,
    glance: Glance,
) -> Benchmarks:
    """Fit the traditional models under the protocol of :func:`bezant.training.table.fit_table`.

    All are calibrated as the large model is, their lines no steeper than ``most_slope`` where it is given.
    The mean of the training rows is not: it is the yardstick of what was known before any held-out row was
    looked at. Of rows with records they read what ``glance`` tells of these.
    """
    if not wanted or not len(parts.judging):
        why = "No traditional model was fitted: there are no held-out rows to judge it."
        return Benchmarks((), {}, (why,) if wanted else ())
    table, schema = glance.told(intake.table), glance.told_schema(intake.schema)
    training, stopping, judging = (table.take(i) for i in (parts.training, parts.stopping, parts.judging))
    models: list[Benchmark] = []
    judged: dict[str, FloatArray] = {}
    notes: list[str] = []
    for key, kind in SEVERITY_MODELS.items():
        try:
            first = kind().fit(
                training,
                schema,
                y[parts.training],
                stopping_table=stopping,
                stopping_y=y[parts.stopping],
                random_state=seed,
            )
            calibration = _calibration(first, first.score_table(judging), y[parts.judging], most_slope, seed)
            final = first.final(table, schema, y, random_state=seed)
        except Exception as error:  # a rival's failure must not lose a trained model
            notes.append(f"The traditional model {key} could not be fitted ({type(error).__name__}): {error}")
            continue
        models.append(Benchmark(final, calibration.calibrator, glance=glance))
        judged[final.name] = calibration.cross_fitted
        notes.extend(final.notes_)
    return Benchmarks(tuple(models), judged, tuple(notes))


def restore_rival(document: Mapping[str, Any]) -> Benchmark:
    """Build a rival again from :meth:`bezant.desks.estimators.rivals.Benchmark.document`."""
    said = document["calibration"]
    values = torch.tensor(said["values"], dtype=torch.float64).reshape(said["shape"])
    content = json.loads(document["model"])
    model = SEVERITY_MODELS[content["model"]].from_document(content)
    glance = Glance.model_validate(document.get("glance", {}))
    return Benchmark(model, Calibrator(said["method"], values), glance=glance)


def _calibration(
    model: Any, predicted: FloatArray, y: FloatArray, most_slope: float | None, seed: int
) -> Calibration:
    if isinstance(model, MeanSeverity):
        return Calibration(Calibrator("none", torch.empty(0)), {}, predicted)
    return calibrate_mean(predicted, y, most_slope=most_slope, seed=seed)
