"""What is told of records at a glance is what a loop over them finds."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from bezant.network.fields.aggregates import Aggregate, aggregated, all_aggregates

DAY = 86_400_000_000


def drawn(seed: int = 0, rows: int = 30) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    counts = random.integers(0, 6, rows)
    counts[[0, 5, rows - 1]] = 0
    offsets = np.concatenate([[0], np.cumsum(counts)])
    times = np.concatenate([np.sort(random.integers(0, 500, n)) * DAY for n in counts]).astype(np.int64)
    numbers = random.normal(size=(len(times), 2)).astype(np.float32)
    numbers[random.random(numbers.shape) < 0.3] = np.nan
    codes = random.integers(0, 5, (len(times), 1)).astype(np.int32)
    moments = np.array([times[e - 1] if e > s else 0 for s, e in pairwise(offsets)])
    moments += random.integers(0, 50, rows) * DAY
    return {"numbers": numbers, "codes": codes, "times": times, "offsets": offsets, "moments": moments}


def by_hand(one: Aggregate, of: dict[str, Any], row: int) -> float:
    own = slice(of["offsets"][row], of["offsets"][row + 1])
    times, age = of["times"][own], of["moments"][row] - of["times"][own]
    if one.how == "count":
        return float(len(times))
    if one.how == "recent":
        return float(sum(age <= one.value * DAY))
    if one.how == "recent_total":
        return float(np.nansum(of["numbers"][own, one.column][age <= one.value * DAY].astype(np.float64)))
    if not len(times):
        return np.nan
    if one.how == "since_last":
        return float(age[-1] / DAY)
    if one.how == "since_first":
        return float(age[0] / DAY)
    if one.how == "share":
        return float(np.mean(of["codes"][own, one.column] == one.value))
    values = of["numbers"][own, one.column].astype(np.float64)
    values = values[~np.isnan(values)]
    if not len(values):
        return np.nan
    return float(
        {
            "mean": values.mean(),
            "last": values[-1],
            "largest": values.max(),
            "total": values.sum(),
            "spread": values.std(),
        }[one.how]
    )


def test_aggregates_are_those_of_a_loop() -> None:
    of = drawn()
    chosen = all_aggregates(2, (5,))
    assert {one.how for one in chosen} == {
        "count", "since_last", "since_first", "recent", "mean", "last", "largest", "total", "spread",
        "recent_total", "share",
    }  # fmt: skip
    found = aggregated(chosen, **of)
    for j, one in enumerate(chosen):
        wanted = [by_hand(one, of, row) for row in range(len(of["moments"]))]
        np.testing.assert_allclose(found[:, j], wanted, rtol=1e-6, atol=1e-12, err_msg=str(one))


def test_a_row_is_told_the_same_alone() -> None:
    of, chosen = drawn(1), all_aggregates(2, (5,))
    whole = aggregated(chosen, **of)
    for row in (0, 1, 7):
        own = slice(of["offsets"][row], of["offsets"][row + 1])
        alone = {k: of[k][own] for k in ("numbers", "codes", "times")}
        alone["offsets"] = np.array([0, own.stop - own.start])
        alone["moments"] = of["moments"][row : row + 1]
        np.testing.assert_array_equal(aggregated(chosen, **alone)[0], whole[row])


def test_no_record_at_all_is_no_error() -> None:
    found = aggregated(
        all_aggregates(1, ()),
        np.empty((0, 1), np.float32),
        np.empty((0, 0), np.int32),
        np.empty(0, np.int64),
        np.zeros(4, np.int64),
        np.zeros(3, np.int64),
    )
    assert (found[:, 0] == 0).all()
    assert np.isnan(found[:, 1]).all()


def test_a_way_that_is_not_known_is_refused() -> None:
    with pytest.raises(ValueError, match="how"):
        Aggregate(how="median")  # type: ignore[arg-type]
