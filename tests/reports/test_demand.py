"""Pictures of expected and observed demand."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable

import numpy as np
import pytest

from bezant.evidence.demand import Outlook, evaluate_demand
from bezant.evidence.demand_curves import GroupedDemand
from bezant.reports import demand
from bezant.reports.canvas import line_styles


def judged():
    rng = np.random.default_rng(0)
    rate = rng.gamma(0.6, 1.5, 300)
    count = rng.poisson(rate).astype(float)
    expected = {
        "bezant": Outlook(rate, rate * 20, -np.expm1(-rate)),
        "BG/NBD": Outlook(np.full(300, 0.9), np.full(300, 18.0), np.full(300, 0.4)),
    }
    first = np.datetime64("2020-01-01") + rng.integers(0, 90, 300).astype("timedelta64[D]")
    happened = Outlook(count, count * 20, (count > 0).astype(float))
    return evaluate_demand(happened, expected, large="bezant", first=first)


JUDGED, STYLES = judged(), line_styles(["bezant", "BG/NBD"], "bezant")
CURVES = JUDGED.curves
ERRORS = {"purchases": {model: JUDGED.figures[model]["total_error"] for model in STYLES}}

PICTURES: dict[str, Callable[[], str]] = {
    "cohorts": lambda: demand.by_cohort(CURVES.cohorts, styles=STYLES),
    "tenths": lambda: demand.by_tenth(CURVES.purchases, large="bezant", what="purchases a customer"),
    "active": lambda: demand.by_tenth(CURVES.active, large="bezant", what="share that buys", share=True),
    "lift": lambda: demand.lift(CURVES.lift["active"], styles=STYLES, what="buy at all"),
    "totals": lambda: demand.totals(ERRORS, styles=STYLES),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_well_formed_small_named_and_always_the_same(name):
    svg = PICTURES[name]()
    root = ElementTree.fromstring(svg)
    assert root.attrib["aria-label"] and "viewBox" in root.attrib
    assert len(svg) < 60_000
    assert PICTURES[name]() == svg


def test_the_key_of_a_lift_tells_it_at_the_top_tenth():
    assert f">{CURVES.lift['active']['bezant'][3]:.2f}  bezant<" in PICTURES["lift"]()
    assert ">1.00  BG/NBD<" in PICTURES["lift"]()


def test_totals_tell_their_errors():
    svg = PICTURES["totals"]()
    for model in STYLES:
        assert f">{JUDGED.figures[model]['total_error'].value:+.1%}<".replace("-", "-") in svg


def test_a_group_of_few_customers_does_not_set_the_scale():
    low, high = (0.0, 0.0), (1.1, 90.0)
    groups = GroupedDemand(("a", "b"), (500, 2), (1.0, 2.0), low, high, {"bezant": (1.0, 1.0)})
    svg = demand.by_tenth(groups, large="bezant", what="purchases")
    assert ">2<" in svg.replace("2.0", "2") and ">50<" not in svg
