"""Customers' demand: nothing from the future, no answer that explodes, groups that can be read."""

from __future__ import annotations

import datetime
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bezant as bz
from bezant.desks.customers.demand_fit import _notes
from bezant.desks.customers.demand_rows import Window, demand_rows, past_windows
from bezant.desks.customers.demand_segments import customer_segments
from bezant.desks.customers.demand_settings import read_backbone, read_day, read_horizon
from bezant.desks.customers.demand_trust import Trust, best_law
from bezant.evidence.demand import Outlook
from bezant.histories.readers import read_table
from bezant.traditional.demand import GammaGamma, bg_nbd, pareto_nbd, purchases, summarise
from bezant.types import InputError

START, UNTIL = np.datetime64("2020-01-01"), np.datetime64("2020-10-01")


def log(customers: int = 260, seed: int = 0) -> pd.DataFrame:
    """Customers who begin in ten weeks, buy at rates of their own and leave one day."""
    rng = np.random.default_rng(seed)
    who, day = [], []
    for i in range(customers):
        now, pace = int(rng.integers(0, 70)), rng.gamma(2.0, 12.0)
        while now < 400:
            who.append(i)
            day.append(now)
            if rng.random() < 0.15:
                break
            now += 1 + int(rng.exponential(pace))
    amount = np.round(rng.gamma(4.0, 8.0, len(who)), 2)
    return pd.DataFrame(
        {"customer": who, "time": START + np.array(day).astype("timedelta64[D]"), "amount": amount}
    )


def desk(**more) -> bz.CustomerDemand:
    usual = {"horizon": "20W", "amount": "amount", "backbone": None, "training": {"max_epochs": 2}}
    return bz.CustomerDemand(**{**usual, "progress": False, "random_state": 0, **more})


@pytest.fixture(scope="module")
def events() -> pd.DataFrame:
    return log()


@pytest.fixture(scope="module")
def fitted(events) -> bz.CustomerDemand:
    return desk(backbone={"kind": "rnn", "width": 16}).fit(events, until=UNTIL)


def laws():
    """Laws with parameters as they might be found."""
    found = {"bg_nbd": bg_nbd(), "pareto_nbd": pareto_nbd()}
    for law, parameters in zip(found.values(), ((0.5, 6.0, 0.7, 2.0), (0.6, 8.0, 0.6, 10.0)), strict=True):
        law.parameters_, law.spend_ = parameters, GammaGamma(6.0, 4.0, 15.0)
    return found


def test_nothing_after_the_cut_changes_a_fit_or_an_answer(events, fitted):
    later = events["time"] >= UNTIL
    changed = events.copy()
    changed.loc[later, "amount"] = 1e6
    changed.loc[later, "customer"] += 1000
    again = desk(backbone={"kind": "rnn", "width": 16}).fit(
        changed.sample(frac=1, random_state=1), until=UNTIL
    )
    pd.testing.assert_frame_equal(again.predict(), fitted.predict())
    assert str(again.evaluation_) == str(fitted.evaluation_)


@given(cut=st.integers(80, 300), seed=st.integers(0, 5))
@settings(max_examples=10, deadline=None)
def test_rows_of_a_cut_know_nothing_from_it_on(cut, seed):
    events = log(40, seed)
    window = Window(START + np.timedelta64(cut, "D"), 10.0)
    whole = demand_rows(purchases(read_table(events), amount="amount"), window, laws())
    known = demand_rows(
        purchases(read_table(events[events["time"] < window.cut]), amount="amount"), window, laws()
    )
    for one, other in zip(whole.batch.tensors(), known.batch.tensors(), strict=True):
        assert (one is None and other is None) or one.equal(other)


def test_answers_are_finite_coherent_and_cover_everyone_known(events, fitted):
    found = fitted.predict()
    assert list(found) == ["customer", "expected_count", "expected_spend", "p_active"]
    known = np.unique(events["customer"][events["time"] < UNTIL])
    assert found["customer"].tolist() == known.tolist()
    assert np.isfinite(found).all(axis=None)
    assert (found["p_active"] <= found["expected_count"] + 1e-12).all()
    assert found["expected_count"].max() < 20 * 7


def test_evaluation_stands_beside_both_laws_and_boosting_on_the_same_customers(fitted):
    judged = fitted.evaluation_
    assert [name.split(" ")[0] for name in judged.figures] == ["bezant", "BG/NBD", "Pareto/NBD", "LightGBM"]
    assert 30 < judged.rows < 80
    assert any("are believed" in note for note in fitted.notes_)
    assert any("shorter than twice the horizon" in note for note in fitted.notes_)


def test_unknown_customers_get_no_number_and_later_moments_lower_ones(fitted):
    found = fitted.predict(customers=[3, -7])
    assert found["customer"].tolist() == [3, -7]
    assert found.iloc[1, 1:].isna().all()
    assert found["customer"].dtype == np.int64
    with pytest.raises(InputError, match="same type"):
        fitted.predict(customers=["3"])
    later = fitted.predict(at="2021-03-01")
    assert later["expected_count"].sum() < 0.8 * fitted.predict()["expected_count"].sum()


def test_one_name_is_one_customer(events, fitted):
    assert fitted.predict(3).equals(fitted.predict([3]))
    named = desk().fit(events.assign(customer=events["customer"].map("c{:03d}".format)), until=UNTIL)
    assert named.predict("c003").equals(named.predict(["c003"]))
    assert named.predict("c003")["customer"].tolist() == ["c003"]


def test_an_earlier_moment_reads_earlier_purchases_alone_and_new_events_can_be_read(events, fitted):
    early = np.datetime64("2020-08-01")
    found = fitted.predict(at=early)
    only = events[events["time"] < early]
    pd.testing.assert_frame_equal(found, fitted.predict(at=early, events=only))
    one = only.head(1).assign(customer=99_999)
    assert np.isfinite(fitted.predict(at=early, events=one)["expected_count"]).all()


def test_saved_and_loaded_it_answers_the_same(fitted, tmp_path):
    again = bz.load(fitted.save(tmp_path / "model"))
    pd.testing.assert_frame_equal(again.predict(), fitted.predict())
    pd.testing.assert_frame_equal(again.segments(), fitted.segments())
    assert again.notes_ == fitted.notes_
    assert str(again.evaluation_) == str(fitted.evaluation_)


def test_names_of_text_polars_and_no_amounts_work(events):
    texts = pl.from_pandas(events.assign(customer="c" + events["customer"].astype(str)))
    found = desk(amount=None, training={"max_epochs": 1}).fit(texts, until=UNTIL)
    answer = found.predict(["c1", "nobody"])
    assert isinstance(answer, pl.DataFrame)
    assert answer["expected_spend"].is_nan().all()
    assert np.isfinite(answer["expected_count"][0])
    assert any("no spend is predicted" in note for note in found.notes_)


def test_segments_are_told_apart_by_rules_that_hold(events, fitted):
    table, members = fitted.segments(4), fitted.segments(4, members=True)
    assert 2 <= len(table) <= 4
    assert table["share"].sum() == pytest.approx(1)
    assert table["share_of_purchases"].sum() == pytest.approx(1)
    assert table["expected_count"].is_monotonic_decreasing
    assert members["segment"].value_counts().sort_index().tolist() == table["customers"].tolist()
    mean = fitted.predict()["expected_count"].groupby(members["segment"]).mean()
    np.testing.assert_allclose(mean, table["expected_count"])


def test_a_rule_says_what_the_tree_asked():
    days = np.concatenate([np.repeat(np.arange(60), 1), np.repeat(np.arange(60, 120), 3)])
    step = np.concatenate([np.zeros(60, int), np.tile([0, 20, 40], 60)])
    events = pd.DataFrame(
        {"customer": days, "time": START + step.astype("timedelta64[D]"), "amount": np.ones(len(days))}
    )
    known = summarise(purchases(read_table(events), amount="amount"), START + np.timedelta64(60, "D"))
    often = (known.frequency > 0).astype(float)
    found = customer_segments(known, {"expected_count": often, "expected_spend": often, "p_active": often}, 2)
    assert found.table["customers"].tolist() == [60, 60]
    rules = " | ".join(found.table["rule"])
    assert "purchase" in rules
    assert found.table["expected_count"].tolist() == [1.0, 0.0]


def test_windows_keep_to_the_known_period_and_to_the_proportion():
    short = past_windows(START, UNTIL, 39.0)
    assert short[-1].end == UNTIL
    for window in short:
        assert window.end <= UNTIL
        age = (window.cut - START) / np.timedelta64(7, "D")
        assert window.weeks / age == pytest.approx(39 / (274 / 7), rel=0.02)
    long = past_windows(START, START + np.timedelta64(7 * 200, "D"), 39.0)
    assert [w.weeks for w in long] == [39.0] * 4
    assert long[-1].end == START + np.timedelta64(7 * 200, "D")


def test_levels_put_the_totals_where_they_were():
    rows = demand_rows(purchases(read_table(log()), amount="amount"), Window(UNTIL, 20.0), laws())
    n = len(rows.names)
    expected = rows.expected["bg_nbd"]
    happened = Outlook(1.3 * expected.count, 0.8 * expected.spend, 0.9 * expected.active)
    trust = Trust("bg_nbd", ((1.0, 1.0),) * 3).levelled(rows, np.zeros((n, 3, 2)), happened)
    found = trust.outlook(rows, np.zeros((n, 3, 2)))
    assert trust.count == pytest.approx((1.3, 1.3))
    assert found.count.sum() == pytest.approx(happened.count.sum())
    assert found.spend.sum() == pytest.approx(happened.spend.sum())
    assert found.active.mean() == pytest.approx(happened.active.mean(), rel=0.02)


def test_what_is_missing_of_those_who_never_came_back_is_not_given_to_others():
    rows = demand_rows(purchases(read_table(log()), amount="amount"), Window(UNTIL, 20.0), laws())
    nothing, expected = np.zeros((len(rows.names), 3, 2)), rows.expected["bg_nbd"]
    factor = np.where(rows.repeated == 1, 1.0, 1.9)
    happened = Outlook(factor * expected.count, expected.spend, expected.active)
    trust = Trust("bg_nbd").levelled(rows, nothing, happened)
    assert trust.count == pytest.approx((1.9, 1.0))
    np.testing.assert_allclose(trust.outlook(rows, nothing).count, happened.count)


def test_the_law_is_chosen_whose_total_was_off_by_the_same_again():
    """Both expect the same of whom; the total of one drifts, that of the other is off for good."""
    bought = purchases(read_table(log()), amount="amount")
    parts = [demand_rows(bought, Window(UNTIL - np.timedelta64(7 * w, "D"), 10.0), laws()) for w in (8, 0)]
    steady, drifting = "pareto_nbd", "bg_nbd"
    happened = [
        Outlook(1.5 * rows.expected[steady].count, rows.expected[steady].spend, rows.expected[steady].active)
        for rows in parts
    ]
    for rows, factor in zip(parts, (0.6, 1.8), strict=True):
        counts = factor * rows.expected[steady].count
        rows.expected[drifting] = replace(rows.expected[drifting], count=counts)
    assert best_law(parts, happened).law == steady
    exact = [replace(rows, expected={**rows.expected, drifting: rows.expected[steady]}) for rows in parts]
    exact[1].expected[steady] = replace(exact[1].expected[steady], count=3.0 * happened[1].count)
    assert best_law(exact, happened).law == drifting


@pytest.mark.parametrize(("given_", "weeks"), [("39W", 39), ("14D", 2), ("1Y", 365.25 / 7), (6, 6)])
def test_a_horizon_is_read_in_its_unit(given_, weeks):
    assert read_horizon(given_) == pytest.approx(weeks)


def test_settings_and_events_that_cannot_be_are_refused_in_a_sentence(events):
    for value in ("39", "W", "0D", True, None):
        with pytest.raises(InputError, match="'39W'"):
            read_horizon(value)
    with pytest.raises(InputError, match="backbone is one of"):
        read_backbone("lstm", "tiny")
    with pytest.raises(InputError, match="is a time such as"):
        read_day("until", "yesterday")
    with pytest.raises(InputError, match="size is one of"):
        desk(size="huge").fit(events)
    with pytest.raises(InputError, match="'buyer'"):
        desk(customer="buyer").fit(events)
    with pytest.raises(InputError, match="turn it into dates"):
        desk(time="amount").fit(events)
    with pytest.raises(InputError, match=r"'amount' holds string in its .* turn it into numbers"):
        desk().fit(events.assign(amount="much"))
    with pytest.raises(InputError, match="Nobody bought before"):
        desk().fit(events, until=datetime.date(1999, 1, 1))
    with pytest.raises(InputError, match=r"The last purchase is of 2021-02-02, .* or leave it out"):
        desk().fit(events, until="2030-01-01")
    with pytest.raises(InputError, match="give a longer log"):
        desk().fit(events.head(50))
    with pytest.raises(InputError, match="missing in 1 of"):
        desk().fit(events.assign(time=events["time"].where(events.index > 0)))
    with pytest.raises(InputError, match="from 2 on"):
        customer_segments(None, {}, 1)


@pytest.mark.parametrize(("factor", "unsure"), [(1.1, False), (2.0, True), (0.5, True)])
def test_totals_that_were_moved_far_are_said_to_be_unsure(factor: float, unsure: bool) -> None:
    part: Any = SimpleNamespace(summary=[0] * 5, window=SimpleNamespace(cut=UNTIL, weeks=39.0))
    plan: Any = SimpleNamespace(horizon=39.0)
    notes = _notes([part], Trust("bg_nbd", count=(1.0, factor)), plan)
    assert any("did not hold" in note for note in notes) is unsure
