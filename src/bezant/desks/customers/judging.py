"""The recommender judged on products held out, beside the traditional ones on the same rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bezant.desks.customers.events import CustomerEvents
from bezant.desks.customers.next_product import NextProduct
from bezant.desks.customers.owned_product import OwnedProduct
from bezant.desks.customers.rivals import MOST_JUDGED, RivalChoice, rival_scores
from bezant.evidence.rankings import RankingEvaluation, judge_rankings
from bezant.schema.words import counted
from bezant.types import AnyArray

FEWEST_JUDGED = 30

Model = NextProduct | OwnedProduct
Judged = tuple[Model | None, RankingEvaluation | None, list[str]]


def judge(
    make: Callable[[], Model],
    data: CustomerEvents,
    cards: tuple[Any, Any],
    seed: int,
    rivals: RivalChoice = True,
) -> Judged:
    """Fit to all but one product of each customer and rank that one.

    Parameters
    ----------
    make : callable
        Returns a model that is not fitted.
    data : CustomerEvents
        All that is known. Of events in time each customer's last one is held out, and judged where it brought
        something new; of sets, one product of each customer that owns two, drawn at random.
    cards : tuple
        Codes of each code column of the fields, and of the profiles.
    seed : int
        Of the draws.
    rivals : True or "full", default True
        Which traditional models are judged too.

    Returns
    -------
    model, evaluation, notes
        None and None, and a note, where too few customers could be held out.
    """
    model = make()
    before, taken, chosen = _held_out(data, seed, in_time=isinstance(model, NextProduct))
    if len(taken) < FEWEST_JUDGED:
        has = "has" if len(taken) == 1 else "have"
        note = (
            f"Only {counted(len(taken), 'customer')} {has} a product to hold out; the model was not judged."
        )
        return None, None, [note]
    model.fit_customers(before, *cards)
    if len(chosen) > MOST_JUDGED:
        some = np.sort(np.random.default_rng(seed).choice(len(chosen), MOST_JUDGED, replace=False))
        chosen, taken = chosen[some], taken[some]
    asked = before.rows(chosen)
    others, notes = rival_scores(before, asked, rivals, in_time=isinstance(model, NextProduct))
    scores = {model.name: model.scores_of(asked), **others}
    found = judge_rankings(scores, taken, ~asked.events.owned(), model.name)
    return model, found, [found.verdict, *notes]


def _held_out(data: CustomerEvents, seed: int, *, in_time: bool) -> tuple[CustomerEvents, AnyArray, AnyArray]:
    """Return what is learned from, the products to be ranked, and whose they are."""
    if in_time:
        _, taken, chosen = data.asked(1)
        return data.before_last(1), taken, chosen
    draw = np.random.default_rng(seed).random(len(data.events.product))
    order = np.lexsort((draw, data.events.customer))
    enough = np.flatnonzero(np.diff(data.events.offsets) > 1)
    hidden = order[data.events.offsets[:-1][enough]]
    taken = data.events.product[hidden]
    kept = np.ones(len(draw), bool)
    kept[hidden] = False
    twice = data.kept(kept).rows(enough).events.owned()[np.arange(len(enough)), taken]
    return data.kept(kept), taken[~twice], enough[~twice]
