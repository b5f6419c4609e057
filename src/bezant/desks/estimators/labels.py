"""The outcome column: any two labels in, 0 and 1 out, and one clear sentence for anything else."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pyarrow as pa

from bezant.histories import read_table
from bezant.types import AnyArray, BoolArray, FloatArray, InputError


def read_labels(y: Any, rows: int) -> AnyArray:
    """Return the outcomes as an array of shape (n,): numbers, truth values or texts.

    Raises
    ------
    InputError
        If some are missing, infinite, or there are not as many as rows.
    """
    values = label_values(y)
    if len(values) != rows:
        raise InputError(
            f"The target has {len(values)} values for {rows} rows; give one for each, in the same order."
        )
    refuse_missing_labels(int(missing_labels(values).sum()), rows)
    return values


def refuse_missing_labels(missing: int, rows: int) -> None:
    """Raise an InputError if any outcomes are missing."""
    if missing:
        raise InputError(
            f"The target is missing (NaN, infinity or empty) in {missing} of {rows} rows; leave those rows "
            "out: a model can only learn from known outcomes."
        )


def two_classes(values: AnyArray, event: Any = None) -> AnyArray:
    """Return the two labels: first the other one, then the event.

    Parameters
    ----------
    values : array of shape (n,)
    event : label, optional
        The last in order if not given.

    Raises
    ------
    InputError
        If there is only one label, or more than two, or none of them is the event.
    """
    return classes_among(np.unique(values), len(values), event)


def classes_among(classes: AnyArray, rows: int, event: Any = None) -> AnyArray:
    """Return what :func:`two_classes` does, from the different labels of so many rows, in order."""
    if len(classes) == 1:
        raise InputError(
            f"All {rows} rows of the target belong to one class, {quoted(classes[0])}; a model "
            "needs rows of both, so add rows with the other outcome."
        )
    if len(classes) != 2:
        shown = ", ".join(quoted(c) for c in classes[:5]) + (", ..." if len(classes) > 5 else "")
        raise InputError(
            "Only binary classification is supported. The type of the target is "
            f"{_kind_of_target(classes)}: it has {len(classes)} different values ({shown}) in {rows} "
            "rows; make it 0 and 1, where 1 is the event such as default."
        )
    if event is None:
        return classes
    if event not in classes.tolist():
        raise InputError(
            f"The event {quoted(event)} is none of the labels {quoted(classes[0])} and {quoted(classes[1])} "
            f"in the {rows} rows of the target; name one of them."
        )
    return classes if classes[1] == event else classes[::-1]


def _kind_of_target(values: AnyArray) -> str:
    numeric = np.issubdtype(values.dtype, np.floating)
    return "continuous" if numeric and np.any(values != np.floor(values)) else "multiclass"


def as_events(values: AnyArray, classes: AnyArray) -> FloatArray:
    """Return 1.0 where a row has the last of two classes, else 0.0.

    Raises
    ------
    InputError
        If a value is neither of the two.
    """
    strange = ~np.isin(values, classes)
    if strange.any():
        raise InputError(
            f"The target holds {quoted(values[strange][0])} in {int(strange.sum())} of {len(values)} rows, "
            f"but the model was fitted to {quoted(classes[0])} and {quoted(classes[1])}; recode those rows."
        )
    return np.asarray(values == classes[-1], np.float64)


def event_note(classes: AnyArray) -> tuple[str, ...]:
    """Say which label is the event, unless that goes without saying."""
    if list(classes) in ([0, 1], [False, True]):
        return ()
    return (f"The event is the label {quoted(classes[1])}; {quoted(classes[0])} is its absence.",)


def quoted(label: Any) -> str:
    """Return a label as it would be typed: 'Y' and not np.str_('Y')."""
    return repr(label.item() if isinstance(label, np.generic) else label)


def label_values(y: Any) -> AnyArray:
    """Return a column of outcomes as an array (n,), missing ones too."""
    if isinstance(y, pa.Array):
        y = pa.chunked_array([y])  # whose texts and booleans become NumPy's too
    if hasattr(y, "to_numpy"):
        values = np.asarray(y.to_numpy())
    elif isinstance(y, list | tuple) or hasattr(y, "__array__"):
        values = np.asarray(y)
    else:
        values = np.asarray(read_table({"y": y})["y"].to_numpy())
    if values.ndim == 2 and values.shape[1] == 1:
        values = _ravelled(values)
    if values.ndim != 1:
        raise InputError(f"The target must be one column of values, not an array of shape {values.shape}.")
    if values.dtype == object:
        nothing = getattr(sys.modules.get("pandas"), "NA", None)  # neither equal to itself nor unequal
        values = np.array([None if v is nothing else v for v in values], dtype=object)
        kept = [v for v in values if v is not None and v == v]
        if kept and all(isinstance(v, bool | int | float | np.number) for v in kept):
            return values.astype(np.float64)
    return values


def _ravelled(values: AnyArray) -> AnyArray:
    import warnings

    from sklearn.exceptions import DataConversionWarning

    warnings.warn(
        "A column-vector y was passed when a 1d array was expected. Please change the shape of y to "
        "(n_samples,), for example using ravel().",
        DataConversionWarning,
        stacklevel=5,
    )
    return values.ravel()


def missing_labels(values: AnyArray) -> BoolArray:
    """Tell which outcomes (n,) are missing."""
    if np.issubdtype(values.dtype, np.floating):
        return ~np.isfinite(values)
    if values.dtype == object:
        return np.array([v is None or v != v or v == "" for v in values], bool)
    return np.zeros(len(values), bool)


def read_fractions(y: Any, rows: int) -> FloatArray:
    """Return fractions as float64 of shape (n,), or say in one sentence what is wrong with them."""
    values = read_labels(y, rows)
    try:
        lost = np.asarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"The target does not hold numbers ({error}); give the fraction lost.") from error
    outside = lost[(lost < 0) | (lost > 1)]
    if len(outside):
        raise InputError(
            f"The target lies outside 0 to 1 in {len(outside)} of {rows} rows, such as {outside[0]:g}; give "
            "the loss as a fraction of the exposure, cut off at 0 and 1."
        )
    return lost


def read_events(y: Any, rows: int) -> FloatArray:
    """Return defaults as 1.0 and others as 0.0, shape (n,); nothing but 0, 1, False and True is taken."""
    values = read_labels(y, rows)
    sound = np.isin(values, (0, 1)) if values.dtype.kind in "biuf" else np.zeros(rows, bool)
    if not sound.all():
        raise InputError(
            f"default holds {quoted(values[~sound][0])}, neither 0 nor 1, in {int((~sound).sum())} of {rows} "
            "rows; give 1 or True for a default and 0 or False for none."
        )
    return values.astype(np.float64)


def read_losses(y: Any, events: FloatArray) -> FloatArray:
    """Return fractions lost, shape (n,), as :func:`read_fractions` does; 0 where there was no default.

    Without a default nothing was lost, and tables often leave the place empty: what stands there is not read.
    """
    values = label_values(y).copy()
    if len(values) == len(events):  # else read_fractions says how many there are
        values[events == 0] = 0
    return read_fractions(values, len(events))
