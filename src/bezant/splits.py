"""Parts to learn from and parts to judge on: out-of-time, walk-forward, stratified, by entity.

Everything here answers with row positions (:class:`Split`); :func:`take` and :func:`out_of_time` turn
them into frames of the kind that was given. A split never looks at anything but times, outcomes or
entities.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bezant.schema import unknown_column
from bezant.types import AnyArray, BoolArray, Frame, InputError, IntArray

Span: TypeAlias = int | str | datetime.timedelta | np.timedelta64
"""A number of distinct times (int), or a duration: a timedelta or a text such as ``"90D"`` or ``"39W"``."""


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
                f"{int((both > 0).sum())} rows are in both parts of the split; give each row once."
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
    rows = _eager(frame)
    return tuple(rows[part].to_native() for part in split)


def out_of_time(
    frame: Frame, *, time: str, cutoff: Any = None, fraction: float | None = None
) -> tuple[Frame, Frame]:
    """Split a frame in two at a point in time: earlier rows to learn from, later rows to judge on.

    Parameters
    ----------
    frame : pandas, Polars or Arrow frame
        n rows in any order; each part keeps that order. It is not changed.
    time : str
        Column of times or of numbers such as years.
    cutoff : str, date, datetime or number, optional
        The first moment of the test part: training rows lie before it, test rows at or after it.
    fraction : float, optional
        Instead of a cutoff: the share of rows, in (0, 1), that the test part should have. Rows of the
        same time are never separated, so the share may come out a little larger.

    Returns
    -------
    train, test : frames of the same kind

    Raises
    ------
    InputError
        If not exactly one of ``cutoff`` and ``fraction`` is given, the column is missing, is text or
        has rows without a time, or one part would be empty.
    """
    rows = _eager(frame)
    if time not in rows.columns:
        raise unknown_column(time, rows.columns)
    split = out_of_time_indices(rows[time], cutoff=cutoff, fraction=fraction, name=time)
    return take(frame, split)


def out_of_time_indices(
    times: Any, *, cutoff: Any = None, fraction: float | None = None, name: str = "time"
) -> Split:
    """Return the positions that :func:`out_of_time` would take.

    Parameters
    ----------
    times : array or series, shape (n,)
        Times, or numbers such as years.
    cutoff, fraction
        As for :func:`out_of_time`; exactly one of them.
    name : str, default "time"
        The column's name, for the error sentences.
    """
    values = _times(times, name)
    if (cutoff is None) == (fraction is None):
        raise InputError(f"Give either cutoff= or fraction= to split column {name!r} in time, and not both.")
    if fraction is not None:
        held = max(1, round(_fraction(fraction) * len(values)))
        start = np.partition(values, len(values) - held)[len(values) - held]
    else:
        start = _moment(cutoff, values, name)
    later = values >= start
    if later.all() or not later.any():
        raise InputError(
            f"Column {name!r} runs from {values.min()} to {values.max()}, so a cutoff at {start} leaves "
            f"no rows {'before' if later.all() else 'at or after'} it; choose one in between."
        )
    return _parts(later)


def stratified(y: Any, fraction: float, random_state: int | None = None) -> Split:
    """Return a random split in which each class has the same share of test rows.

    Rows of the same period land on both sides, so figures on it flatter a model that will be used
    later in time; use :func:`out_of_time` where there is a time.

    Parameters
    ----------
    y : array or series, shape (n,)
        Outcomes: 0/1 or any classes.
    fraction : float
        Share of test rows, in (0, 1); each class keeps at least one row on either side.
    random_state : int, optional
        Seed; the same seed gives the same split.

    Raises
    ------
    InputError
        If an outcome is missing or a class has one row only.
    """
    codes, distinct = _codes(y, "y")
    counts = np.bincount(codes, minlength=len(distinct))
    if counts.min() < 2:
        raise InputError(
            f"The class {distinct[int(counts.argmin())]!r} has 1 of {len(codes)} rows, too few for two "
            "parts; leave it out or join it with another class."
        )
    held = np.clip(np.rint(counts * _fraction(fraction)).astype(np.int64), 1, counts - 1)
    order = np.random.default_rng(random_state).permutation(len(codes))
    order = order[np.argsort(codes[order], kind="stable")]  # shuffled within each class
    place = np.arange(len(codes)) - np.repeat(np.cumsum(counts) - counts, counts)
    later = np.zeros(len(codes), dtype=bool)
    later[order[place < np.repeat(held, counts)]] = True
    return _parts(later)


def by_entity(entities: Any, fraction: float, random_state: int | None = None) -> Split:
    """Return a random split in which all rows of one entity are on the same side.

    Parameters
    ----------
    entities : array or series, shape (n,)
        The customer, borrower or asset of each row. Which of them are held out does not depend on the
        order of the rows.
    fraction : float
        Share of the *entities*, in (0, 1), that are held out; at least one stays on either side.
    random_state : int, optional
        Seed; the same seed gives the same split.

    Raises
    ------
    InputError
        If an entity is missing or there is only one.
    """
    codes, distinct = _codes(entities, "entities")
    if len(distinct) < 2:
        raise InputError(
            f"All {len(codes)} rows belong to {distinct[0]!r}; two entities are needed for a split."
        )
    held = min(max(1, round(_fraction(fraction) * len(distinct))), len(distinct) - 1)
    outside = np.zeros(len(distinct), dtype=bool)
    outside[np.random.default_rng(random_state).permutation(len(distinct))[:held]] = True
    return _parts(outside[codes])


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
        Whether a last test that the data end before is used too; otherwise its rows are left out.

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
    values = _times(times, "times")
    spans = _Spans.read(values, test_size, train_size, step, purge, embargo)
    order = np.argsort(values, kind="stable")
    axis = spans.axis(values[order])
    if first_test is None:
        start = int(axis[0]) + spans.gap + (spans.train or spans.test)
    else:
        start = spans.position(values[order], axis, _moment(first_test, values, "times"))
    last = int(axis[-1]) + 1 - (1 if partial else spans.test)
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


def _eager(frame: Frame) -> nw.DataFrame[Any]:
    try:
        return nw.from_native(frame, eager_only=True)
    except TypeError as error:
        raise InputError(
            f"A {type(frame).__name__} is no frame that can be split; give pandas, Polars or Arrow."
        ) from error


def _arrow(values: Any) -> pa.Array:
    """Return any array, list or series as one Arrow array; NaN and NaT become null."""
    if isinstance(values, pa.ChunkedArray):
        return values.combine_chunks()
    if isinstance(values, pa.Array):
        return values
    series = nw.from_native(values, series_only=True, pass_through=True)
    if isinstance(series, nw.Series):
        return _arrow(series.to_arrow())
    return pa.array(values, from_pandas=True)


def _valid(values: Any, name: str) -> pa.Array:
    array = _arrow(values)
    if pa.types.is_floating(array.type):
        array = pc.if_else(pc.is_nan(array), pa.scalar(None, array.type), array)
    if not len(array):
        raise InputError(f"Column {name!r} has 0 rows, so there is nothing to split.")
    if array.null_count:
        raise InputError(
            f"Column {name!r} is missing in {array.null_count} of {len(array)} rows; fill them "
            "or leave them out."
        )
    return array


def _times(values: Any, name: str) -> AnyArray:
    """Return times as datetime64[us], or numbers as they are."""
    array = _valid(values, name)
    kind = array.type
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        if pa.types.is_timestamp(kind) and kind.tz is not None:
            array = array.cast(pa.timestamp("us", "UTC"), safe=False)
        return np.asarray(array.cast(pa.timestamp("us"), safe=False).to_numpy(zero_copy_only=False))
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return np.asarray(array.to_numpy(zero_copy_only=False))
    raise InputError(
        f"Column {name!r} holds {kind}, such as {array[0].as_py()!r}, where times are needed; turn it into "
        f'times first (in pandas: df["{name}"] = pd.to_datetime(df["{name}"])).'
    )


def _moment(moment: Any, values: AnyArray, name: str) -> Any:
    """Return one point in time in the kind of the values."""
    try:
        if values.dtype.kind != "M":
            return float(moment)
        if isinstance(moment, int | float):
            raise ValueError
        if getattr(moment, "tzinfo", None) is not None:
            moment = moment.astimezone(datetime.UTC).replace(tzinfo=None)
        read = np.datetime64(moment, "us")
        if np.isnat(read):
            raise ValueError
        return read
    except (TypeError, ValueError):
        what = (
            "a time; write it as '2004-01-31'" if values.dtype.kind == "M" else "a number, as the column is"
        )
        raise InputError(f"The point in time {moment!r} for column {name!r} is not {what}.") from None


def _codes(values: Any, name: str) -> tuple[IntArray, list[Any]]:
    """Return the rank of each row's value among the distinct values, and those values in order."""
    encoded = _valid(values, name).dictionary_encode()
    if pa.types.is_dictionary(encoded.dictionary.type):
        encoded = encoded.dictionary_decode().dictionary_decode().dictionary_encode()
    order = pc.sort_indices(encoded.dictionary).to_numpy()
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return rank[encoded.indices.to_numpy()], encoded.dictionary.take(order).to_pylist()


def _fraction(fraction: float) -> float:
    if not 0 < fraction < 1:
        raise InputError(f"fraction={fraction!r} is not between 0 and 1; 0.2 holds out a fifth.")
    return float(fraction)


def _parts(later: BoolArray) -> Split:
    return Split(np.flatnonzero(~later), np.flatnonzero(later))
