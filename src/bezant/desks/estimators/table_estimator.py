"""What the estimators of tables share once they are fitted: rows read, copies made, models saved."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from bezant.artifacts import save_folder
from bezant.desks.estimators.intake import read_rows
from bezant.desks.estimators.record import FitRecord
from bezant.desks.estimators.settings import column_names, parameters_of, restored_parameters
from bezant.evidence.checks import CheckReport
from bezant.network.scoring import TableModel
from bezant.schema import Schema
from bezant.training.loop import TrainingRun
from bezant.types import FloatArray, Frame


class TableEstimator(BaseEstimator, ABC):  # type: ignore[misc]
    """An estimator whose large model is one :class:`TableModel`.

    A subclass names its ``EVIDENCE``, which is what ``evaluation_`` is an instance of, and says how its
    traditional models become documents and are read again.

    Attributes
    ----------
    model_ : TableModel
        The large model.
    schema_ : Schema
        The columns it reads.
    check_ : CheckReport
        What was found in the rows before training.
    history_ : tuple of TrainingRun
        The run with early stopping, then the one on all rows.
    notes_ : tuple of str
        Everything that was skipped, imputed, truncated or replaced.
    record_ : FitRecord
        Configuration, versions, hash of the data, summary of the columns.
    """

    EVIDENCE: ClassVar[type[Any]]

    model_: TableModel
    schema_: Schema
    check_: CheckReport
    history_: tuple[TrainingRun, ...]
    notes_: tuple[str, ...]
    record_: FitRecord
    calibration_: dict[str, float]
    evaluation_: Any
    benchmarks_: tuple[Any, ...]

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn what this estimator can do."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        return tags

    def read(self, X: Frame) -> pa.Table:
        """Return rows to score as an Arrow table, as they were given."""
        return read_rows(self, X, fitting=False)

    def score_table(self, table: pa.Table) -> FloatArray:
        """Return the large model's answers for an Arrow table of n rows, shape (n,) or (n, T)."""
        check_is_fitted(self, "model_")
        return self.model_.score_table(table)

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy needs; the findings are frozen mappings, which Python cannot copy."""
        state: dict[str, Any] = super().__getstate__()
        return {**state, "check_": self.check_.to_json()} if "check_" in state else state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take it over."""
        super().__setstate__(state)
        if "check_" in state:
            self.check_ = CheckReport.from_json(state["check_"])

    # --------------------------------------------------------------------------------------- saving

    def save(self, path: str | Path) -> Path:
        """Write the model to a folder, whole or not at all; :func:`bezant.load` reads it.

        Returns
        -------
        Path
            The folder: safetensors, JSON, and a manifest of hashes. No pickle.
        """
        save_folder(path, self.tensors(), self.documents())
        return Path(path)

    def tensors(self) -> dict[str, Tensor]:
        """Return every tensor by name, ready to be saved."""
        check_is_fitted(self, "model_")
        return self.model_.tensors()

    def documents(self) -> dict[str, Any]:
        """Return everything but the tensors as JSON-ready values, by file."""
        check_is_fitted(self, "model_")
        return {
            "model": {"kind": type(self).__name__, "columns": column_names(self), **self.model_.document()},
            "parameters": parameters_of(self),
            "record": self.record_.document(),
            "benchmarks": [self._benchmark_document(b) for b in self.benchmarks_],
            "evidence": {
                "evaluation": json.loads(self.evaluation_.to_json()) if self.evaluation_ else None,
                "check": json.loads(self.check_.to_json()),
                "calibration": self.calibration_,
                # The speed is the machine's: the same fit gives the same bytes.
                "history": [{**asdict(run), "rows_per_second": 0.0} for run in self.history_],
                "notes": list(self.notes_),
            },
        }

    @classmethod
    def restore(cls, tensors: Mapping[str, Tensor], documents: Mapping[str, Any]) -> Self:
        """Build the estimator again from what :meth:`save` wrote; use :func:`bezant.load`."""
        given = restored_parameters(documents["parameters"])
        if isinstance(given["benchmark"], list):  # JSON knows no tuples
            given["benchmark"] = tuple(given["benchmark"])
        fitted = cls(**given)
        evidence = documents["evidence"]
        fitted.model_ = TableModel.restore(tensors, documents["model"])
        fitted.schema_ = fitted.model_.schema
        fitted.benchmarks_ = tuple(cls._benchmark_of(d) for d in documents["benchmarks"])
        said = evidence["evaluation"]
        fitted.evaluation_ = cls.EVIDENCE.from_json(json.dumps(said)) if said else None
        fitted.check_ = CheckReport.from_json(json.dumps(evidence["check"]))
        fitted.calibration_ = evidence["calibration"]
        fitted.history_ = tuple(TrainingRun.restore(d) for d in evidence["history"])
        fitted.notes_ = tuple(evidence["notes"])
        fitted.record_ = FitRecord.restore(documents["record"])
        names = documents["model"]["columns"]
        fitted.n_features_in_, fitted.feature_names_in_ = len(names), np.array(names, dtype=object)
        fitted._take_over(tensors, documents)
        return fitted

    def _take_over(self, tensors: Mapping[str, Tensor], documents: Mapping[str, Any]) -> None:
        """Take what only this kind of estimator has saved."""

    @staticmethod
    def _benchmark_document(benchmark: Any) -> Any:
        """Return a traditional model as a JSON-ready value."""
        return benchmark.document()

    @staticmethod
    @abstractmethod
    def _benchmark_of(document: Any) -> Any:
        """Build a traditional model again from its document."""
