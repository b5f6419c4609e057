"""Groups of customers by what they will need, told apart by plain rules about what they did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bezant.traditional.demand import Summary
from bezant.types import AnyArray, FloatArray, InputError, IntArray

USUAL = 6
"""Groups if no number is given."""

LEAST_SHARE = 0.02
"""Of the customers in a group."""

TRAITS = {
    "weeks_since_last": "last purchase {} weeks ago",
    "purchases": "{} purchases",
    "amount": "{} a purchase",
    "weeks_since_first": "customer for {} weeks",
}
"""What a rule may ask, and how it is said."""


@dataclass(frozen=True, eq=False)
class Segments:
    """Groups of n customers.

    Attributes
    ----------
    segment : int array of shape (n,)
        Each customer's group, from 1 on.
    table : dict of str to array of shape (k,)
        The groups' rules, sizes and means.
    """

    segment: IntArray
    table: dict[str, AnyArray]


def customer_segments(known: Summary, expected: dict[str, AnyArray], k: int | None = None) -> Segments:
    """Grow a regression tree of expected demand on what customers did.

    Parameters
    ----------
    known : Summary
        Of n customers.
    expected : dict of str to float array of shape (n,)
        expected_count, expected_spend (NaN if unknown) and p_active.
    k : int, optional
        Groups at most, at least 2.
    """
    from sklearn.tree import DecisionTreeRegressor

    groups = USUAL if k is None else k
    if isinstance(groups, bool) or not isinstance(groups, int | np.integer) or groups < 2:
        raise InputError(f"k is a number of groups from 2 on, not {k!r}; leave it out for {USUAL}.")
    traits = traits_of(known)
    x = np.stack([traits[name] for name in TRAITS], axis=1)
    # Ranks: a few customers who spend a hundred times as much must not make all the groups.
    y = np.stack([_ranks(v) for v in expected.values() if np.isfinite(v).all()], axis=1)
    least = max(1, round(LEAST_SHARE * len(x)))
    tree = DecisionTreeRegressor(max_leaf_nodes=int(groups), min_samples_leaf=least, random_state=0).fit(x, y)
    leaf = tree.apply(x)
    leaves = np.unique(leaf)
    means = [-float(expected["expected_count"][leaf == one].mean()) for one in leaves]
    order = leaves[np.argsort(means, kind="stable")]
    number = {one: i + 1 for i, one in enumerate(order)}
    segment = np.array([number[one] for one in leaf], np.int64)
    bounds = _bounds(tree.tree_, len(TRAITS))
    rules = [_rule(*bounds[one]) for one in order]
    return Segments(segment, _table(segment, rules, traits, expected))


def traits_of(known: Summary) -> dict[str, FloatArray]:
    """Return what rules may ask about: weeks since the last and first purchase, purchases, mean amount."""
    number = known.frequency + 1
    return {
        "weeks_since_last": known.age - known.recency,
        "purchases": number,
        "amount": (known.first + known.frequency * known.money) / number,
        "weeks_since_first": known.age,
    }


def _ranks(values: AnyArray) -> FloatArray:
    _, place, counts = np.unique(np.round(values, 9), return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - (counts - 1) / 2
    return np.asarray(middle[place] / len(values), np.float64)


def _bounds(tree: Any, traits: int) -> dict[int, tuple[FloatArray, FloatArray]]:
    """Return above what and up to what each trait lies in each leaf."""
    found: dict[int, tuple[FloatArray, FloatArray]] = {}
    open_ = [(0, np.full(traits, -np.inf), np.full(traits, np.inf))]
    while open_:
        node, low, high = open_.pop()
        if tree.children_left[node] < 0:
            found[node] = (low, high)
            continue
        trait, border = tree.feature[node], tree.threshold[node]
        less, more = high.copy(), low.copy()
        less[trait], more[trait] = min(high[trait], border), max(low[trait], border)
        open_ += [(tree.children_left[node], low, less), (tree.children_right[node], more, high)]
    return found


def _rule(low: FloatArray, high: FloatArray) -> str:
    said = []
    for (name, words), above, upto in zip(TRAITS.items(), low, high, strict=True):
        whole = name == "purchases"
        # A count above 1.5 and up to 3.5 is said as 2 to 3.
        start = np.floor(above) + 1 if whole and np.isfinite(above) else above
        end = np.floor(upto) if whole and np.isfinite(upto) else upto
        if np.isfinite(above) and np.isfinite(upto):
            said.append(words.format(f"{start:g}" if whole and start == end else f"{start:.4g} to {end:.4g}"))
        elif np.isfinite(upto):
            said.append(words.format(f"at most {end:.4g}"))
        elif np.isfinite(above):
            said.append(words.format(f"at least {start:.4g}" if whole else f"more than {start:.4g}"))
    return "; ".join(said).replace("at most 1 purchases", "1 purchase") or "everyone"


def _table(
    segment: IntArray, rules: list[str], traits: dict[str, FloatArray], expected: dict[str, AnyArray]
) -> dict[str, AnyArray]:
    size = np.bincount(segment)[1:]

    def mean(values: AnyArray) -> FloatArray:
        return np.asarray(np.bincount(segment, values)[1:] / size, np.float64)

    means = {name: mean(values) for name, values in {**traits, **expected}.items()}
    total = means["expected_count"] * size
    return {
        "segment": np.arange(1, len(size) + 1),
        "rule": np.array(rules, dtype=object),
        "customers": size,
        "share": size / size.sum(),
        **means,
        "share_of_purchases": total / max(total.sum(), 1e-300),
    }
