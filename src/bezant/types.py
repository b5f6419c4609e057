"""Aliases, errors and protocols that every other module may import; it imports none of them."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

FloatArray: TypeAlias = npt.NDArray[np.floating[Any]]
IntArray: TypeAlias = npt.NDArray[np.integer[Any]]
BoolArray: TypeAlias = npt.NDArray[np.bool_]
AnyArray: TypeAlias = npt.NDArray[Any]

Frame: TypeAlias = Any
"""A pandas, Polars or Arrow frame, a NumPy matrix, or anything else narwhals reads."""


class InputError(ValueError):
    """What the user gave cannot be used; the message is one sentence that names it and its mend."""


class ArtifactError(InputError):
    """A saved model or checkpoint is damaged, foreign, or of a version this package cannot read."""


class MissingExtraError(ImportError):
    """An optional package is needed; the message is the exact ``pip install`` line."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package {package}; install it with: pip install 'bezant[{extra}]'"
        )


@runtime_checkable
class Scorer(Protocol):
    """Anything that turns a typed table into one probability or value a row."""

    def score_table(self, table: pa.Table) -> FloatArray:
        """Return an array of shape (n,) for a table of n rows that follows the model's schema."""
        ...
