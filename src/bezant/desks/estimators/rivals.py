"""The traditional models beside the large one: same rows, same held-out part, same calibration."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import torch

from bezant.network.calibration import Calibrator, calibrate
from bezant.network.fields.glance import NOTHING, Glance
from bezant.network.recalibration import UNMOVED, Recalibration, learn_recalibration
from bezant.schema import Schema
from bezant.traditional import TRADITIONAL
from bezant.traditional.ordered_boosting import OrderedBoosting, import_catboost
from bezant.traditional.textbook import TEXTBOOK
from bezant.training.table import HeldOut
from bezant.types import FloatArray, IntArray

BenchmarkChoice = bool | Literal["full"] | tuple[str, ...]
"""True: gradient boosting and a scorecard; "full": the textbook networks too; or keys of :data:`CLASSES`."""

CLASSES: dict[str, Any] = {**TRADITIONAL, **TEXTBOOK, OrderedBoosting.key: OrderedBoosting}
"""Every traditional model of a table, by its key."""


SETTINGS: dict[str, dict[str, Any]] = {
    "textbook-cnn": {"max_rows": 20_000, "max_epochs": 10},
    "textbook-rnn": {"max_rows": 10_000, "max_epochs": 8},
}
"""A sequence of one-hot columns costs seconds a thousand rows, so these learn from a draw; a note says so."""


@dataclass(frozen=True)
class Benchmark:
    """A fitted traditional model with its calibration.

    Attributes
    ----------
    model : object
        Fitted on all rows.
    calibrator : Calibrator
        Chosen and fitted on the same held-out rows as the large model's.
    recalibration : Recalibration
        Learned from the same recent rows as the large model's; nothing at first.
    glance : Glance
        How the records of rows become columns that it reads.
    """

    model: Any
    calibrator: Calibrator
    recalibration: Recalibration = UNMOVED
    glance: Glance = NOTHING

    @property
    def name(self) -> str:
        """Name in tables and pictures."""
        return str(self.model.name)

    def score_table(self, table: pa.Table, days: FloatArray | None = None) -> FloatArray:
        """Return calibrated probabilities, shape (n,), for typed rows; a trend needs their times."""
        calibrated = self.calibrator.calibrated(self.raw_scores(table))
        return self.recalibration.apply(calibrated, days)

    def raw_scores(self, table: pa.Table) -> FloatArray:
        """Return answers that are not calibrated, shape (n,), for typed rows."""
        answers: FloatArray = self.model.score_table(self.glance.told(table))
        return answers

    def recalibrated(self, table: pa.Table, y: FloatArray, days: FloatArray | None, seed: int) -> Benchmark:
        """Return it with its probabilities moved to recent outcomes."""
        plain = replace(self, recalibration=UNMOVED)
        moved, _ = learn_recalibration(plain.score_table(table), y, days, seed=seed)
        return replace(plain, recalibration=moved)

    def document(self) -> dict[str, Any]:
        """Return everything as JSON-ready values."""
        values = self.calibrator.values.flatten().tolist()
        shape = list(self.calibrator.values.shape)
        calibration = {"method": self.calibrator.method, "values": values, "shape": shape}
        # As text, because JSON files are written with sorted keys and some models count on their order.
        return {
            "model": json.dumps(self.model.to_document()),
            "calibration": calibration,
            "recalibration": self.recalibration.document(),
            "glance": self.glance.model_dump(mode="json"),
        }

    @classmethod
    def restore(cls, document: Mapping[str, Any]) -> Benchmark:
        """Build it again from :meth:`document`."""
        said = document["calibration"]
        values = torch.tensor(said["values"], dtype=torch.float64).reshape(said["shape"])
        content = json.loads(document["model"])
        model = CLASSES[content["model"]].from_document(content)
        moved = Recalibration.restore(document.get("recalibration", {}))
        glance = Glance.model_validate(document.get("glance", {}))
        return cls(model, Calibrator(said["method"], values), moved, glance)


@dataclass(frozen=True)
class Benchmarks:
    """The traditional models of one fit.

    Attributes
    ----------
    models : tuple of Benchmark
        In the order of the tables.
    judged : dict of str to float64 array
        By name: held-out probabilities on the judging rows, made as the large model's are.
    notes : tuple of str
        What they did differently than asked.
    """

    models: tuple[Benchmark, ...]
    judged: dict[str, FloatArray]
    notes: tuple[str, ...]


def refuse_missing(choice: BenchmarkChoice) -> None:
    """Say which package a wished model needs, before any long work, if it is not installed."""
    if isinstance(choice, tuple) and OrderedBoosting.key in choice:
        import_catboost()


def fit_benchmarks(
    table: pa.Table,
    schema: Schema,
    y: FloatArray,
    parts: HeldOut,
    choice: BenchmarkChoice,
    seed: int,
    glance: Glance = NOTHING,
) -> Benchmarks:
    """Fit the traditional models under the protocol of :func:`bezant.training.table.fit_table`.

    Of rows with records they read what ``glance`` tells of these.
    """
    keys: tuple[str, ...]
    if isinstance(choice, tuple):
        keys = choice
    else:
        keys = () if choice is False else (*TRADITIONAL, *(TEXTBOOK if choice == "full" else ()))
    models: list[Benchmark] = []
    judged: dict[str, FloatArray] = {}
    notes: list[str] = []
    if keys and not len(parts.judging):
        return Benchmarks(
            (), {}, ("No traditional model was fitted: there are no held-out rows to judge it.",)
        )
    if keys:
        table, schema = glance.told(table), glance.told_schema(schema)
        training, stopping, judging = (table.take(i) for i in (parts.training, parts.stopping, parts.judging))
    # With folds every row judges, by a model of the configuration that the whole table chose: this flatters
    # the rival a little.
    for key in keys:
        try:
            first = CLASSES[key](**SETTINGS.get(key, {})).fit(
                training,
                schema,
                y[parts.training],
                stopping_table=stopping,
                stopping_y=y[parts.stopping],
                random_state=seed,
            )
            answers = (
                first.score_table(judging)
                if parts.folds is None
                else _out_of_fold(first, table, schema, y, parts.folds, seed)
            )
            in_time = schema.time is not None
            calibration = calibrate(answers, y[parts.judging], seed=seed, in_time=in_time)
            final = first.final(table, schema, y, random_state=seed)
        except Exception as error:  # a rival's failure must not lose a trained model
            notes.append(f"The traditional model {key} could not be fitted ({type(error).__name__}): {error}")
            continue
        benchmark = Benchmark(final, calibration.calibrator, glance=glance)
        models.append(benchmark)
        judged[benchmark.name] = calibration.cross_fitted
        notes.extend(final.notes_)
    return Benchmarks(tuple(models), judged, tuple(notes))


def _out_of_fold(
    model: Any, table: pa.Table, schema: Schema, y: FloatArray, folds: IntArray, seed: int
) -> FloatArray:
    """Return answers (n,) by models that were trained without the row's fold."""
    answers = np.empty(len(y))
    for k in np.unique(folds):
        inside = folds == k
        other = model.final(table.filter(pa.array(~inside)), schema, y[~inside], random_state=seed)
        answers[inside] = other.score_table(table.filter(pa.array(inside)))
    return answers
