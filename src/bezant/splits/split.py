"""What a split is, and the frames that come of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np

from bezant.types import BoolArray, Frame, InputError, IntArray


@dataclass(frozen=True)
class Split:
    """Row positions to learn from and row positions to judge on.

    Parameters
    ----------
    train, test : ndarray of int, shapes (n_train,) and (n_test,)
        Positions from 0; neither is empty and no row is in both. They are frozen against writing.

    Raises
    ------
    InputError
        If one of them is empty, or they share a row.

    Examples
    --------
    >>> train, test = Split(np.array([0, 1]), np.array([2]))
    """

    train: IntArray
    test: IntArray

    def __post_init__(self) -> None:
        for name in ("train", "test"):
            rows = np.array(getattr(self, name), dtype=np.int64)
            if rows.ndim != 1 or not len(rows):
                raise InputError(
                    f"The {name} part of the split has no rows; choose another cutoff or fraction."
                )
            rows.flags.writeable = False
            object.__setattr__(self, name, rows)
        both = np.bincount(self.train, minlength=int(self.test.max()) + 1)[self.test]
        if both.any():
            raise InputError(
                f"Both parts of the split hold {int((both > 0).sum())} same rows; give each row once."
            )

    def __iter__(self) -> Iterator[IntArray]:
        return iter((self.train, self.test))


def take(frame: Frame, split: Split) -> tuple[Frame, Frame]:
    """Return the training rows and the test rows of a frame, as frames of the same kind.

    Parameters
    ----------
    frame : pandas, Polars or Arrow frame, or NumPy array
        n rows; it is not changed.
    split : Split
        Positions below n.
    """
    if isinstance(frame, np.ndarray):
        return frame[split.train], frame[split.test]
    rows = eager(frame)
    return tuple(rows[part].to_native() for part in split)


def eager(frame: Frame) -> nw.DataFrame[Any]:
    """Return any frame in memory as a narwhals frame."""
    try:
        return nw.from_native(frame, eager_only=True)
    except TypeError as error:
        raise InputError(
            f"A {type(frame).__name__} is no frame that can be split; give pandas, Polars or Arrow."
        ) from error


def sound_fraction(fraction: float) -> float:
    """Return the fraction if it lies between 0 and 1."""
    if not 0 < fraction < 1:
        raise InputError(f"fraction={fraction!r} is not between 0 and 1; 0.2 holds out a fifth.")
    return float(fraction)


def parts(later: BoolArray) -> Split:
    """Return the split whose test rows are those marked, shape (n,)."""
    return Split(np.flatnonzero(~later), np.flatnonzero(later))
