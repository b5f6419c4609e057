"""A moment as somebody gives it."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from bezant.types import InputError

DATED = re.compile(r"\d{4}(-\d\d(-\d\d([T ][\d:.]+)?)?)?$")
"""A year, a month, a day, or a time of one."""


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
        If it is no moment, or says its zone, which the times it is compared with do not.
    """
    text = str(given).strip().replace(" ", "T", 1)
    try:
        # Without this "-1" and "20010901" were years, before Christ and in twenty million years.
        found: np.datetime64 = np.datetime64(text if DATED.match(text) else "NaT", "us")
    except ValueError:
        found = np.datetime64("NaT", "us")
    if np.isnat(found):
        raise InputError(f"{name} is a time such as '2013-01-31' or '2013-01-31 17:30', not {given!r}.")
    return found
