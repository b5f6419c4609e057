"""Words that sentences, tables and pictures of markets share."""

from __future__ import annotations

import math

import pytest

from bezant.evidence.markets.words import bars_in_words, signed


@pytest.mark.parametrize(
    ("value", "spec", "text"),
    [
        (0.0123, ".1%", "+1.2%"),
        (-0.0123, ".1%", "-1.2%"),
        (0.0004, ".1%", "0.0%"),
        (-0.0, ".3f", "0.000"),
        (-0.0004, ".3f", "0.000"),
        (math.nan, ".3f", "nan"),
    ],
)
def test_what_rounds_to_nothing_has_no_sign(value: float, spec: str, text: str) -> None:
    assert signed(value, spec) == text


def test_one_bar_is_not_called_many() -> None:
    assert (bars_in_words(1), bars_in_words(5)) == ("1 bar", "5 bars")
