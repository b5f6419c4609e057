"""What every traditional model can do."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bezant.schema import Schema
from bezant.types import AnyArray, ArtifactError, InputError


class TraditionalModel(Protocol):
    """A peer of the large model, fitted twice under the same protocol.

    ``fit`` learns from the training rows alone; its scores of rows it never saw are what is judged and
    calibrated. ``final`` then learns from every row what ``fit`` found right, and is what is kept.
    """

    key: ClassVar[str]
    """Its stable name in saved models."""
    name: ClassVar[str]
    """Its name in tables and reports."""
    notes_: tuple[str, ...]
    """What was chosen, merged, sampled or left aside."""

    def fit(
        self,
        table: pa.Table,
        schema: Schema,
        y: AnyArray,
        *,
        stopping_table: pa.Table,
        stopping_y: AnyArray,
        random_state: int = 0,
    ) -> Self:
        """Learn from ``table`` alone; the stopping part may choose when to stop."""
        ...

    def final(self, table: pa.Table, schema: Schema, y: AnyArray, *, random_state: int = 0) -> Self:
        """Return a new model of the same configuration that learned from all rows of a table."""
        ...

    def score_table(self, table: pa.Table) -> npt.NDArray[np.float64]:
        """Return the probability of default, shape (n,), of the rows of a typed table."""
        ...

    def to_document(self) -> dict[str, Any]:
        """Return the fitted model as JSON-ready values."""
        ...

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Read what ``to_document`` returned; the scores are the very same."""
        ...


def settings_of(model: object) -> dict[str, Any]:
    """Return what a model's constructor was given: its attributes that are neither fitted nor private."""
    return {k: v for k, v in vars(model).items() if not k.startswith("_") and not k.endswith("_")}


SMALL_TABLE = 20_000
"""Rows below which a second thread only waits at barriers: on busy cores, twenty times the work."""


def threads_for(rows: int, asked: int | None) -> int:
    """Return the threads that pay for so many rows: as many as asked for, else one or all there are."""
    if asked is not None:
        return asked
    return 1 if rows < SMALL_TABLE else int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)


def refuse_foreign(document: Mapping[str, Any], key: str) -> None:
    """Raise an :class:`~bezant.types.ArtifactError` if a document is another model's."""
    if document.get("model") != key:
        raise ArtifactError(
            f"The document holds a model of the kind {document.get('model')!r}, not {key!r}; "
            "read it with the class of its own kind."
        )


def refuse_no_input(names: tuple[str, ...], schema: Schema) -> None:
    """Raise an :class:`~bezant.types.InputError` if no column is left to learn from."""
    if not names:
        raise InputError(
            f"None of the {len(schema.fields)} columns of the schema is an input; "
            "give at least one that role."
        )


def refuse_unfitted(model: object, attribute: str, name: str) -> None:
    """Raise an :class:`~bezant.types.InputError` if a model has not been fitted yet."""
    if not hasattr(model, attribute):
        raise InputError(f"{name} is not fitted yet; call fit first.")


def checked_stopping_target(y: AnyArray, rows: int) -> npt.NDArray[np.float64]:
    """Return the labels of the stopping part; one class is enough to stop on, no row is not."""
    labels = np.asarray(y, dtype=np.float64)
    if labels.shape != (rows,) or not rows or not np.isin(labels, (0.0, 1.0)).all():
        raise InputError(
            f"The stopping part has {rows} rows and labels of the shape {labels.shape}; early stopping "
            "needs at least one row and one label, 0 or 1, for each."
        )
    return labels
