"""What several pictures share."""

from __future__ import annotations

import re

import numpy as np
import pytest

from bezant.reports.canvas import canvas
from bezant.reports.parts import percent


@pytest.mark.parametrize(
    ("step", "printed"),
    [(0.02, ["0%", "2%", "4%"]), (0.025, ["0.0%", "2.5%", "5.0%"]), (0.0025, ["0.00%", "0.25%", "0.50%"])],
)
def test_a_tick_is_printed_with_the_decimals_it_has(step: float, printed: list[str]) -> None:
    with canvas("ticks", "Ticks") as picture:
        axes = picture.axes()
        axes.set_ylim(0, 2 * step)
        axes.set_yticks(step * np.arange(3))
        percent(axes, "y")
    assert re.findall(r">([\d.]+%)</text>", picture.svg) == printed
