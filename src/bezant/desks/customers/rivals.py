"""The traditional recommenders that stand beside the large one, on the same rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np

from bezant.desks.customers.events import CustomerEvents
from bezant.metrics import ranking
from bezant.traditional.recommendation import (
    Ease,
    Factorization,
    ItemNeighbours,
    OwnedSetBoosting,
    Popularity,
    Recommender,
    SequentialRules,
)
from bezant.types import FloatArray, MissingExtraError

RivalChoice = bool | Literal["full"]
"""True: popularity and sequential rules, of sets LightGBM; "full": EASE, item-kNN and ALS too."""

MOST_JUDGED = 20_000
"""Customers that are judged at most; more make no figure more certain and take memory."""

MOST_PAIRED = 10_000
"""More products than these are too many for a full matrix of their pairs."""

SETTINGS: Mapping[str, Callable[[], Sequence[Recommender]]] = {
    ItemNeighbours.name: lambda: [ItemNeighbours(neighbours=100, half_life=h) for h in (1.0, 2.0, 4.0)],
    Ease.name: lambda: [Ease(penalty=p, half_life=h) for p in (300.0, 1000.0) for h in (2.0, 4.0, 8.0)],
    Factorization.name: lambda: [Factorization(factors=32, half_life=h) for h in (2.0, 8.0)],
}
"""Of each further model of events in time, what is tried."""

OF_SETS: Mapping[str, Callable[[], Sequence[Recommender]]] = {
    ItemNeighbours.name: lambda: [ItemNeighbours(half_life=None)],
    Ease.name: lambda: [Ease(half_life=None)],
    Factorization.name: lambda: [Factorization(factors=32, half_life=None)],
}
"""The same of sets, which have no order."""


def rival_scores(
    before: CustomerEvents, asked: CustomerEvents, choice: RivalChoice, *, in_time: bool
) -> tuple[dict[str, FloatArray], list[str]]:
    """Return each traditional model's scores (n, p) of the customers asked, and what there is to say.

    Parameters
    ----------
    before : CustomerEvents
        What is learned from.
    asked : CustomerEvents
        The n customers that are judged.
    choice : True or "full"
        Which models.
    in_time : bool
        Whether the events have an order; without, they are sets.
    """
    own = before.events
    found = {Popularity.name: Popularity().fit(own).scores(asked.events)}
    if in_time:
        rules = SequentialRules(fade=1.0, half_life=2.0, popularity=0.25)
        found[SequentialRules.name] = rules.fit(own).scores(asked.events)
    else:
        known, new = (_profile(data) for data in (before, asked))
        boosted = OwnedSetBoosting().fit(own.owned(), known)
        found[OwnedSetBoosting.name] = boosted.scores(asked.events.owned(), new)
    if choice != "full":
        return found, []
    further, notes = _further(before, asked, SETTINGS if in_time else OF_SETS)
    return {**found, **further}, notes


def _further(
    before: CustomerEvents,
    asked: CustomerEvents,
    settings: Mapping[str, Callable[[], Sequence[Recommender]]],
) -> tuple[dict[str, FloatArray], list[str]]:
    found: dict[str, FloatArray] = {}
    notes, products = [], len(before.events.products)
    for name, tried in settings.items():
        if products > MOST_PAIRED and name != Factorization.name:
            notes.append(f"{name} takes no part: {products:,} products are too many for all their pairs.")
            continue
        try:
            found[name] = _chosen(tried(), before).fit(before.events).scores(asked.events)
        except MissingExtraError as error:
            notes.append(f"{name} takes no part: {error}")
    if settings is SETTINGS and found:
        notes.append(
            f"The settings of {', '.join(found)} were chosen on the event before the one that is held out."
        )
    return found, notes


def _chosen(models: Sequence[Recommender], before: CustomerEvents) -> Recommender:
    """Return the model that ranks the last new product of the known events best, given those before."""
    past, taken, place = before.asked(1)
    if len(models) == 1 or not len(place):
        return models[0]
    if len(place) > MOST_JUDGED:
        some = np.sort(np.random.default_rng(0).choice(len(place), MOST_JUDGED, replace=False))
        past, taken = past.rows(some), taken[some]
    earlier, candidates = before.before_last(1).events, ~past.events.owned()
    figures = [
        float(np.mean(ranking.ndcg(ranking.ranks(m.fit(earlier).scores(past.events), taken, candidates))))
        for m in models
    ]
    return models[int(np.argmax(figures))]


def _profile(data: CustomerEvents) -> FloatArray:
    return np.hstack([data.profile.numbers, data.profile.codes]).astype(np.float64)
