"""Rows as the field's tutorials give them to a network: standardised numbers and one-hot categories."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bezant.traditional.inputs import Inputs

_EMPTY = 1e-12
"""Standard deviations below this share of the mean are rounding noise of a constant."""


@dataclass(frozen=True)
class DesignMatrix:
    """What turns inputs into a matrix; learned on training rows alone.

    Parameters
    ----------
    means, deviations : dict of str to float
        Of each number; a missing value counts as the mean, that is, 0 after standardising.
    values : dict of str to tuple of str
        Values of each category with a column of their own, most frequent first; missing is all zeros.
    merged : frozenset of str
        Categories whose other values, new ones included, share one more column.

    Raises
    ------
    ValueError
        If a deviation is not positive.
    """

    means: dict[str, float]
    deviations: dict[str, float]
    values: dict[str, tuple[str, ...]]
    merged: frozenset[str]

    def __post_init__(self) -> None:
        if not all(d > 0 for d in self.deviations.values()):
            raise ValueError("The deviations of a design matrix must be positive.")

    @classmethod
    def learn(cls, inputs: Inputs, most_values: int) -> Self:
        """Learn means, deviations and the ``most_values`` most frequent values of each category."""
        means, deviations = {}, {}
        for name, column in inputs.numbers.items():
            known = column[~np.isnan(column)]
            means[name] = float(known.mean()) if len(known) else 0.0
            spread = float(known.std()) if len(known) else 0.0
            deviations[name] = spread if spread > _EMPTY * max(abs(means[name]), 1.0) else 1.0
        values: dict[str, tuple[str, ...]] = {}
        merged: set[str] = set()
        for name, texts in inputs.categories.items():
            counted = pc.value_counts(texts.drop_null()).to_pylist()
            # ties by name, so that the order of the rows changes no column
            ranked = sorted(counted, key=lambda c: (-c["counts"], c["values"]))
            values[name] = tuple(c["values"] for c in ranked[:most_values])
            if len(ranked) > most_values:
                merged.add(name)
        return cls(means, deviations, values, frozenset(merged))

    @property
    def width(self) -> int:
        """Columns of the matrix."""
        return len(self.means) + sum(map(len, self.values.values())) + len(self.merged)

    def matrix(self, inputs: Inputs, rows: int) -> npt.NDArray[np.float32]:
        """Return shape (rows, width), float32: numbers, then the categories' zeros and ones."""
        out = np.zeros((rows, self.width), dtype=np.float32)
        for j, (name, mean) in enumerate(self.means.items()):
            out[:, j] = np.nan_to_num((inputs.numbers[name] - mean) / self.deviations[name], nan=0.0)
        start = len(self.means)
        for name, known in self.values.items():
            texts = inputs.categories[name]
            found = pc.index_in(texts, value_set=pa.array(known, pa.string()))
            if name in self.merged:
                found = pc.if_else(pc.is_valid(texts), pc.fill_null(found, len(known)), found)
            codes = pc.fill_null(found, -1).to_numpy(zero_copy_only=False)
            hit = np.flatnonzero(codes >= 0)
            out[hit, start + codes[hit]] = 1.0
            start += len(known) + (name in self.merged)
        return out

    def to_document(self) -> dict[str, Any]:
        """Return the matrix's parameters as JSON-ready values."""
        return {
            "means": self.means,
            "deviations": self.deviations,
            "values": {name: list(known) for name, known in self.values.items()},
            "merged": sorted(self.merged),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_document` returned."""
        values = {name: tuple(known) for name, known in document["values"].items()}
        return cls(
            dict(document["means"]), dict(document["deviations"]), values, frozenset(document["merged"])
        )
