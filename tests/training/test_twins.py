"""A number is read as a category too where that pays, and in a small table only where it clearly does."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from bezant.schema import Field, Kind, Schema
from bezant.training.twins import choose_twins

SCHEMA = Schema(fields=tuple(Field(name=n, kind=Kind.NUMBER) for n in ("staff", "term", "amount")))


def table(n: int = 3000) -> tuple[pa.Table, np.ndarray]:
    """A level of a few values, a count whose remainder by 12 tells all, and a measured amount."""
    draw = np.random.default_rng(0)
    staff, term = draw.integers(1, 6, n), draw.integers(1, 240, n)
    y = (draw.random(n) < np.where(term % 12 == 0, 0.1, 0.6)).astype(float)
    columns = {"staff": staff.astype(float), "term": term.astype(float), "amount": draw.random(n)}
    return pa.table(columns), y


def test_a_few_values_earn_a_twin_in_a_large_table_only() -> None:
    X, y = table()
    assert choose_twins(X, SCHEMA, y, small=False) == ("staff", "term")
    assert choose_twins(X, SCHEMA, y, small=True) == ("term",)


def test_a_gain_by_chance_is_no_gain_in_a_small_table() -> None:
    draw = np.random.default_rng(4)
    found = {"small": 0, "large": 0}
    for _ in range(20):
        noise = pa.table({n: draw.integers(0, 40, 1000).astype(float) for n in ("staff", "term", "amount")})
        y = (draw.random(1000) < 0.3).astype(float)
        found["small"] += len(choose_twins(noise, SCHEMA, y, small=True))
        found["large"] += len(choose_twins(noise, SCHEMA, y, small=False))
    assert found["small"] <= 2
    assert found["large"] >= 10
