"""Demand in groups, against loops by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from bezant.evidence.demand import DemandEvaluation, Outlook, evaluate_demand
from bezant.evidence.demand_curves import DEPTHS, GroupedDemand, cohorts_of, grouped_demand, lift_at, tenths
from bezant.types import InputError


def drawn(n: int = 403) -> tuple[Outlook, dict[str, Outlook], np.ndarray]:
    rng = np.random.default_rng(0)
    rate = rng.gamma(0.6, 1.5, n)
    count = rng.poisson(rate).astype(float)
    happened = Outlook(count, count * 20.0, (count > 0).astype(float))
    good = Outlook(rate, rate * 20, -np.expm1(-rate))
    flat = Outlook(np.full(n, rate.mean()), np.full(n, 20 * rate.mean()), np.full(n, 0.4))
    first = np.datetime64("2020-01-01") + rng.integers(0, 90, n).astype("timedelta64[D]")
    return happened, {"bezant": good, "flat": flat}, first


def test_means_of_groups_are_those_of_a_loop():
    rng = np.random.default_rng(1)
    group, did, said = rng.integers(0, 3, 50), rng.poisson(2.0, 50).astype(float), rng.random(50)
    found = grouped_demand(group, ("a", "b", "c"), did, {"bezant": said})
    for i in range(3):
        own = did[group == i]
        half = 1.959964 * own.std(ddof=1) / np.sqrt(len(own))
        assert found.customers[i] == len(own)
        assert found.observed[i] == pytest.approx(own.mean())
        assert found.high[i] == pytest.approx(own.mean() + half, rel=1e-5)
        assert found.low[i] == pytest.approx(max(own.mean() - half, 0), abs=1e-5)
        assert found.expected["bezant"][i] == pytest.approx(said[group == i].mean())


def test_tenths_are_of_one_size_and_the_first_has_the_greatest():
    score = np.random.default_rng(2).random(57)
    tenth, names = tenths(score)
    assert set(np.bincount(tenth)) <= {5, 6} and len(names) == 10
    assert all(score[tenth == i].min() >= score[tenth == i + 1].max() for i in range(9))
    assert tenths(np.array([1.0, 2.0]))[0].tolist() == [1, 0]


def test_lift_is_the_best_customers_share_over_their_number():
    rng = np.random.default_rng(3)
    score, did = rng.permutation(40).astype(float), rng.poisson(1.0, 40).astype(float)
    found = lift_at(score, did)
    order = np.argsort(-score)
    for depth, value in zip(DEPTHS, found, strict=True):
        reached = did[order][: round(depth * 40)].sum() / did.sum()
        assert value == pytest.approx(reached / depth)
    assert found[-1] == pytest.approx(1.0)


def test_customers_told_apart_by_nothing_have_no_lift():
    did = np.random.default_rng(4).poisson(1.0, 31).astype(float)
    np.testing.assert_allclose(lift_at(np.ones(31), did), 1.0)
    assert lift_at(np.ones(31), np.zeros(31)) == ()


@pytest.mark.parametrize(
    ("days", "first", "groups"),
    [(60, "2019-12-30", 9), (300, "2020-01", 10), (1200, "2020 Q1", 14), (4000, "2020", 11)],
)
def test_cohorts_are_as_fine_as_can_be_read(days, first, groups):
    labels = cohorts_of(np.datetime64("2020-01-01") + np.arange(days).astype("timedelta64[D]"))
    assert labels[0] == first
    assert len(np.unique(labels)) == groups
    assert (labels[:-1] <= labels[1:]).all()


def test_a_week_begins_on_monday():
    days = np.array(["2024-01-07", "2024-01-08", "2024-01-14"], "datetime64[D]")
    assert cohorts_of(days).tolist() == ["2024-01-01", "2024-01-08", "2024-01-08"]


def test_an_evaluation_keeps_its_groups_through_json():
    happened, expected, first = drawn()
    found = evaluate_demand(happened, expected, large="bezant", first=first)
    again = DemandEvaluation.from_json(found.to_json())
    assert again.curves == found.curves
    curves = found.curves
    assert sum(curves.cohorts.customers) == 403
    total = np.dot(curves.cohorts.customers, curves.cohorts.expected["flat"])
    assert total == pytest.approx(expected["flat"].count.sum())
    assert curves.totals[""] == pytest.approx(
        (happened.count.sum(), happened.spend.sum(), happened.active.sum())
    )
    assert curves.lift["active"]["bezant"][3] > 1.3
    assert curves.lift["active"]["flat"] == pytest.approx([1.0] * len(DEPTHS))


def test_without_days_or_spend_there_are_no_cohorts_and_no_spend():
    happened, expected, _ = drawn()
    none = Outlook(happened.count, np.zeros(403), happened.active)
    curves = evaluate_demand(none, expected, large="bezant").curves
    assert curves.cohorts is None and curves.spend is None and curves.lift["spend"]["bezant"] == ()


def test_an_evaluation_of_an_older_model_has_no_groups():
    said = json.loads(evaluate_demand(*drawn()[:2], large="bezant").to_json())
    del said["curves"]
    assert DemandEvaluation.from_json(json.dumps(said)).curves is None


def test_groups_need_a_value_each():
    with pytest.raises(InputError, match="2 groups"):
        GroupedDemand(("a", "b"), (1, 2), (0.0, 0.0), (0.0, 0.0), (1.0,), {})
