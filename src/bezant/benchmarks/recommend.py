"""What customers take next: the large recommender and the traditional ones on MovieLens-100k and Caravan.

Each model's settings are chosen on what came before the products that are judged; those are looked at
once. Run it with ``python -m bezant.benchmarks.recommend``; parts can be chosen. A further model takes part
by an entry in ``RECOMMENDERS`` or ``SET_MODELS``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa

from bezant.benchmarks.sequence_speed import rectools_part, speed_part
from bezant.datasets import load_table, task
from bezant.desks.customers.next_product import NextProduct
from bezant.desks.customers.owned_product import OwnedProduct
from bezant.metrics import ranking
from bezant.network.fields.encoding import Encoded
from bezant.traditional.recommendation import (
    Ease,
    Factorization,
    Interactions,
    ItemNeighbours,
    OwnedSetBoosting,
    Popularity,
    Recommender,
    SequentialRules,
    from_sets,
    interactions,
)
from bezant.types import BoolArray, FloatArray, InputError, IntArray, MissingExtraError

VALIDATED = 2
"""Events before the last one that settings are chosen on; their mean decides."""

RECOMMENDERS: Mapping[str, Callable[[int], Sequence[Recommender]]] = {
    NextProduct.name: lambda seed: [NextProduct(random_state=seed)],
    Popularity.name: lambda _: [Popularity(half_life=h) for h in (None, 30.0, 7.0)],
    SequentialRules.name: lambda _: [
        SequentialRules(fade=f, half_life=h, popularity=p)
        for f in (0.5, 1.0)
        for h in (1.0, 2.0, 4.0)
        for p in (0.25, 0.5)
    ],
    ItemNeighbours.name: lambda _: [
        ItemNeighbours(neighbours=100, half_life=h, shrinkage=s) for h in (1.0, 2.0, 4.0) for s in (0.0, 10.0)
    ],
    Ease.name: lambda _: [Ease(penalty=p, half_life=h) for p in (300.0, 1000.0) for h in (2.0, 4.0, 8.0)],
    Factorization.name: lambda _: [Factorization(factors=32, half_life=h) for h in (2.0, 8.0)],
}
"""Models by name: from a seed to the settings to choose from."""

SetScores = Callable[[BoolArray, FloatArray, BoolArray, FloatArray, int], FloatArray]


def _by_events(model: Recommender) -> SetScores:
    def scores(owned: BoolArray, _: FloatArray, asked: BoolArray, __: FloatArray, ___: int) -> FloatArray:
        products = np.arange(owned.shape[1])
        return model.fit(from_sets(owned, products)).scores(from_sets(asked, products))

    return scores


def _boosted(
    owned: BoolArray, profile: FloatArray, asked: BoolArray, of_asked: FloatArray, seed: int
) -> FloatArray:
    return OwnedSetBoosting(random_state=seed).fit(owned, profile).scores(asked, of_asked)


def _large(
    owned: BoolArray, profile: FloatArray, asked: BoolArray, of_asked: FloatArray, seed: int
) -> FloatArray:
    known, new = (
        Encoded(values.astype(np.float32), np.empty((len(values), 0), np.int32))
        for values in (profile, of_asked)
    )
    return OwnedProduct(random_state=seed).fit(owned, known).scores(asked, new)


SET_MODELS: Mapping[str, SetScores] = {
    OwnedProduct.name: _large,
    Popularity.name: _by_events(Popularity()),
    ItemNeighbours.name: _by_events(ItemNeighbours(half_life=None)),
    Ease.name: _by_events(Ease(half_life=None)),
    OwnedSetBoosting.name: _boosted,
}
"""Models of sets by name: from owned products and profiles to learn from, those asked for, and a seed
to scores."""


def judged(scores: FloatArray, taken: IntArray, owned: BoolArray) -> ranking.Ranks:
    """Return the places of the products taken among all that were not owned before."""
    return ranking.ranks(scores, taken, ~owned)


def chosen(models: Sequence[Recommender], before: Interactions) -> Recommender:
    """Return the model with the best NDCG@10 of the events before the last, each predicted from its past."""
    if len(models) == 1:
        return models[0]
    sums = np.zeros(len(models))
    for _ in range(VALIDATED):
        before, taken = before.without_last()
        for k, model in enumerate(models):
            found = judged(model.fit(before).scores(before), taken, before.owned())
            sums[k] += np.nanmean(ranking.ndcg(found))
    return models[int(sums.argmax())]


def ratings(ties: str = "source", seed: int = 0) -> Interactions:
    """Return MovieLens-100k; ratings of one second in the source's order, or in random order.

    Raises
    ------
    InputError
        If ``ties`` is neither "source" nor "random".
    """
    if ties not in ("source", "random"):
        raise InputError(f"Ties are broken by 'source' or 'random', not {ties!r}.")
    table: pa.Table = load_table("movielens-100k")
    if ties == "random":
        table = table.take(np.random.default_rng(seed).permutation(table.num_rows))
    return interactions(table, customer="user", product="item")[0]


def movielens_part(seeds: Sequence[int], ties: str = "source") -> Iterator[str]:
    """Yield the lines of leave-last-out with full ranking; the large model once a seed, and their mean."""
    before, taken = ratings(ties, seeds[0]).without_last()
    yield (
        f"{len(before):,} users, {len(before.products):,} films; the last rating of each is judged among all "
        f"films not yet rated; settings chosen on the {VALIDATED} ratings before; ties: {ties}"
    )
    yield f"{'model':<22} NDCG@10 +/- 1 SE   HR@10    MRR  coverage  bits  CPU s"
    for name, settings in RECOMMENDERS.items():
        rows = []
        try:
            for seed in seeds if name == NextProduct.name else seeds[:1]:
                rows.append(_films(settings(seed), before, taken, seed))
                yield _film_line(f"{name}, seed {seed}" if name == NextProduct.name else name, rows[-1])
        except MissingExtraError as error:
            yield f"{name:<22} left out: {error}"
        if len(rows) > 1:
            yield _film_line(f"{name}, mean of {len(rows)}", np.mean(rows, axis=0))


def _films(settings: Sequence[Recommender], before: Interactions, taken: IntArray, seed: int) -> FloatArray:
    """Return NDCG@10, its standard error, HR@10, MRR, coverage, novelty and CPU seconds."""
    start = time.process_time()
    scores = chosen(settings, before).fit(before).scores(before)
    seconds = time.process_time() - start
    owned, met = before.owned(), np.bincount(before.product, minlength=len(before.products))
    found, lists = judged(scores, taken, owned), ranking.top_k(scores, 10, ~owned, random_state=seed)
    ndcg = ranking.ndcg(found)
    means = ndcg.mean(), ndcg.std() / np.sqrt(len(ndcg)), ranking.hit_rate(found).mean()
    spread = ranking.coverage(lists, len(met)), ranking.novelty(lists, met, len(before))
    return np.array([*means, ranking.reciprocal_rank(found).mean(), *spread, seconds])


def _film_line(name: str, row: FloatArray) -> str:
    ndcg, error, hits, reciprocal, coverage, novelty, seconds = row
    return (
        f"{name:<22} {ndcg:.4f} +/- {error:.4f}  {hits:.4f} {reciprocal:.4f}  {coverage:8.3f} {novelty:5.2f} "
        f"{seconds:6.1f}"
    )


def hide_one(owned: BoolArray, seed: int) -> tuple[BoolArray, IntArray]:
    """Return the sets without one product each, drawn at random, and those products, shape (n,)."""
    draw = np.where(owned, np.random.default_rng(seed).random(owned.shape), -1.0)
    hidden = draw.argmax(axis=1)
    left = owned.copy()
    left[np.arange(len(owned)), hidden] = False
    return left, hidden


def caravan_part(seeds: Sequence[int]) -> Iterator[str]:
    """Yield the lines of owned policies with one hidden, five folds by household, each seed another draw."""
    table, groups = load_table("caravan"), task("caravan").groups
    products = groups["owned"]
    owned = np.stack([table[c].to_numpy() > 0 for c in products], axis=1)
    profile = np.stack([table[c].to_numpy().astype(np.float64) for c in groups["profile"]], axis=1)
    held = owned.any(axis=1)
    owned, profile = owned[held], profile[held]
    yield (
        f"{len(owned):,} households with a policy, {len(products)} kinds; one that is owned is hidden and "
        f"ranked among those not owned; 5 folds; seeds {', '.join(map(str, seeds))}"
    )
    yield f"{'model':<28} MRR +/- 1 SE     HR@1   HR@3"
    for name, model in SET_MODELS.items():
        rows = []
        for seed in seeds:
            rows.append(_policies(model, owned, profile, seed))
            yield _policy_line(f"{name}, seed {seed}", rows[-1])
        if len(rows) > 1:
            yield _policy_line(f"{name}, mean of {len(rows)}", np.mean(rows, axis=0))


def _policies(model: SetScores, owned: BoolArray, profile: FloatArray, seed: int) -> FloatArray:
    """Return MRR, its standard error, HR@1 and HR@3 over five folds."""
    left, hidden = hide_one(owned, seed)
    fold = np.random.default_rng(seed).permutation(len(owned)) % 5
    scores = np.empty(owned.shape)
    for k in range(5):
        known, asked = fold != k, fold == k
        scores[asked] = model(owned[known], profile[known], left[asked], profile[asked], seed)
    found = judged(scores, hidden, left)
    rank = ranking.reciprocal_rank(found)
    hits = (ranking.hit_rate(found, k).mean() for k in (1, 3))
    return np.array([rank.mean(), rank.std() / np.sqrt(len(rank)), *hits])


def _policy_line(name: str, row: FloatArray) -> str:
    reciprocal, error, first, third = row
    return f"{name:<28} {reciprocal:.4f} +/- {error:.4f} {first:.4f} {third:.4f}"


PARTS: dict[str, tuple[str, Callable[[Sequence[int]], Iterator[str]]]] = {
    "movielens": ("MovieLens-100k, leave-last-out, full ranking", movielens_part),
    "ties": (
        "The same, ratings of one second in random order",
        lambda seeds: movielens_part(seeds, "random"),
    ),
    "caravan": ("Caravan, one owned product hidden", caravan_part),
    "speed": ("Training on sequences: d = 64, 2 layers, length 50", speed_part),
    "rectools": ("The same as a whole training, beside RecTools", rectools_part),
}
"""Parts of the benchmark by name: a title, and what yields its lines."""


def recommend(parts: Sequence[str] = (), seeds: Sequence[int] = (0,)) -> Iterator[str]:
    """Yield the lines of the named parts, all of them if none is named."""
    for name in parts or PARTS:
        if name not in PARTS:
            raise InputError(f"There is no part {name!r}; the parts are {', '.join(PARTS)}.")
        title, lines = PARTS[name]
        yield f"\n## {title}\n"
        try:
            yield from lines(seeds)
        except MissingExtraError as error:
            if parts:
                raise
            yield f"left out: {error}"


def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bezant.benchmarks.recommend", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"any of {', '.join(PARTS)}; all if none is named")
    parser.add_argument("--seed", type=int, nargs="+", default=[0], help="one or more; means are printed")
    given = parser.parse_args()
    try:
        for line in recommend(given.parts, given.seed):
            print(line, flush=True)
    except (InputError, MissingExtraError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    _main()
