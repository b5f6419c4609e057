"""Out-of-time: learn before a moment, judge from it on."""

from __future__ import annotations

from typing import Any

import numpy as np

from bezant.schema import unknown_column
from bezant.splits.reading import read_moment, read_times
from bezant.splits.split import Split, eager, parts, sound_fraction, take
from bezant.types import Frame, InputError


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
    rows = eager(frame)
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
    values = read_times(times, name)
    if (cutoff is None) == (fraction is None):
        raise InputError(f"Give either cutoff= or fraction= to split column {name!r} in time, and not both.")
    if fraction is not None:
        held = max(1, round(sound_fraction(fraction) * len(values)))
        start = np.partition(values, len(values) - held)[len(values) - held]
    else:
        start = read_moment(cutoff, values, name)
    later = values >= start
    if later.all() or not later.any():
        raise InputError(
            f"Column {name!r} runs from {_shown(values.min())} to {_shown(values.max())}, so a cutoff at "
            f"{_shown(start)} leaves "
            f"no rows {'before' if later.all() else 'at or after'} it; choose one in between."
        )
    return parts(later)


def _shown(moment: Any) -> str:
    """Return a time without the midnight that nobody wrote."""
    return str(moment).removesuffix("T00:00:00.000000")
