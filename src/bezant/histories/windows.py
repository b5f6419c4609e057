"""Windows: which records of which history stand together; index arithmetic only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bezant.types import InputError, IntArray


@dataclass(frozen=True, eq=False)
class Windows:
    """Stretches of consecutive records, each of one history.

    Attributes
    ----------
    history : int64 array of shape (w,)
        The history of each window.
    start, stop : int64 arrays of shape (w,)
        Rows of the records table, ``start`` included and ``stop`` not; never empty.
    """

    history: IntArray
    start: IntArray
    stop: IntArray

    def __post_init__(self) -> None:
        if not len(self.history) == len(self.start) == len(self.stop):
            raise InputError("history, start and stop of windows must have the same length.")
        if np.any(self.start >= self.stop):
            raise InputError(f"{np.sum(self.start >= self.stop)} windows hold no record; leave them out.")

    def __len__(self) -> int:
        return len(self.history)

    @property
    def lengths(self) -> IntArray:
        """Number of records of each window, shape (w,)."""
        return self.stop - self.start


def windows_of(offsets: IntArray, length: int, stride: int) -> Windows:
    """Cut histories into windows that together hold every record.

    Parameters
    ----------
    offsets : int64 array of shape (n + 1,)
        Where each history's records begin.
    length : int
        Most records of a window; the last one of a history may be shorter.
    stride : int
        Records from one start to the next, at most ``length``. If it equals ``length``, every record
        stands in exactly one window.

    Raises
    ------
    InputError
        If ``length`` or ``stride`` is below 1, or ``stride`` would skip records.
    """
    if length < 1 or stride < 1:
        raise InputError(
            f"A window of length {length} and stride {stride} is empty; give at least 1 of each."
        )
    if stride > length:
        raise InputError(f"A stride of {stride} skips records of windows of {length}; give at most {length}.")
    sizes = np.diff(offsets)
    beyond = np.maximum(sizes - length, 0)  # records that the first window leaves out
    counts = np.where(sizes > 0, 1 + -(-beyond // stride), 0)
    history = np.repeat(np.arange(len(sizes)), counts)
    position = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    start = offsets[:-1][history] + position * stride
    return Windows(history, start, np.minimum(start + length, offsets[1:][history]))
