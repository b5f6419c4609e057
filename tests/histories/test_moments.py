"""Moments as they are given."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import numpy as np
import pytest

from bezant.histories.moments import read_moment
from bezant.types import InputError


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("2013-01-31", "2013-01-31"),
        (" 2013-01-31 17:30 ", "2013-01-31T17:30"),
        ("2013-01-31T17:30", "2013-01-31T17:30"),
        (date(2013, 1, 31), "2013-01-31"),
        (datetime(2013, 1, 31, 17, 30), "2013-01-31T17:30"),
        (np.datetime64("2013-01", "M"), "2013-01-01"),
    ],
)
def test_dates_datetimes_and_texts_are_moments(given: Any, read: str) -> None:
    found = read_moment(given, "first_origin")
    assert found == np.datetime64(read) and found.dtype == np.dtype("M8[us]")


@pytest.mark.parametrize(
    "given", ["soon", "NaT", "", "31.1.2013", 1.5, [1], "-1", -1, "20130131", "2013-01-31T10+02:00"]
)
def test_what_is_no_moment_is_refused_by_the_name_it_was_given_under(given: Any) -> None:
    with pytest.raises(InputError, match=r"^--first-origin is a time such as '2013-01-31'"):
        read_moment(given, "--first-origin")
