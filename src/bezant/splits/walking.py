"""Walk-forward: many pairs of past and next stretch, with purge and embargo between them."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from bezant.splits.reading import read_moment, read_times
from bezant.splits.split import Split
from bezant.types import AnyArray, InputError, IntArray

Span: TypeAlias = int | str | datetime.timedelta | np.timedelta64
"""A number of distinct times (int), or a duration: a timedelta or a text such as ``"90D"`` or ``"39W"``."""


def walk_forward(
    times: Any,
    *,
    test_size: Span,
    train_size: Span | None = None,
    step: Span | None = None,
    purge: Span = 0,
    embargo: Span = 0,
    first_test: Any = None,
    partial: bool = False,
) -> Iterator[Split]:
    """Walk through time: learn from the past, judge on the next stretch, move on.

    Sizes are either all whole numbers, which count *distinct* times (trading days of a panel of many
    assets), or all durations. Before a test that starts at s, training rows are those with

    ``s - embargo - purge - train_size  <=  t``  and  ``t + purge + embargo < s``.

    Parameters
    ----------
    times : array or series, shape (n,)
        Times, or numbers such as years, in any order; repeats are usual.
    test_size : int or duration
        Length of each test.
    train_size : int or duration, optional
        Length of the training stretch; default everything before the test (an expanding window).
    step : int or duration, optional
        How far each test starts after the one before; default ``test_size``, and not less, so that a
        row is judged once at most.
    purge : int or duration, default 0
        Horizon of the label. A label at t with horizon h is made of what happens up to t + h; a
        training row whose label reaches into the test would tell the answer (Lopez de Prado 2018,
        *Advances in Financial Machine Learning*, section 7.4.1).
    embargo : int or duration, default 0
        A further gap before the test, for what lingers after the label is known (section 7.4.2; in a
        walk forward nothing is learned after the test, so the gap is in front of it).
    first_test : time, optional
        Start of the first test; default as early as a whole ``train_size`` (or, expanding, one
        ``test_size``) fits before it. With ``train_size`` given, earlier rows may be fewer than that.
    partial : bool, default False
        Whether a last test that the data end before is used too; otherwise its rows are left out. In
        durations, the data are taken to end one usual (median) gap after the last time, so that the
        months January to December are a whole year.

    Yields
    ------
    Split
        Positions in the order of time. Tests or trainings without a row (gaps in the calendar) are
        passed over.

    Raises
    ------
    InputError
        At the call, if times are missing, sizes are mixed or not positive, or no test fits.
    """
    values = read_times(times, "times")
    spans = _Spans.read(values, test_size, train_size, step, purge, embargo)
    order = np.argsort(values, kind="stable")
    axis = spans.axis(values[order])
    if first_test is None:
        start = int(axis[0]) + spans.gap + (spans.train or spans.test)
    else:
        start = spans.position(values[order], axis, read_moment(first_test, values, "times"))
    last = int(axis[-1]) if partial else int(axis[-1]) + spans.pace(axis) - spans.test
    starts = np.arange(start, last + 1, spans.step)
    # Four edges of every window at once; the loop below only slices.
    begin = np.full(len(starts), axis[0]) if spans.train is None else starts - spans.gap - spans.train
    edges = np.searchsorted(axis, np.stack([begin, starts - spans.gap, starts, starts + spans.test]))
    found = (edges[1] > edges[0]) & (edges[3] > edges[2])
    if not found.any():
        raise InputError(
            f"No walk-forward window fits into the {len(np.unique(values))} distinct times; choose a smaller "
            "train_size, test_size, purge or embargo, or another first_test."
        )
    return (Split(order[a:b], order[c:d]) for a, b, c, d in edges[:, found].T)


@dataclass(frozen=True)
class _Spans:
    """The sizes of a walk on one integer axis: ranks of distinct times, or microseconds."""

    counted: bool
    test: int
    train: int | None
    step: int
    gap: int

    @classmethod
    def read(
        cls, values: AnyArray, test: Span, train: Span | None, step: Span | None, purge: Span, embargo: Span
    ) -> _Spans:
        given = [test] + [s for s in (train, step, purge, embargo) if s is not None and s != 0]
        counted = [_is_whole(span) for span in given]
        if any(counted) != all(counted):
            raise InputError("The sizes mix numbers of times and durations; write all as one or the other.")
        if not counted[0] and values.dtype.kind != "M":
            raise InputError(
                "The sizes are durations but times holds numbers; write the sizes as whole numbers."
            )
        length, stride = _length(test), _length(test if step is None else step)
        least = min(length, stride, 1 if train is None else _length(train))
        gap = (_length(purge), _length(embargo))
        if least < 1 or min(gap) < 0:
            raise InputError(
                "test_size, train_size and step must be above 0, purge and embargo not below it."
            )
        if stride < length:
            raise InputError(f"step={step!r} is less than test_size={test!r}, so rows would be judged twice.")
        return cls(counted[0], length, None if train is None else _length(train), stride, sum(gap))

    def axis(self, ordered: AnyArray) -> IntArray:
        """Place sorted times on the axis, shape (n,)."""
        if not self.counted:
            return ordered.astype("datetime64[us]").astype(np.int64)
        return np.cumsum(np.append(False, ordered[1:] != ordered[:-1]))

    def pace(self, axis: IntArray) -> int:
        """Return the usual distance between two distinct times."""
        gaps = np.diff(axis)
        return 1 if self.counted or not gaps.any() else int(np.median(gaps[gaps > 0]))

    def position(self, ordered: AnyArray, axis: IntArray, moment: Any) -> int:
        """Place one moment on the axis; between two times it counts as the later one."""
        if not self.counted:
            return int(np.datetime64(moment, "us").astype(np.int64))
        place = int(np.searchsorted(ordered, moment))
        return int(axis[place]) if place < len(axis) else int(axis[-1]) + 1


def _is_whole(span: Span) -> bool:
    return isinstance(span, int | np.integer) and not isinstance(span, np.timedelta64)


def _length(span: Span) -> int:
    """Return a count of times as it is, a duration in microseconds."""
    if isinstance(span, str):
        read = re.fullmatch(r"\s*(\d+)\s*([WDhms])\s*", span)
        if read is None:
            raise InputError(
                f"The duration {span!r} is not understood; write it as '39W', '90D', '12h' or '30m'."
            )
        span = np.timedelta64(int(read[1]), read[2])  # type: ignore[arg-type]
    if _is_whole(span):
        return int(span)  # type: ignore[arg-type]
    if isinstance(span, datetime.timedelta | np.timedelta64):
        return int(np.timedelta64(span, "us").astype(np.int64))
    raise InputError(f"The size {span!r} is neither a whole number of times nor a duration such as '90D'.")
