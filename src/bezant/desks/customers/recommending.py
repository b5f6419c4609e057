"""From scores to lists: who is eligible, one of a family, variety, and products that resemble others."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_array

from bezant.desks.estimators.settings import names_given
from bezant.schema import unknown_column
from bezant.schema.words import counted, nearest
from bezant.types import AnyArray, BoolArray, FloatArray, InputError, IntArray

AT_ONCE = 512
"""Products compared with all others at once: some hundred are as fast as all, in bounded memory."""

ALIKE = 10
"""Products that one nobody has taken yet borrows its score from."""

POOL = 10
"""Times k products from which rules and variety choose."""

Filter = Callable[[Any, Any], bool] | Mapping[Any, bool] | Collection[Any]
"""A rule: a callable of customer and product, a mapping of products to whether they may be recommended, or
the products that may."""


@dataclass(frozen=True)
class ListRules:
    """How long a list is and what may stand in it; :meth:`ProductRecommender.recommend` says what each means.

    Raises
    ------
    InputError
        If a number is not usable.
    """

    k: int
    exclude_owned: bool = True
    filters: Filter | Sequence[Filter] | None = None
    family: str | Mapping[Any, Any] | None = None
    most_per_family: int = 1
    diversity: float = 0.0

    def __post_init__(self) -> None:
        for name, given in (("k", self.k), ("most_per_family", self.most_per_family)):
            if isinstance(given, bool) or not isinstance(given, int | np.integer) or given < 1:
                raise InputError(f"{name} is a whole number from 1 on, not {given!r}.")
        if not isinstance(self.diversity, int | float) or not 0 <= self.diversity <= 1:
            raise InputError(f"diversity is from 0 to 1, not {self.diversity!r}; 0.3 is usual.")

    def lists(
        self,
        scores: FloatArray,
        allowed: BoolArray,
        products: pa.Array,
        attributes: pa.Table | None,
        vectors: FloatArray | None,
    ) -> IntArray:
        """Return each customer's products, as :func:`choose`, with families of the products' attributes."""
        return choose(
            scores,
            allowed,
            int(self.k),
            families=None if self.family is None else families_of(self.family, products, attributes),
            most_per_family=int(self.most_per_family),
            diversity=self.diversity,
            vectors=vectors,
        )


def families_of(family: str | Mapping[Any, Any], products: pa.Array, attributes: pa.Table | None) -> IntArray:
    """Return the number of each product's family, shape (p,).

    Raises
    ------
    InputError
        If ``family`` is a text that names no column of the attributes.
    """
    if isinstance(family, Mapping):
        return numbered([family.get(p) for p in products.to_pylist()])[0]
    return numbered(attribute_of(family, attributes).to_pylist())[0]


def attribute_of(name: str, attributes: pa.Table | None) -> pa.ChunkedArray:
    """Return a column of what is known of the products, shape (p,).

    Raises
    ------
    InputError
        If there is no such column.
    """
    if attributes is None:
        raise InputError(
            f"Nothing is known of the products, so not {name!r} either; fit with a table of them."
        )
    if name not in attributes.column_names:
        raise unknown_column(name, attributes.column_names, "the table of products")
    return attributes[name]


def eligible(
    filters: Filter | Sequence[Filter] | None, customers: Sequence[Any], products: Sequence[Any]
) -> BoolArray:
    """Return which products may be recommended to whom, shape (n, p); every rule must allow it.

    Raises
    ------
    InputError
        If a rule names a product that is not known.
    """
    allowed = np.ones((len(customers), len(products)), bool)
    for rule in _rules(filters):
        if callable(rule):
            rows = [[bool(rule(c, p)) for p in products] for c in customers]
            allowed &= np.array(rows, bool).reshape(allowed.shape)
            continue
        rule = names_given(rule)
        _refuse_unknown(rule, products)
        if isinstance(rule, Mapping):
            allowed &= np.array([bool(rule.get(p, True)) for p in products])
        else:
            named = set(rule)
            allowed &= np.array([p in named for p in products])
    return allowed


def _rules(filters: Any) -> list[Any]:
    if filters is None:
        return []
    several = isinstance(filters, list | tuple) and any(
        callable(f) or isinstance(f, Mapping | set | frozenset | list | tuple) for f in filters
    )
    return list(filters) if several else [filters]


def _refuse_unknown(named: Any, products: Sequence[Any]) -> None:
    known = set(products)
    unknown = [p for p in named if p not in known]
    if unknown:
        near = nearest(str(unknown[0]), map(str, products))
        hint = f"did you mean {near!r}? Else leave" if near else "leave"
        others = f" and {counted(len(unknown) - 1, 'other')}" if len(unknown) > 1 else ""
        are, them = ("are", "them") if others else ("is", "it")
        raise InputError(
            f"A filter names {unknown[0]!r}{others}, which {are} none of the {len(products)} products of "
            f"the fit; {hint} {them} out, or fit with {them} in products=."
        )


def warn_of_nothing(allowed: BoolArray, rules: ListRules, stacklevel: int = 4) -> None:
    """Warn that filters leave some customers without any product, if they do.

    Parameters
    ----------
    allowed : bool array of shape (n, p)
        Which products may be recommended to whom, all rules heeded.
    rules : ListRules
    stacklevel : int
        Of :func:`warnings.warn`: whose line is named.
    """
    empty = int((~allowed.any(axis=1)).sum())
    if rules.filters is None or not empty:
        return
    owned = " that they do not have" if rules.exclude_owned else ""
    warnings.warn(
        f"The filters leave {empty:,} of {counted(len(allowed), 'customer')} none of the "
        f"{allowed.shape[1]:,} products{owned}: they are recommended nothing.",
        UserWarning,
        stacklevel=stacklevel,
    )


def choose(
    scores: FloatArray,
    allowed: BoolArray,
    k: int,
    *,
    families: IntArray | None = None,
    most_per_family: int = 1,
    diversity: float = 0.0,
    vectors: FloatArray | None = None,
) -> IntArray:
    """Return the products recommended to each customer, best first, shape (n, min(k, p)), -1 where fewer.

    Parameters
    ----------
    scores : float array of shape (n, p)
        Log-odds but for a constant a customer.
    allowed : bool array of shape (n, p)
        Which may be recommended.
    k : int
        Products a list.
    families : int array of shape (p,), optional
        Family of each product, -1 for none: at most ``most_per_family`` of one stand in a list.
    diversity : float, default 0
        0 ranks by score alone; at 1 likeness to what already stands in the list weighs as much as the whole
        range of scores (maximal marginal relevance).
    vectors : float array of shape (p, d), optional
        Of the products, for their likeness, the cosine.

    References
    ----------
    Carbonell and Goldstein (1998), "The use of MMR, diversity-based reranking", SIGIR.
    """
    k = min(
        k, scores.shape[1]
    )  # a list of a million places of eight products is no reason to run out of memory
    closed = np.where(allowed, scores, -np.inf)
    plain = families is None and not diversity
    size = k if plain else min(POOL * k, scores.shape[1])
    pool = _best(closed, size)
    if plain:
        return np.where(np.isfinite(np.take_along_axis(closed, pool, axis=1)), pool, -1)
    if families is not None and size < scores.shape[1]:
        pool = _best(closed, scores.shape[1])  # one family may fill any pool
    unit = None if vectors is None else vectors / np.maximum(np.linalg.norm(vectors, axis=1), 1e-12)[:, None]
    lists = np.full((len(scores), k), -1)
    for i, own in enumerate(pool):
        own = own[np.isfinite(closed[i, own])]
        chosen = _one_list(closed[i, own], own, k, families, most_per_family, diversity, unit)
        lists[i, : len(chosen)] = chosen
    return lists


def _best(scores: FloatArray, size: int) -> IntArray:
    """Return the places of the greatest scores of each row, greatest first, ties by place."""
    return np.argsort(-scores, axis=1, kind="stable")[:, :size]


def _one_list(
    scores: FloatArray,
    products: IntArray,
    k: int,
    families: IntArray | None,
    most: int,
    diversity: float,
    unit: FloatArray | None,
) -> list[int]:
    """Take one product after another, each the best beside those taken before."""
    spread = max(float(np.ptp(scores[: POOL * k])), 1e-9) if len(scores) else 1.0
    value = scores / spread
    alike = np.zeros(len(products))
    open_ = np.ones(len(products), bool)
    chosen: list[int] = []
    while len(chosen) < k and open_.any():
        place = int(np.where(open_, value - diversity * alike, -np.inf).argmax())
        chosen.append(int(products[place]))
        open_[place] = False
        if families is not None and (family := families[products[place]]) >= 0:
            full = sum(families[c] == family for c in chosen) >= most
            open_ &= ~(full & (families[products] == family))
        if diversity and unit is not None:
            alike = np.maximum(alike, unit[products] @ unit[products[place]])
    return chosen


# ------------------------------------------------------------------------------------------ attributes


def attribute_vectors(table: pa.Table, bins: int = 8) -> FloatArray:
    """Return products as bags of what is said of them, shape (p, d), rows of length 1 or 0.

    Texts count by their words, numbers by which eighth of all they lie in; what few products have in common
    says more (logarithm of the inverse share).

    Parameters
    ----------
    table : pyarrow.Table
        One row a product, attributes alone.
    bins : int, default 8
        Parts that numbers are cut into.
    """
    places: dict[tuple[str, str], int] = {}
    rows: list[int] = []
    columns: list[int] = []
    for name in table.column_names:
        for row, words in enumerate(_words(table[name], bins)):
            for word in words:
                rows.append(row)
                columns.append(places.setdefault((name, word), len(places)))
    bag = np.zeros((table.num_rows, max(len(places), 1)))
    bag[rows, columns] = 1.0
    bag *= np.log((1 + len(bag)) / (1 + bag.sum(axis=0)))
    return np.asarray(bag / np.maximum(np.linalg.norm(bag, axis=1), 1e-12)[:, None])


def _words(column: pa.ChunkedArray, bins: int) -> list[list[str]]:
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        values = np.asarray(column.cast(pa.float64()).to_numpy(), np.float64)
        known = values[np.isfinite(values)]
        if not len(known):
            return [[] for _ in values]
        edges = np.unique(np.quantile(known, np.linspace(0, 1, bins + 1)[1:-1]))
        return [[str(np.searchsorted(edges, v))] if np.isfinite(v) else [] for v in values]
    texts = pc.cast(column, pa.string()).to_pylist()
    return [re.findall(r"[^\s|,;/()]+", text.lower()) if text else [] for text in texts]


def borrowed(scores: FloatArray, cold: IntArray, vectors: FloatArray) -> FloatArray:
    """Return scores in which products that nobody has taken have the mean of those most like them.

    Parameters
    ----------
    scores : float array of shape (n, p)
    cold : int array of shape (q,)
        Places of the products without an event.
    vectors : float array of shape (p, d)
        As of :func:`attribute_vectors`. A product like none gets the least score.
    """
    found = np.array(scores, np.float64)
    known = np.setdiff1d(np.arange(scores.shape[1]), cold)
    given, of_known, least = scores[:, known].T, vectors[known].T, scores[:, known].min(axis=1)
    for start in range(0, len(cold), AT_ONCE):
        some = cold[start : start + AT_ONCE]
        likeness = vectors[some] @ of_known  # (s, k)
        best = np.argsort(-likeness, axis=1, kind="stable")[:, :ALIKE]
        weights = np.maximum(np.take_along_axis(likeness, best, axis=1), 0.0)
        total = weights.sum(axis=1)
        rows = np.repeat(np.arange(len(some)), best.shape[1])
        shares = (weights / np.where(total > 0, total, 1.0)[:, None]).ravel()
        mixed = csr_array((shares, (rows, best.ravel())), shape=likeness.shape) @ given  # (s, n)
        found[:, some] = np.where(total > 0, mixed.T, least[:, None])
    return found


def numbered(values: Sequence[Any]) -> tuple[IntArray, AnyArray]:
    """Return numbers of equal values, -1 for None, and the values, shape (p,) and (f,)."""
    names: dict[Any, int] = {}
    places = [-1 if v is None else names.setdefault(v, len(names)) for v in values]
    return np.array(places, np.int64), np.array(list(names), dtype=object)
