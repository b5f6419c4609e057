"""Which rows of a walk forward are judged in a year, and which teach before it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bezant.desks.estimators.labels import as_events, read_labels, two_classes
from bezant.desks.estimators.record import data_hash
from bezant.histories import read_table
from bezant.schema import Role, infer_schema, unknown_column
from bezant.types import AnyArray, FloatArray, Frame, InputError, IntArray


@dataclass(frozen=True)
class Calendar:
    """How years and what is known in them are counted.

    Parameters
    ----------
    year_begins : int
        Month in which a year begins, 1 to 12; from 2 on the year is called after the one in which it ends.
    outcome_lag : int
        Months after which an outcome is known.
    window : int, optional
        Years back from which rows teach; all if not given.
    most_rows : int, optional
        At most this many rows teach.

    Raises
    ------
    InputError
        If one of them is out of range.
    """

    year_begins: int = 1
    outcome_lag: int = 0
    window: int | None = None
    most_rows: int | None = None

    def __post_init__(self) -> None:
        ranges = {
            "year_begins": (1, 12),
            "outcome_lag": (0, None),
            "window": (1, None),
            "most_rows": (2, None),
        }
        for name, (least, most) in ranges.items():
            given = getattr(self, name)
            if given is None and name in ("window", "most_rows"):
                continue
            whole = isinstance(given, int) and not isinstance(given, bool)
            if not whole or given < least or (most is not None and given > most):
                upto = "" if most is None else f" to {most}"
                raise InputError(f"{name} is a whole number from {least}{upto}, not {given!r}.")

    def start(self, year: int) -> np.datetime64:
        """Return the month in which a year begins."""
        return np.datetime64(f"{year - (self.year_begins > 1):04d}-{self.year_begins:02d}", "M")

    def cut(self, year: int) -> np.datetime64:
        """Return the moment before which rows have a known outcome when the year begins."""
        return self.start(year) - np.timedelta64(self.outcome_lag, "M")


@dataclass(frozen=True)
class WalkRows:
    """All rows in the order of time, and who may know which of them when.

    Attributes
    ----------
    table : pyarrow.Table of n rows
        Inputs and ordering time.
    labels : array, shape (n,)
        Outcomes as they were given.
    events : float64 array, shape (n,)
        The same as 0 and 1.
    times : datetime64[us] array, shape (n,)
        Rising.
    draws : float64 array, shape (n,)
        Each row's number in the lottery; the smallest of those known are drawn.
    calendar : Calendar
    """

    table: pa.Table
    labels: AnyArray
    events: FloatArray
    times: npt.NDArray[np.datetime64]
    draws: FloatArray
    calendar: Calendar

    @classmethod
    def of(cls, X: Frame, y: Any, time: str, event: Any, calendar: Calendar, seed: int) -> WalkRows:
        """Read rows and put them in order.

        Raises
        ------
        InputError
            If the column of times is not there or has gaps, or there are not two labels.
        """
        table = read_table(X)
        if time not in table.column_names:
            raise unknown_column(time, table.column_names)
        labels = read_labels(y, table.num_rows)
        schema = infer_schema(table.select([time]), time=time).select(Role.TIME)
        times = schema.conform(table.select([time])).table[time].to_numpy()
        if missing := int(np.isnat(times).sum()):
            raise InputError(
                f"Column {time!r} is missing in {missing} of {len(times)} rows; leave those out."
            )
        order = np.argsort(times, kind="stable")
        labels = labels[order]
        events = as_events(labels, two_classes(labels, event))
        # One draw a row in the order of time: rows that come later change no earlier draw.
        draws = np.random.default_rng(seed).random(len(order))
        return cls(table.take(order), labels, events, times[order].astype("datetime64[us]"), draws, calendar)

    def identity(self) -> dict[str, Any]:
        """Return what tells this walk from others."""
        return {"sha256": data_hash(self.table, self.events), **asdict(self.calendar)}

    def part(self, rows: IntArray) -> tuple[pa.Table, AnyArray]:
        """Return some rows and their labels."""
        return self.table.take(rows), self.labels[rows]

    def judged(self, year: int) -> IntArray:
        """Return the rows of a year."""
        return self._between(self.calendar.start(year), self.calendar.start(year + 1))

    def known(self, year: int) -> IntArray:
        """Return the rows whose outcomes are known when a year begins, as far back as the window."""
        window = self.calendar.window
        begin = None if window is None else self.calendar.cut(year - window)
        return self._between(begin, self.calendar.cut(year))

    def fresh(self, year: int) -> IntArray:
        """Return the rows whose outcomes became known in the year before."""
        return self._between(self.calendar.cut(year - 1), self.calendar.cut(year))

    def to_fit(self, year: int) -> IntArray:
        """Return a draw of the known rows."""
        return self._drawn(self.known(year), self.calendar.most_rows)

    def to_update(self, year: int) -> IntArray:
        """Return fresh rows, and older ones up to as many as a fit would take.

        Half of a draw are fresh rows, so that they count for more than in :meth:`to_fit`; the older half
        keeps the network from forgetting.
        """
        fresh = self.fresh(year)
        older = np.setdiff1d(self.known(year), fresh)
        most = self.calendar.most_rows
        new = self._drawn(fresh, None if most is None else most // 2)
        return np.union1d(new, self._drawn(older, len(new)))

    def to_recalibrate(self, year: int) -> IntArray:
        """Return a draw of the fresh rows."""
        return self._drawn(self.fresh(year), self.calendar.most_rows)

    def refuse_empty(self, first: int, last: int) -> None:
        """Raise an InputError if a year has no rows to judge or the first none to learn from."""
        for year in range(first, last + 1):
            if not len(self.judged(year)):
                raise InputError(
                    f"No row is of the year {year}; choose first and last within the rows' years."
                )
        if not len(self.known(first)):
            raise InputError(f"No outcome is known before the year {first}; begin with a later one.")

    def _between(self, begin: np.datetime64 | None, end: np.datetime64) -> IntArray:
        left = 0 if begin is None else np.searchsorted(self.times, begin.astype("datetime64[us]"))
        return np.arange(left, np.searchsorted(self.times, end.astype("datetime64[us]")))

    def _drawn(self, rows: IntArray, most: int | None) -> IntArray:
        if most is None or len(rows) <= most:
            return rows
        return np.sort(rows[np.argsort(self.draws[rows], kind="stable")[:most]])
