"""The picture of a walk forward holds a line a policy in both panels, and is the same every time."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass

from bezant.reports.drift import drift_picture
from bezant.reports.palette import LARGE


@dataclass(frozen=True)
class Figure:
    year: int
    policy: str
    auc: float
    observed: float
    predicted: float


FIGURES = [
    Figure(year, policy, 0.6 + 0.01 * i, 0.05, 0.04 + 0.01 * i)
    for year in range(2000, 2004)
    for i, policy in enumerate(("frozen", "updated", "boosting"))
]


def test_each_policy_is_named_and_drawn_twice() -> None:
    svg = drift_picture(FIGURES, {"frozen": "left <as> is"})
    ET.fromstring(svg)
    for name in ("left &lt;as&gt; is", "updated", "boosting"):
        assert svg.count(f">{name}<") == 2  # beside each line
    assert svg.count(">observed<") == 1
    assert svg.count(f"stroke: {LARGE}") == 2
    assert "2000 to 2003, of 3 policies" in svg


def test_the_same_figures_give_the_same_picture() -> None:
    assert drift_picture(FIGURES, {}) == drift_picture(FIGURES, {})
