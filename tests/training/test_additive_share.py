"""A quarter of the answer is the additive member's, unless rows not learned from clearly say otherwise."""

from __future__ import annotations

import numpy as np
import pytest

import bezant as bz
from bezant.network.additive import SHARE
from bezant.training.additive_share import (
    SHARE_OF_FEW,
    SHARES,
    best_share,
    share_note,
    shared,
    usual_share,
)
from drawn import drawn_model


def answers(noise: tuple[float, float], n: int = 2000) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of two models whose log-odds are off by so much, and outcomes."""
    draw = np.random.default_rng(0)
    odds = draw.normal(size=n)
    y = (draw.random(n) < 1 / (1 + np.exp(-odds))).astype(float)
    off = [odds + size * draw.normal(size=n) for size in noise]
    return 1 / (1 + np.exp(-np.array(off))), y


@pytest.mark.parametrize(
    ("noise", "share"), [((1.5, 1.0), 0.5), ((0.0, 3.0), 0.0), ((3.0, 0.0), SHARES[-1]), ((0.5, 1.0), SHARE)]
)
def test_the_share_follows_who_is_right(noise: tuple[float, float], share: float) -> None:
    assert best_share(*answers(noise)) == share


def test_chance_does_not_move_it() -> None:
    apart, y = answers((0.3, 1.0))
    few = slice(0, 40)
    right = [np.where(y[few] == 1, p, 1 - p) for p in (shared(apart[:, few], s) for s in SHARES)]
    assert int(np.argmin([-np.log(p).mean() for p in right])) != SHARES.index(SHARE)
    assert best_share(apart[:, few], y[few]) == SHARE


def test_a_network_without_an_additive_member_says_nothing_of_it() -> None:
    assert share_note(drawn_model()[0].network) == ()
    (note,) = share_note(drawn_model(additive=True)[0].network)
    assert note.startswith("25% of each answer")


def test_of_very_few_outcomes_most_of_the_answer_is_the_additive_members() -> None:
    network, reading = (drawn_model(additive=True)[0].network for _ in range(2))
    assert reading.additive is not None
    reading.additive.further = 1  # a component of a pretrained summary
    for rarer, share in ((0, SHARE_OF_FEW), (29, SHARE_OF_FEW), (30, SHARE), (500, SHARE)):
        outcomes = np.zeros(1200)
        outcomes[:rarer] = 1
        for of in (outcomes, 1 - outcomes):
            assert usual_share(of, network) == share
            assert usual_share(of, reading) == SHARE_OF_FEW


def test_a_table_with_few_events_is_answered_so() -> None:
    rows = bz.datasets.load("german-credit").iloc[:60]
    y = rows.pop("default").to_numpy()
    risk = bz.CreditRisk(training={"max_epochs": 1}, benchmark=False, random_state=0).fit(rows, y)
    assert any(note.startswith("75% of each answer") for note in risk.notes_)
