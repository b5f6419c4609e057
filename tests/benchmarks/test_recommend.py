"""The benchmark of recommenders: the part that chooses and the parts that hide, on a few customers."""

from __future__ import annotations

import numpy as np
import pytest

from bezant.benchmarks import recommend
from bezant.traditional.recommendation import Interactions, Popularity, SequentialRules
from bezant.types import InputError


def test_the_setting_is_chosen_on_what_came_before_the_end():
    """Products come in a circle: a rule about the last one is right, one about everything is not."""
    rng = np.random.default_rng(0)
    starts = rng.integers(0, 9, 60)
    product = ((starts[:, None] + np.arange(6)) % 9).ravel()
    events = Interactions(np.arange(0, 361, 6), product, np.tile(np.arange(6.0), 60), np.arange(9))
    rules = SequentialRules(steps=1, half_life=0.1, popularity=0.0)
    assert recommend.chosen([Popularity(), rules], events) is rules
    assert recommend.chosen([rules, Popularity()], events) is rules
    before, taken = events.without_last()
    found = recommend.judged(rules.fit(before).scores(before), taken, before.owned())
    assert (found.above == 0).all()


def test_one_owned_product_is_hidden_and_the_others_stay():
    owned = np.random.default_rng(1).random((200, 5)) < 0.5
    owned[:, 2] = True
    left, hidden = recommend.hide_one(owned, 0)
    assert owned[np.arange(200), hidden].all()
    assert (owned.sum(axis=1) - left.sum(axis=1) == 1).all()
    assert not (left & ~owned).any()
    assert len(set(hidden)) == 5


def test_models_of_sets_score_every_product_for_those_asked():
    owned = np.random.default_rng(2).random((120, 4)) < 0.5
    profile = np.zeros((120, 0))
    for name, model in recommend.SET_MODELS.items():
        scores = model(owned[:100], profile[:100], owned[100:], profile[100:], 0)
        assert scores.shape == (20, 4)
        assert np.isfinite(scores).all(), name


def test_unknown_parts_and_ties_are_refused():
    with pytest.raises(InputError, match="no part 'films'"):
        list(recommend.recommend(["films"]))
    with pytest.raises(InputError, match="not 'best'"):
        recommend.ratings("best")
