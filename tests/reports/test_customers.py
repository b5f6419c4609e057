"""Pictures of customers and their groups."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable

import numpy as np
import pytest

from bezant.reports import customers
from bezant.types import InputError

CUT, END = np.datetime64("2025-07-01"), np.datetime64("2026-01-01")


def line(**more) -> customers.PurchaseLine:
    days = np.array(["2025-01-03", "2025-03-01"], "datetime64[D]")
    usual = {"customer": "c1", "day": days, "amount": np.array([5.0, 20.0]), "count": 1.25, "active": 0.62}
    return customers.PurchaseLine(**{**usual, **more})


CAME = {"later_day": np.array(["2025-09-01"], "datetime64[D]"), "later_amount": np.array([8.0])}
NONE = {"later_day": np.array([], "datetime64[D]"), "later_amount": np.array([])}
PLACES = (
    np.array([5.0, 30.0, 30.0]),
    np.array([4.0, 1.0, 1.0]),
    np.array([10, 60, 30]),
    np.array([3.0, 0.2, 0.1]),
)

PICTURES: dict[str, Callable[[], str]] = {
    "map": lambda: customers.segment_map(*PLACES),
    "map of one": lambda: customers.segment_map(*(part[:1] for part in PLACES)),
    "shares": lambda: customers.segment_shares(PLACES[2], PLACES[3]),
    "lines": lambda: customers.purchase_lines([line(), line(customer="c2")], CUT, END),
    "what came": lambda: customers.purchase_lines([line(spend=31.0, **CAME), line(**NONE)], CUT, END),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_well_formed_small_named_and_always_the_same(name):
    svg = PICTURES[name]()
    root = ElementTree.fromstring(svg)
    assert root.attrib["aria-label"] and "viewBox" in root.attrib
    assert len(svg) < 40_000
    assert PICTURES[name]() == svg


def test_groups_that_would_hide_each_other_are_moved_apart_and_others_are_not():
    places, radius = np.array([[0.0, 0.0], [0.0, 0.0], [5.0, 5.0]]), np.array([0.3, 0.2, 0.3])
    found = customers._apart(places, radius)
    assert np.hypot(*(found[0] - found[1])) >= 0.9 * 0.5 - 1e-9
    np.testing.assert_array_equal(found[2], places[2])


def test_what_is_expected_and_what_came_are_written():
    plain, known = PICTURES["lines"](), PICTURES["what came"]()
    assert ">62%<" in plain and ">1.25<" in plain and ">came<" not in plain and ">spend<" not in plain
    assert ">31<" in known and ">came<" in known and ">1<" in known and ">0<" in known


def test_each_groups_part_of_the_purchases_is_written():
    assert "67%" in PICTURES["shares"]()  # 10 x 3.0 of 10 x 3.0 + 60 x 0.2 + 30 x 0.1


def test_days_need_an_amount_each():
    with pytest.raises(InputError, match="an amount each"):
        line(amount=np.ones(3))
    with pytest.raises(InputError, match="an amount each"):
        line(later_day=CAME["later_day"])
