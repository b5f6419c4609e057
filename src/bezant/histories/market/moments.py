"""A moment of a market as somebody gives it."""

from __future__ import annotations

from typing import Any

import numpy as np

from bezant.types import InputError


def read_moment(given: Any, name: str) -> np.datetime64:
    """Return a date, a datetime or a text such as ``2013-01-31 17:30`` in microseconds.

    Parameters
    ----------
    given : date, datetime, datetime64 or text
    name : str
        Of the argument or the option, for the error.

    Raises
    ------
    InputError
        If it is no moment.
    """
    try:
        text = given.strip().replace(" ", "T", 1) if isinstance(given, str) else given
        found = np.datetime64(text, "us")
    except (TypeError, ValueError):
        found = np.datetime64("NaT", "us")
    if np.isnat(found):
        raise InputError(f"{name} is a time such as '2013-01-31' or '2013-01-31 17:30', not {given!r}.")
    return found
