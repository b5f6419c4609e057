"""Pictures of recommendations: well-formed, small, named, and about what they are given."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable

import numpy as np
import pytest

from bezant.evidence.rankings import judge_rankings
from bezant.reports import products
from bezant.reports.canvas import line_styles
from bezant.types import InputError


def curves():
    rng = np.random.default_rng(0)
    taken = rng.integers(0, 150, 60)
    good = rng.random((60, 150))
    good[np.arange(60), taken] += 0.6
    scores = {"bezant": good, "Popularity": np.tile(rng.random(150), (60, 1))}
    return judge_rankings(scores, taken, np.ones((60, 150), bool), "bezant").curves


CURVES, STYLES = curves(), line_styles(["bezant", "Popularity"], "bezant")


def said(records: int = 12, days: bool = True, **more) -> products.Expected:
    usual = {
        "customer": "c1",
        "records": tuple(f"record {i}" for i in range(records)),
        "days": tuple(19_000 + 0.3 * i for i in range(records)) if days else (),
        "products": ("first", "second", "third"),
        "probabilities": (0.5, 0.2, 0.1),
        "reasons": ((0, records - 1, 2.0), (1, 0, 0.5)) if records else (),
    }
    return products.Expected(**{**usual, **more})


PICTURES: dict[str, Callable[[], str]] = {
    "hits": lambda: products.hits_by_length(CURVES, styles=STYLES, large="bezant"),
    "coverage": lambda: products.coverage_by_length(CURVES, styles=STYLES),
    "most": lambda: products.recommended_and_taken(
        ["a", "b"], np.array([0.4, 0.1]), np.array([0.2, 0.5]), np.array([7, 1])
    ),
    "reach": lambda: products.reach(np.arange(300), np.arange(300) ** 2),
    "next": lambda: products.expected_next(said()),
    "next of a set": lambda: products.expected_next(said(3, days=False)),
    "next of a stranger": lambda: products.expected_next(said(0)),
    "next of nothing": lambda: products.expected_next(said(products=(), probabilities=(), reasons=())),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_well_formed_small_named_and_always_the_same(name):
    svg = PICTURES[name]()
    root = ElementTree.fromstring(svg)
    assert root.attrib["aria-label"] and "viewBox" in root.attrib
    assert len(svg) < 60_000
    assert PICTURES[name]() == svg


def test_the_records_that_led_somewhere_are_written_out_and_the_latest():
    svg = products.expected_next(said())
    shown = [i for i in range(12) if f">record {i}<" in svg]
    assert shown == [0, 5, 6, 7, 8, 9, 10, 11]
    assert "all 12 records" in svg and "2022-01-08" in svg
    assert ">50.0%<" in svg and ">first<" in svg


def test_a_short_history_has_no_strip_and_a_set_no_dates():
    assert "all 8 records" not in products.expected_next(said(8))
    assert "2022" not in products.expected_next(said(9, days=False))


def test_the_share_of_the_most_taken_tenth_is_written():
    taken = np.concatenate([np.full(10, 9), np.full(90, 1)])
    recommended = np.concatenate([np.full(10, 1), np.full(90, 1)])
    svg = products.reach(taken, recommended)
    assert "taken: 50% by the most taken tenth" in svg
    assert "in lists: 10% by the most taken tenth" in svg


def test_parts_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="a day each"):
        said(days=True, records=3, reasons=(), products=("a",))
