from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from bezant.metrics.curves import ks_curve, reliability_curve, roc_curve, score_histogram
from bezant.reports import figures
from bezant.reports.canvas import DASHES, canvas, line_styles, short, strong_model
from bezant.reports.palette import LARGE, PEERS

NAMES = ("bezant small", "scorecard", "LightGBM")
STYLES = line_styles(NAMES, NAMES[0])
RNG = np.random.default_rng(0)
P = RNG.beta(1.5, 6, 3_000)
Y = (RNG.random(3_000) < P).astype(int)


def drawn(name: str) -> str:
    if name == "roc":
        return figures.roc({n: roc_curve(Y, P) for n in NAMES}, dict.fromkeys(NAMES, 0.7), styles=STYLES)
    if name == "reliability":
        curve = reliability_curve(Y, P)
        return figures.reliability(curve, score_histogram(Y, P), styles=STYLES, peer=(NAMES[1], curve))
    if name == "period":
        rates = np.array([0.1, 0.2])
        predicted = dict.fromkeys(NAMES, rates)
        return figures.default_rate_by_period(
            ["2004", "2005"], rates, rates - 0.01, rates + 0.01, predicted, styles=STYLES
        )
    if name == "headline":
        return figures.headline(dict.fromkeys(NAMES, (0.7, 0.69, 0.71)), styles=STYLES, label="AUC")
    if name == "ks":
        return figures.ks(ks_curve(Y, P), large=NAMES[0])
    if name == "scores":
        return figures.score_distribution(score_histogram(Y, P), large=NAMES[0])
    if name == "importance":
        values = np.array([0.1, 0.02])
        return figures.importance(["Bank", "State"], values, values - 0.01, values + 0.01)
    losses = np.array([0.5, 0.4, 0.45])
    return figures.learning(np.arange(1, 4), losses, losses, 1 - losses, 2)


ALL = ("roc", "reliability", "period", "headline", "ks", "scores", "importance", "learning")


@pytest.mark.parametrize("name", ALL)
def test_a_picture_is_well_formed_small_named_and_always_the_same(name):
    svg = drawn(name)
    root = ElementTree.fromstring(svg)
    assert root.attrib["aria-label"]
    assert "viewBox" in root.attrib
    assert "width" not in root.attrib
    assert len(svg) < 60_000
    assert drawn(name) == svg


@pytest.mark.parametrize("name", ALL)
def test_a_picture_names_no_font_no_date_and_no_maker(name):
    svg = drawn(name)
    assert "font-family" not in svg
    assert "metadata" not in svg
    assert "matplotlib.org" not in svg


def test_text_stays_text():
    assert "bezant small" in "".join(ElementTree.fromstring(drawn("headline")).itertext())


def test_numbers_in_text_keep_their_digits():
    with canvas("test", "test") as picture:
        picture.axes().text(0.5, 0.5, 'id="a" 0.123456 font-family: x;')
    assert 'id="a" 0.123456 font-family: x;' in "".join(ElementTree.fromstring(picture.svg).itertext())


def test_a_model_looks_the_same_in_every_picture_and_no_two_alike():
    styles = line_styles(("a", "big", "b", "c", "d", "e"), "big")
    assert strong_model(styles) == "big"
    assert styles["big"].color == LARGE
    assert styles["a"] == line_styles(("big", "a", "b"), "big")["a"]
    assert len({(s.color, str(s.linestyle)) for s in styles.values()}) == 6
    many = line_styles([f"model {i}" for i in range(12)], "model 0")
    assert len({(s.color, str(s.linestyle)) for s in many.values()}) == 12
    assert LARGE not in PEERS
    assert len(DASHES) == len(PEERS)


def test_the_headline_prints_each_value():
    text = "".join(ElementTree.fromstring(drawn("headline")).itertext())
    assert text.count("0.700") >= len(NAMES)


def test_one_period_one_epoch_and_missing_predictions_can_be_drawn():
    one = np.array([0.1])
    predicted = {NAMES[0]: one, NAMES[1]: np.array([math.nan])}
    svg = figures.default_rate_by_period(["2004"], one, one, one, predicted, styles=STYLES)
    ElementTree.fromstring(svg)
    ElementTree.fromstring(figures.learning(np.array([1]), one, one, None, 1))


def test_scores_that_are_all_equal_can_be_drawn():
    p = np.full(100, 0.2)
    y = np.arange(100) % 5 == 0
    ElementTree.fromstring(figures.ks(ks_curve(y, p), large="a"))
    ElementTree.fromstring(figures.score_distribution(score_histogram(y, p), large="a"))
    styles = line_styles(("a",), "a")
    ElementTree.fromstring(figures.reliability(reliability_curve(y, p), score_histogram(y, p), styles=styles))


def test_long_and_broken_names_become_one_short_line():
    assert short("a\nb\tc\x00d") == "a b c d"
    assert short("x" * 100, 10) == "x" * 9 + "…"
