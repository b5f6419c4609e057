"""How texts become the codes that trees read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bezant.traditional.inputs import Inputs


@dataclass(frozen=True)
class CategoryCodes:
    """Columns of a matrix and the codes of their texts; learned on training rows alone.

    Parameters
    ----------
    numbers : tuple of str
        Columns that are numbers.
    values : dict of str to pyarrow.StringArray
        The known values of each category column, sorted; the code is the position.
    merged : frozenset of str
        Columns whose other values share one code, "rare".
    """

    numbers: tuple[str, ...]
    values: dict[str, pa.Array]
    merged: frozenset[str]

    @classmethod
    def learn(cls, inputs: Inputs, high_cardinality: int, min_rows: int | None) -> Self:
        """Learn the codes.

        Parameters
        ----------
        inputs : Inputs
            Training rows.
        high_cardinality : int
            Columns with more distinct values than this merge their rare ones.
        min_rows : int or None
            Rows below which a value is rare; None leaves such columns out.
        """
        values: dict[str, pa.Array] = {}
        merged: set[str] = set()
        for name, column in inputs.categories.items():
            counted = pc.value_counts(column.drop_null())
            known, counts = counted.field("values"), counted.field("counts")
            if len(known) > high_cardinality:
                if min_rows is None:
                    continue
                known = known.filter(pc.greater_equal(counts, min_rows))
                merged.add(name)
            # sorted, so that the order of the rows changes no code
            values[name] = known.take(pc.sort_indices(known))
        return cls(tuple(inputs.numbers), values, frozenset(merged))

    @property
    def names(self) -> tuple[str, ...]:
        """Columns of the matrix, numbers first."""
        return (*self.numbers, *self.values)

    @property
    def categorical(self) -> list[int]:
        """Places of the columns of codes."""
        return list(range(len(self.numbers), len(self.names)))

    def matrix(self, inputs: Inputs, rows: int) -> npt.NDArray[np.float64]:
        """Return shape (rows, columns), float64: numbers, then codes; NaN where missing or never seen."""
        out = np.empty((rows, len(self.names)), dtype=np.float64)
        for j, name in enumerate(self.numbers):
            out[:, j] = inputs.numbers[name]
        for j, (name, known) in enumerate(self.values.items(), start=len(self.numbers)):
            column = inputs.categories[name]
            codes = pc.index_in(column, value_set=known).cast(pa.float64())
            if name in self.merged:
                rare = pc.and_(pc.is_valid(column), pc.is_null(codes))
                codes = pc.if_else(rare, float(len(known)), codes)
            out[:, j] = pc.fill_null(codes, float("nan")).to_numpy(zero_copy_only=False)
        return out

    def to_document(self) -> dict[str, Any]:
        """Return the codes as JSON-ready values."""
        return {
            "numbers": list(self.numbers),
            "values": {name: known.to_pylist() for name, known in self.values.items()},
            "merged": sorted(self.merged),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_document` returned."""
        values = {name: pa.array(known, pa.string()) for name, known in document["values"].items()}
        return cls(tuple(document["numbers"]), values, frozenset(document["merged"]))
