"""Figures of a ranking of products for each customer, over all products, ties counted as ties.

A model that gives many products the same score has not ranked them; whoever breaks such ties by position
rewards or punishes it by chance. Every figure here is the expectation over all orders of the tied
products. One value a customer is returned, so that means, intervals and tests of differences can be taken.

References
----------
McSherry and Najork (2008), "Computing information retrieval performance measures efficiently in the
presence of tied scores", ECIR. Krichene and Rendle (2020), "On sampled metrics for item recommendation",
KDD: why all products are ranked and not a sample of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bezant.metrics.checks import Floats
from bezant.types import BoolArray, FloatArray, InputError, IntArray

CELLS = 4_000_000
"""Scores compared at once; bounds the memory to some 50 MB."""


@dataclass(frozen=True)
class Ranks:
    """Where the relevant products stand in their customers' rankings, one entry a relevant product.

    Attributes
    ----------
    customers : int
        Number of customers n, those without a relevant product included.
    row : int array of shape (m,)
        The customer, 0 to n - 1, rising.
    above : int array of shape (m,)
        Products with a higher score.
    tied : int array of shape (m,)
        Products with the same score, itself included.
    relevant_above, relevant_tied : int array of shape (m,)
        How many of those are relevant; itself included in the second.
    """

    customers: int
    row: IntArray
    above: IntArray
    tied: IntArray
    relevant_above: IntArray
    relevant_tied: IntArray

    def __post_init__(self) -> None:
        lengths = {len(values) for values in (self.row, self.above, self.tied, self.relevant_above)}
        if len(lengths | {len(self.relevant_tied)}) != 1:
            raise InputError(f"The arrays of the ranks have the lengths {sorted(lengths)}; give them one.")
        if len(self.row) and (self.tied.min() < 1 or self.above.min() < 0):
            raise InputError("A product is tied with itself at least and has at least 0 above it.")

    @property
    def relevant(self) -> IntArray:
        """Relevant products of each customer, shape (n,)."""
        return np.bincount(self.row, minlength=self.customers)

    def total(self, values: FloatArray) -> Floats:
        """Return the sums of ``values`` (m,) by customer, shape (n,); NaN without a relevant product."""
        sums = np.bincount(self.row, values, minlength=self.customers)
        return np.where(self.relevant > 0, sums, np.nan)


def ranks(scores: FloatArray, relevant: npt.NDArray[Any], candidates: BoolArray | None = None) -> Ranks:
    """Find the relevant products in each customer's ranking.

    Parameters
    ----------
    scores : float array of shape (n, p)
        Of every product for every customer; higher is better.
    relevant : bool array of shape (n, p), or int array of shape (n,)
        Which products were taken; integers name the one product of each customer.
    candidates : bool array of shape (n, p), optional
        Products that may be recommended; default all. Leave out what a customer owned *before*.

    Raises
    ------
    InputError
        If shapes do not fit, a score is NaN, or a relevant product is not a candidate.
    """
    scores = np.asarray(scores)
    if scores.ndim != 2 or np.isnan(scores).any():
        raise InputError(
            f"The scores have the shape {scores.shape} and {int(np.isnan(scores).sum())} of them are NaN; "
            "give one number for every customer (rows) and product (columns)."
        )
    allowed = np.ones(scores.shape, bool) if candidates is None else np.asarray(candidates, dtype=bool)
    row, item, taken = _relevant_pairs(np.asarray(relevant), scores.shape)
    if allowed.shape != scores.shape or not allowed[row, item].all():
        lost = "all" if allowed.shape != scores.shape else int((~allowed[row, item]).sum())
        raise InputError(
            f"Of {len(row)} relevant products {lost} are no candidates; let them be recommended, or leave "
            "those customers out."
        )
    counts = np.empty((4, len(row)), np.int64)
    step = max(1, CELLS // max(1, scores.shape[1]))
    for start in range(0, len(row), step):
        part = slice(start, start + step)
        rows, own = scores[row[part]], scores[row[part], item[part]][:, None]
        higher = (rows > own) & allowed[row[part]]
        equal = (rows == own) & allowed[row[part]]
        hits = taken[row[part]]
        counts[:, part] = [m.sum(axis=1) for m in (higher, equal, higher & hits, equal & hits)]
    return Ranks(len(scores), row, *counts)


def _relevant_pairs(
    relevant: npt.NDArray[Any], shape: tuple[int, ...]
) -> tuple[IntArray, IntArray, BoolArray]:
    if relevant.shape == shape and relevant.dtype == bool:
        row, item = np.nonzero(relevant)
        return row, item, relevant
    whole = np.issubdtype(relevant.dtype, np.integer)
    if relevant.shape != shape[:1] or not whole or (relevant < 0).any() or (relevant >= shape[1]).any():
        raise InputError(
            f"The relevant products have the shape {relevant.shape} and the type {relevant.dtype} for scores "
            f"of the shape {shape}; give truth values of the same shape, or one product 0 to "
            f"{shape[1] - 1} a customer."
        )
    row = np.arange(shape[0])
    taken = np.zeros(shape, bool)
    taken[row, relevant] = True
    return row, relevant, taken


def _expected(found: Ranks, gains: Floats) -> Floats:
    """Return the mean of ``gains`` (by place from 1) over the places of each relevant product, (m,)."""
    summed = np.append(0.0, np.cumsum(gains))
    last = len(gains)
    start, end = np.minimum(found.above, last), np.minimum(found.above + found.tied, last)
    return np.asarray((summed[end] - summed[start]) / found.tied)


def _discounts(k: int) -> Floats:
    _refuse_no_place(k)
    return 1.0 / np.log2(np.arange(2, k + 2))


def _refuse_no_place(k: int) -> None:
    if k < 1:
        raise InputError(f"A ranking of the first {k} products is none; give k of at least 1.")


def ndcg(found: Ranks, k: int = 10) -> Floats:
    """Return the normalised discounted cumulative gain of the first k places of each customer, shape (n,).

    A relevant product at place r counts 1 / log2(1 + r); 1 is the best that was possible. With one
    relevant product there is nothing to normalise.

    References
    ----------
    Järvelin and Kekäläinen (2002), "Cumulated gain-based evaluation of IR techniques", ACM TOIS 20(4).
    """
    gains = _discounts(k)
    best = np.append(0.0, np.cumsum(gains))[np.minimum(found.relevant, k)]
    return found.total(_expected(found, gains)) / np.where(best > 0, best, np.nan)


def recall(found: Ranks, k: int = 10) -> Floats:
    """Return the share of each customer's relevant products among the first k, shape (n,)."""
    _refuse_no_place(k)
    return found.total(_expected(found, np.ones(k))) / np.maximum(found.relevant, 1)


def hit_rate(found: Ranks, k: int = 10) -> Floats:
    """Return the probability that at least one relevant product is among the first k, shape (n,).

    With one relevant product it is :func:`recall`. Where place k lies among tied products, those that
    make it are a draw without replacement: the chance of no hit is hypergeometric.
    """
    _refuse_no_place(k)
    places = np.clip(k - found.above, 0, found.tied)
    missed = np.ones(found.customers)
    sure = places + found.relevant_tied > found.tied
    # the tied relevant products of a row share one draw: each takes its factor of the product
    # prod_j (t - s - j) / (t - j), j = 0 ... r - 1, numbered by its order within the group
    key = np.stack([found.row, found.above])
    new = np.ones(key.shape[1], bool)
    order = np.lexsort((found.above, found.row))
    new[1:] = (key[:, order][:, 1:] != key[:, order][:, :-1]).any(axis=0)
    begin = np.maximum.accumulate(np.where(new, np.arange(len(new)), 0))
    j = np.empty(len(new), np.int64)
    j[order] = np.arange(len(new)) - begin
    factor = np.where(sure, 0.0, (found.tied - places - j) / (found.tied - j))
    np.multiply.at(missed, found.row, factor)
    return np.where(found.relevant > 0, 1.0 - missed, np.nan)


def reciprocal_rank(found: Ranks) -> Floats:
    """Return 1 / place of each customer's first relevant product, shape (n,); with ties the expectation.

    Raises
    ------
    InputError
        If relevant products of one customer are tied with one another, or a customer has several: then
        use :func:`average_precision`.
    """
    if (found.relevant > 1).any():
        raise InputError(
            f"{int((found.relevant > 1).sum())} of {found.customers} customers have several relevant "
            "products; the reciprocal rank is of one: use average_precision."
        )
    longest = int((found.above + found.tied).max(initial=1))
    return found.total(_expected(found, 1.0 / np.arange(1, longest + 1)))


def average_precision(found: Ranks, k: int | None = None) -> Floats:
    """Return the precision at the place of each relevant product, averaged, shape (n,); its mean is MAP.

    Parameters
    ----------
    found : Ranks
    k : int, optional
        Only the first k places count, and the sum is divided by at most k; default all places.
    """
    longest = int((found.above + found.tied).max(initial=1))
    last = longest if k is None else k
    _refuse_no_place(last)
    harmonic = np.append(0.0, np.cumsum(1.0 / np.arange(1, last + 1)))
    start, end = np.minimum(found.above, last), np.minimum(found.above + found.tied, last)
    inverse = harmonic[end] - harmonic[start]  # sum of 1 / place over the places it may take
    others = (found.relevant_tied - 1) / np.maximum(found.tied - 1, 1)  # a tied product is relevant
    before = (end - start) - (start + 1) * inverse  # sum of (i - 1) / (above + i)
    precision = ((found.relevant_above + 1) * inverse + others * before) / found.tied
    return found.total(precision) / np.maximum(np.minimum(found.relevant, last), 1)


def top_k(
    scores: FloatArray, k: int = 10, candidates: BoolArray | None = None, *, random_state: int = 0
) -> npt.NDArray[np.int64]:
    """Return the first k products of each customer, shape (n, k), tied ones in random order.

    -1 stands where fewer than k products are candidates.
    """
    _refuse_no_place(k)
    scores = np.asarray(scores, dtype=np.float64)
    allowed = np.ones(scores.shape, bool) if candidates is None else np.asarray(candidates, dtype=bool)
    draw = np.random.default_rng(random_state).random(scores.shape)
    order = np.lexsort((draw, -scores, ~allowed), axis=1)[:, :k]
    return np.where(np.take_along_axis(allowed, order, axis=1), order, -1)


def coverage(lists: IntArray, products: int) -> float:
    """Return the share of all products that stand in at least one list.

    Parameters
    ----------
    lists : int array of shape (n, k)
        As of :func:`top_k`.
    products : int
        How many there are.
    """
    named = np.unique(lists[lists >= 0])
    return len(named) / products


def novelty(lists: IntArray, owners: IntArray, customers: int) -> float:
    """Return the mean information of a recommended product, in bits: -log2 of its share of customers.

    Parameters
    ----------
    lists : int array of shape (n, k)
    owners : int array of shape (p,)
        Customers who had each product in training; one with none counts as one.
    customers : int
        In training.

    References
    ----------
    Zhou et al. (2010), "Solving the apparent diversity-accuracy dilemma of recommender systems", PNAS 107.
    """
    shares = np.maximum(owners, 1) / customers
    return float(-np.log2(shares[lists[lists >= 0]]).mean())


def diversity(lists: IntArray, vectors: FloatArray) -> float:
    """Return the mean of 1 - cosine over the pairs of products in a list, averaged over lists of two or more.

    Parameters
    ----------
    lists : int array of shape (n, k)
    vectors : float array of shape (p, d)
        Of the products: attributes, or columns of the customers who had them. A zero vector is like none.

    References
    ----------
    Ziegler et al. (2005), "Improving recommendation lists through topic diversification", WWW.
    """
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = np.append(vectors / np.where(lengths > 0, lengths, 1.0), np.zeros((1, vectors.shape[1])), axis=0)
    named = lists >= 0
    size = named.sum(axis=1)
    of_lists = unit[np.where(named, lists, len(unit) - 1)]  # (n, k, d)
    sums = of_lists.sum(axis=1)
    own = (of_lists**2).sum(axis=(1, 2))
    pairs = size * (size - 1)
    enough = pairs > 0
    likeness = ((sums**2).sum(axis=1) - own)[enough] / pairs[enough]
    return float(1.0 - likeness.mean())
