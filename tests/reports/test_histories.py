"""Pictures of a model of histories."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable

import numpy as np
import pytest

from bezant.reports import histories
from bezant.types import InputError

TIME = np.datetime64("2025-01-01") + np.arange(5).astype("timedelta64[W]")
LINE = histories.SurpriseLine("c1", TIME, np.array([1.0, 2.0, 9.0, 1.0, 0.5]), ("a", "b", "gap", "a", "a"))

PICTURES: dict[str, Callable[[], str]] = {
    "learning": lambda: histories.learning(
        [1, 2, 3], {"training": [3.0, 2, 1], "held out": [2.0, 1, 1.5]}, 2
    ),
    "one epoch": lambda: histories.learning([1], {"training": [3.0]}, 1),
    "spread": lambda: histories.spread(np.random.default_rng(0).gamma(3.0, 1.0, 500), 8.0),
    "no spread": lambda: histories.spread(np.ones(4), 1.0),
    "lines": lambda: histories.surprise_lines([LINE, LINE], 5.0),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_well_formed_small_named_and_always_the_same(name):
    svg = PICTURES[name]()
    root = ElementTree.fromstring(svg)
    assert root.attrib["aria-label"] and "viewBox" in root.attrib
    assert len(svg) < 40_000
    assert PICTURES[name]() == svg


def test_the_greatest_surprise_is_named_with_its_field():
    svg = histories.surprise_lines([LINE], 5.0)
    assert "9.0: gap" in svg and "2.0: b" not in svg


def test_records_need_a_surprise_each():
    with pytest.raises(InputError, match="c1"):
        histories.SurpriseLine("c1", TIME, np.ones(4), ("a",) * 5)
