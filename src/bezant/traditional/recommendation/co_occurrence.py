"""What products come together, after each other and soon after each other, as features of the next one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bezant.traditional.recommendation.interactions import Interactions
from bezant.types import AnyArray, FloatArray, IntArray

STEPS = 30
"""Events after a product that count for it; what comes d events later counts 1 / d."""

PENALTY = 300.0
"""Of the squared weights of the linear model, as in EASE."""

MOST_LINEAR = 6_000
"""More products than these are too many to invert a matrix of; the linear model is left out then."""

FEWEST = 1e-2
"""Added before the logarithm of a feature, whose root mean square is 1."""

PLACES = (2.0, 8.0)
"""Half-lives of an event's weight, in events before the end of a history."""

DAY = 86_400.0

MOST_CELLS = 10_000_000
"""Pairs of events in memory at a time: 240 MB."""

DENSE = 0.2
"""Share of the pairs from which on a statistic is multiplied as a full matrix, in a quarter of the time."""


@dataclass(frozen=True, eq=False)
class CoOccurrence:
    """Statistics of pairs of products, from the events of many customers.

    Attributes
    ----------
    kinds : dict of str to sparse array of shape (p, p)
        ``follows``: how often the second came after the first, by 1 / steps between, ties counted both ways,
        for a tie has no order. ``beside``: by how near in time, either way. ``together``: customers who had
        both. ``linear``: weights of EASE. The first three are divided by the number of events of the first
        and by a root of those of the second.
    popularity : float array of shape (p,)
        Customers who had each product.
    gap : float
        Median of the seconds between neighbouring events that are not at once; times are measured in it.
    scale : float array of shape (F,)
        Root mean squares of the raw features of the training histories.
    """

    kinds: dict[str, Any]
    popularity: FloatArray
    gap: float
    scale: FloatArray

    @property
    def products(self) -> int:
        """Number p of products."""
        return len(self.popularity)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the F' features: raw ones, logarithms of those without a sign, popularity."""
        raw = [f"{kind} {decay}" for kind in self.kinds for decay in _decays(kind)]
        logs = [f"log {name}" for name in raw if not name.startswith("linear")]
        return (*raw, *logs, "popularity")

    def features(self, events: Interactions) -> FloatArray:
        """Return what the statistics say of each product after each history, float32 (n, p, F')."""
        raw = self._raw(events) / self.scale
        of_sign = [i for i, name in enumerate(self.names[: raw.shape[2]]) if not name.startswith("linear")]
        logs = np.log(np.maximum(raw[:, :, of_sign], 0.0) + FEWEST)
        common = np.log1p(self.popularity).astype(np.float32)
        own = np.broadcast_to(common[None, :, None], (*raw.shape[:2], 1))
        return np.concatenate([raw, logs, own], axis=2, dtype=np.float32)

    def _raw(self, events: Interactions) -> FloatArray:
        weights = _event_weights(events, self.gap)
        found = []
        for name, kind in self.kinds.items():
            full = kind.toarray() if kind.nnz > DENSE * kind.shape[1] ** 2 else None
            for decay in _decays(name):
                own = _matrix(events, weights[decay])
                found.append(np.asarray((own @ kind).todense() if full is None else own @ full, np.float32))
        return np.stack(found, axis=2)

    def tensors(self) -> dict[str, AnyArray]:
        """Return all values as arrays by name, ready to be saved."""
        parts: dict[str, AnyArray] = {
            "popularity": self.popularity,
            "gap": np.array([self.gap]),
            "scale": self.scale,
        }
        for name, kind in self.kinds.items():
            parts |= {
                f"{name}.data": kind.data,
                f"{name}.indices": kind.indices,
                f"{name}.indptr": kind.indptr,
            }
        return parts

    @classmethod
    def restore(cls, parts: dict[str, AnyArray]) -> CoOccurrence:
        """Build it again from :meth:`tensors`."""
        from scipy.sparse import csr_array

        p = len(parts["popularity"])
        names = [n for n in ("follows", "beside", "together", "linear") if f"{n}.data" in parts]
        kinds = {
            n: csr_array((parts[f"{n}.data"], parts[f"{n}.indices"], parts[f"{n}.indptr"]), shape=(p, p))
            for n in names
        }
        return cls(kinds, parts["popularity"], float(parts["gap"][0]), parts["scale"])


def learn_co_occurrence(events: Interactions, most: int = 2_000) -> CoOccurrence:
    """Count which products come together.

    Parameters
    ----------
    events : Interactions
        Of the training customers.
    most : int, default 2,000
        At most so many second products are kept for each first one, the greatest.
    """
    seconds = np.round(events.day * DAY)
    p = len(events.products)
    gap = _usual_gap(events, seconds)
    follows, beside = _in_sequence(events, seconds, gap)
    taken = events.weighted()
    both = (taken.T @ taken).tocsr()
    popularity = np.asarray(both.diagonal())
    both.setdiag(0.0)
    kinds = {
        "follows": _shares(follows, popularity, 0.25),
        "beside": _shares(beside, popularity, 0.25),
        "together": _shares(both, popularity, 0.5),
    }
    if p <= MOST_LINEAR:
        kinds["linear"] = _linear(both, popularity)
    kept = {name: _greatest(kind, most) for name, kind in kinds.items()}
    raw = CoOccurrence(kept, popularity, gap, np.ones(1))._raw(_some(events))
    scale = np.sqrt((raw.astype(np.float64) ** 2).mean(axis=(0, 1)))
    return CoOccurrence(kept, popularity, gap, np.maximum(scale, 1e-9).astype(np.float32))


def _decays(kind: str) -> tuple[str, ...]:
    """Return how the events of a history are weighed: by place, or by time."""
    return ("2", "8", "32", "time") if kind == "linear" else ("2", "8", "time")


def _event_weights(events: Interactions, gap: float) -> dict[str, FloatArray]:
    day = np.append(events.day, 0.0)  # of customers without events, where there may be none at all
    last = np.repeat(day[np.maximum(events.offsets[1:] - 1, 0)], np.diff(events.offsets))
    ago = (last - events.day) * DAY
    by_place = {f"{h:g}": 0.5 ** (events.place / h) for h in (*PLACES, 32.0)}
    return {**by_place, "time": np.exp(-ago / gap)}


def _matrix(events: Interactions, weights: FloatArray) -> Any:
    from scipy.sparse import csr_array

    shape = (len(events), len(events.products))
    return csr_array((weights.astype(np.float32), (events.customer, events.product)), shape=shape)


def _usual_gap(events: Interactions, seconds: FloatArray) -> float:
    between = np.diff(seconds)[np.diff(events.customer) == 0]
    later = between[between > 0]
    return float(np.median(later)) if len(later) else DAY


def _in_sequence(events: Interactions, seconds: FloatArray, gap: float) -> tuple[Any, Any]:
    """Count pairs of products at most STEPS events apart: in order, and by how near in time."""
    p, customer = len(events.products), events.customer
    follows, beside = _Counts(p), _Counts(p)
    for d in range(1, min(STEPS, len(customer) - 1) + 1):
        same = customer[d:] == customer[:-d]
        first, second = events.product[:-d][same], events.product[d:][same]
        span = (seconds[d:] - seconds[:-d])[same]
        tied = span == 0
        rows, columns = np.append(first, second[tied]), np.append(second, first[tied])
        follows.add(rows, columns, np.full(len(rows), 1 / d))
        beside.add(first, second, np.exp(-span / gap))
    near = beside.total()
    return follows.total(), near + near.T


class _Counts:
    """A sparse matrix (p, p) to which cells are added, many at a time."""

    def __init__(self, products: int) -> None:
        self.products, self.cells = products, 0
        self.parts: list[tuple[IntArray, IntArray, FloatArray]] = []
        self.sum: Any = None

    def add(self, rows: IntArray, columns: IntArray, values: FloatArray) -> None:
        self.parts.append((rows, columns, values))
        self.cells += len(rows)
        if self.cells > MOST_CELLS:
            self.total()

    def total(self) -> Any:
        """Return the matrix of all that was added."""
        from scipy.sparse import coo_array

        shape = (self.products, self.products)
        rows, columns, values = (
            np.concatenate([p[i] for p in self.parts]) if self.parts else np.empty(0, np.int64)
            for i in range(3)
        )
        added = coo_array((values.astype(np.float64), (rows, columns)), shape=shape).tocsr()
        self.sum = added if self.sum is None else self.sum + added
        self.parts, self.cells = [], 0
        return self.sum


def _shares(counts: Any, popularity: FloatArray, power: float) -> Any:
    """Divide by the sums of the rows and a power of the columns' popularity."""
    from scipy.sparse import diags_array

    rows = np.asarray(counts.sum(axis=1)).ravel()
    left = diags_array(1 / np.maximum(rows, 1e-9))
    right = diags_array(np.maximum(popularity, 1.0) ** -power)
    return (left @ counts @ right).tocsr()


def _linear(both: Any, popularity: FloatArray) -> Any:
    """Return the weights of EASE (Steck 2019), from the counts of pairs without their diagonal."""
    from scipy.sparse import csr_array

    gram = np.asarray(both.todense(), np.float64)
    gram[np.diag_indices_from(gram)] = popularity + PENALTY
    precision = np.linalg.inv(gram)
    weights = -precision / np.diag(precision)
    np.fill_diagonal(weights, 0.0)
    return csr_array(weights)


def _greatest(kind: Any, most: int) -> Any:
    """Keep the greatest values of each row, by absolute value, in single precision."""
    from scipy.sparse import csr_array

    kind = csr_array(kind, dtype=np.float32)
    kind.eliminate_zeros()
    if np.diff(kind.indptr).max(initial=0) <= most:
        return kind
    rows = np.repeat(np.arange(kind.shape[0]), np.diff(kind.indptr))
    order = np.lexsort((-np.abs(kind.data), rows))
    place = np.arange(len(order)) - np.repeat(kind.indptr[:-1], np.diff(kind.indptr))
    kept = order[place < most]
    return csr_array((kind.data[kept], (rows[kept], kind.indices[kept])), shape=kind.shape)


def _some(events: Interactions) -> Interactions:
    """Return the first customers, few enough for a dense matrix of features."""
    few = max(min(len(events), 4_000_000 // max(len(events.products), 1)), 1)
    end = int(events.offsets[few])
    return Interactions(events.offsets[: few + 1], events.product[:end], events.day[:end], events.products)
