"""Pictures of scores of markets, of the real S&P 500 with exponentially weighted forecasts."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from typing import Any

import numpy as np
import pytest

from bezant.metrics.market import coverage_by, volatility_regimes
from bezant.reports import market_scores
from bezant.reports.canvas import line_styles
from bezant.reports.palette import EVENT, GOOD
from bezant.types import InputError
from market_files import ewma_variance, sp500

MODELS = ("bezant", "GARCH-t", "random walk")
STYLES = line_styles(MODELS, MODELS[0])
RETURNS = sp500().to_numpy()[-1500:]
SD = np.sqrt(ewma_variance(sp500().to_numpy()))[-1500:]
TASKS = ("S&P 500 variance, QLIKE", "20 stocks, pinball")


def coverages() -> dict[str, Any]:
    regime = volatility_regimes(SD)
    return {
        model: coverage_by(RETURNS, -k * SD, k * SD, regime)
        for model, k in zip(MODELS, (1.645, 1.8, 2.0), strict=True)
    }


def drawn(name: str) -> str:
    if name == "coverage":
        return market_scores.coverage_by_group(coverages(), 0.9, styles=STYLES)
    ratios = np.array([[0.9, np.nan], [1.0, 1.0], [1.1, 0.95]])
    return market_scores.score_table(
        TASKS, MODELS, ratios, kept=ratios < 0.96, styles=STYLES, baseline="GARCH-t"
    )


@pytest.mark.parametrize("name", ["coverage", "scores"])
def test_a_picture_is_well_formed_small_named_and_always_the_same(name: str) -> None:
    svg = drawn(name)
    root = ElementTree.fromstring(svg)
    assert root.attrib["aria-label"] and "viewBox" in root.attrib
    assert len(svg) < 30_000
    assert drawn(name) == svg


def test_coverage_names_groups_models_and_what_is_promised() -> None:
    svg = drawn("coverage")
    for text in ("calm", "middling", "stormy", ">all<", *MODELS, "days within the 90% band"):
        assert text in svg


def test_the_best_score_of_each_task_is_bold_and_the_kept_are_dotted() -> None:
    svg = drawn("scores")
    assert re.findall(r"<text [^>]*font-weight: 700[^>]*>([^<]*)", svg) == ["bezant", "0.900", "0.950"]
    assert "1.100" in svg and ">–<" in svg
    plain = market_scores.score_table(
        TASKS, MODELS, np.ones((3, 2)), kept=np.zeros((3, 2), bool), styles=STYLES, baseline="GARCH-t"
    )
    assert svg.count("<use") == 2 and plain.count("<use") == 0  # a dot for each kept model
    assert "below 1 is better" in svg


def test_scores_and_coverages_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="3 models and 2 tasks"):
        market_scores.score_table(TASKS, MODELS, [[1.0]], kept=[[True]], styles=STYLES, baseline="x")
    other = {**coverages(), "GARCH-t": coverage_by([1.0], [0.0], [2.0], ["x"])}
    with pytest.raises(InputError, match="different groups"):
        market_scores.coverage_by_group(other, 0.9, styles=STYLES)


def test_a_model_that_beats_the_baseline_is_green_and_one_that_loses_red() -> None:
    def fills(ratio: float) -> set[str]:
        svg = market_scores.score_table(
            TASKS[:1], MODELS[:1], [[ratio]], kept=[[False]], styles=STYLES, baseline="x"
        )
        return {color for color in (GOOD, EVENT) if f"fill: {color}" in svg}

    assert [fills(ratio) for ratio in (0.9, 1.1)] == [{GOOD}, {EVENT}]
