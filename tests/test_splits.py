"""Splits: nothing twice, nothing from the future, entities whole; frames of the same kind come back."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bezant.splits import Split, by_entity, out_of_time, out_of_time_indices, stratified, take, walk_forward
from bezant.types import InputError

DAY = np.timedelta64(1, "D")
YEARS = [2003, 2001, 2005, 2002, 2004, 2005]
MOMENTS = [datetime.datetime(year, 6, 1) for year in YEARS]

times_of_days = st.lists(st.integers(0, 60), min_size=8, max_size=80).map(
    lambda days: np.datetime64("2020-01-01", "us") + np.array(days) * DAY
)


@pytest.fixture(params=["pandas", "polars", "arrow"])
def frame(request):
    columns = {"when": MOMENTS, "row": list(range(6))}
    return {"pandas": pd.DataFrame, "polars": pl.DataFrame, "arrow": pa.table}[request.param](columns)


def rows_of(frame) -> list[int]:
    return frame["row"].to_pylist() if isinstance(frame, pa.Table) else list(frame["row"])


def test_out_of_time_returns_the_same_kind_in_the_given_order(frame):
    train, test = out_of_time(frame, time="when", cutoff="2004-01-01")
    assert type(train) is type(test) is type(frame)
    assert rows_of(train) == [0, 1, 3]
    assert rows_of(test) == [2, 4, 5]


def test_a_row_exactly_at_the_cutoff_is_judged_on_and_not_learned_from():
    _, test = out_of_time_indices(MOMENTS, cutoff=datetime.date(2004, 6, 1))
    assert test.tolist() == [2, 4, 5]
    assert out_of_time_indices(YEARS, cutoff=2004).test.tolist() == [2, 4, 5]


def test_rows_of_one_time_stay_together_when_a_fraction_is_asked_for():
    split = out_of_time_indices(YEARS, fraction=1 / 6)
    assert split.test.tolist() == [2, 5]  # two rows of 2005, although one would have been enough


def test_times_with_a_zone_are_compared_in_universal_time():
    zone = datetime.timezone(datetime.timedelta(hours=2))
    times = pd.Series(pd.to_datetime(["2004-01-01 01:00", "2004-01-01 03:00"])).dt.tz_localize(zone)
    assert out_of_time_indices(times, cutoff="2004-01-01").train.tolist() == [0]
    at = datetime.datetime(2004, 1, 1, 2, tzinfo=zone)
    assert out_of_time_indices(times, cutoff=at).train.tolist() == [0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"cutoff": None}, ["cutoff=", "fraction="]),
        ({"cutoff": "2004-01-01", "fraction": 0.2}, ["not both"]),
        ({"cutoff": "1990-01-01"}, ["'when'", "before", "2001", "2005"]),
        ({"cutoff": "2040-01-01"}, ["'when'", "at or after"]),
        ({"cutoff": "soon"}, ["'soon'", "2004-01-31"]),
        ({"cutoff": 2004}, ["2004", "2004-01-31"]),
        ({"fraction": 1.0}, ["fraction=1.0"]),
    ],
)
def test_an_impossible_cutoff_is_refused_in_one_sentence(frame, options, words):
    with pytest.raises(InputError) as caught:
        out_of_time(frame, time="when", **options)
    assert all(word in str(caught.value) for word in words)
    assert str(caught.value).count(". ") == 0


def test_missing_times_are_counted_and_text_times_are_refused():
    gaps = pd.DataFrame({"when": [pd.Timestamp("2001-01-01"), pd.NaT, pd.NaT]})
    with pytest.raises(InputError, match="'when' is missing in 2 of 3 rows"):
        out_of_time(gaps, time="when", cutoff="2002-01-01")
    with pytest.raises(InputError, match="missing in 1 of 2 rows"):
        out_of_time_indices(np.array([2001.0, np.nan]), cutoff=2001)
    with pytest.raises(InputError, match="to_datetime"):
        out_of_time(pd.DataFrame({"when": ["2001-01-01", "2002-01-01"]}), time="when", fraction=0.5)
    with pytest.raises(InputError, match="did you mean 'when'"):
        out_of_time(gaps, time="wen", fraction=0.5)
    with pytest.raises(InputError, match="0 rows"):
        out_of_time_indices(np.array([], dtype="datetime64[us]"), fraction=0.5)
    with pytest.raises(InputError, match="dict is no frame"):
        out_of_time({"when": [1]}, time="when", fraction=0.5)


@given(times=times_of_days, fraction=st.floats(0.05, 0.95))
@settings(max_examples=50, deadline=None)
def test_no_training_row_is_as_late_as_a_test_row(times, fraction):
    if len(np.unique(times[np.argsort(times)[-max(1, round(fraction * len(times))) :]])) == len(
        np.unique(times)
    ):
        return  # the held-out share reaches the earliest time: refused, which another test shows
    train, test = out_of_time_indices(times, fraction=fraction)
    assert times[train].max() < times[test].min()
    assert sorted([*train, *test]) == list(range(len(times)))
    assert len(test) >= round(fraction * len(times))


def test_a_split_refuses_empty_parts_and_shared_rows_and_is_frozen():
    with pytest.raises(InputError, match="test part"):
        Split(np.array([1]), np.array([], dtype=int))
    with pytest.raises(InputError, match="hold 1 same rows"):
        Split(np.array([1, 2, 9]), np.array([2, 3]))
    split = Split(np.array([1]), np.array([0]))
    with pytest.raises(ValueError, match="read-only"):
        split.train[0] = 5


def test_take_reads_frames_and_matrices(frame):
    split = Split(np.array([5, 0]), np.array([3]))
    assert [rows_of(part) for part in take(frame, split)] == [[5, 0], [3]]
    train, test = take(np.arange(12).reshape(6, 2), split)
    assert train.tolist() == [[10, 11], [0, 1]]
    assert test.tolist() == [[6, 7]]


# --------------------------------------------------------------------------------------- stratified


@given(
    y=st.lists(st.integers(0, 2), min_size=0, max_size=60).map(lambda y: np.array([0, 0, 1, 1, 2, 2, *y])),
    fraction=st.floats(0.05, 0.95),
    seed=st.integers(0, 99),
)
@settings(max_examples=50, deadline=None)
def test_each_class_has_the_same_share_on_both_sides(y, fraction, seed):
    train, test = stratified(y, fraction, seed)
    assert sorted([*train, *test]) == list(range(len(y)))
    for value in range(3):
        rows, held = (y == value).sum(), (y[test] == value).sum()
        assert 1 <= held < rows
        assert abs(held - fraction * rows) <= 1


def test_the_same_seed_gives_the_same_split_and_another_seed_another():
    y = np.arange(200) % 2
    for split in (stratified, by_entity):
        values = y if split is stratified else np.arange(200)
        assert split(values, 0.3, 1).test.tolist() == split(values, 0.3, 1).test.tolist()
        assert split(values, 0.3, 1).test.tolist() != split(values, 0.3, 2).test.tolist()


def test_stratified_draws_every_row_equally_often():
    y = np.repeat([0, 1], [40, 10])
    drawn = sum(np.bincount(stratified(y, 0.3, seed).test, minlength=50) for seed in range(600))
    assert drawn.min() > 120  # expected 180, standard deviation 11
    assert drawn.max() < 240


def test_stratified_names_a_class_that_is_too_small_and_counts_missing_outcomes():
    with pytest.raises(InputError, match="class 7 has 1 of 3 rows"):
        stratified([1, 1, 7], 0.5)
    with pytest.raises(InputError, match="'y' is missing in 1 of 3 rows"):
        stratified([1.0, 0.0, np.nan], 0.5)


# ---------------------------------------------------------------------------------------- by entity


@given(
    entities=st.lists(st.sampled_from("abcdefgh"), min_size=0, max_size=60).map(lambda e: ["x", "y", *e]),
    fraction=st.floats(0.05, 0.95),
    seed=st.integers(0, 99),
)
@settings(max_examples=50, deadline=None)
def test_an_entity_is_never_on_both_sides(entities, fraction, seed):
    train, test = by_entity(entities, fraction, seed)
    left, right = {entities[i] for i in train}, {entities[i] for i in test}
    assert not left & right
    assert sorted([*train, *test]) == list(range(len(entities)))
    assert abs(len(right) - fraction * len({*entities})) <= 1
    backwards = by_entity(entities[::-1], fraction, seed)
    assert {entities[::-1][i] for i in backwards.test} == right


@pytest.mark.parametrize("kind", [pd.Series, pl.Series, np.array, pa.array, pd.Categorical])
def test_entities_may_come_as_any_kind_of_column(kind):
    values = ["a", "b", "a", "c", "b"]
    assert by_entity(kind(values), 0.4, 3).test.tolist() == by_entity(values, 0.4, 3).test.tolist()


def test_one_entity_or_a_missing_entity_is_refused():
    with pytest.raises(InputError, match="All 2 rows belong to 'a'"):
        by_entity(["a", "a"], 0.5)
    with pytest.raises(InputError, match="missing in 1 of 3 rows"):
        by_entity(["a", None, "b"], 0.5)


# ------------------------------------------------------------------------------------- walk forward


def slow_walk(times, test, train, step, purge, embargo):
    """A loop by hand over distinct times, row by row; sizes are numbers of distinct times."""
    distinct = sorted(set(times.tolist()))
    start = purge + embargo + (train or test)
    while start + test <= len(distinct):
        learned, judged = [], []
        for row, moment in enumerate(times.tolist()):
            place = distinct.index(moment)
            if start <= place < start + test:
                judged.append(row)
            fresh = train is None or place >= start - purge - embargo - train
            if place + purge + embargo < start and fresh:
                learned.append(row)
        yield learned, judged
        start += step


sizes = st.tuples(
    st.integers(1, 5), st.none() | st.integers(1, 8), st.integers(0, 4), st.integers(0, 4), st.integers(0, 3)
)


@given(times=times_of_days, sizes=sizes)
@settings(max_examples=50, deadline=None)
def test_walk_forward_agrees_with_a_loop_by_hand(times, sizes):
    test, train, extra, purge, embargo = sizes
    expected = list(slow_walk(times, test, train, test + extra, purge, embargo))
    options = {
        "test_size": test,
        "train_size": train,
        "step": test + extra,
        "purge": purge,
        "embargo": embargo,
    }
    if not expected:
        with pytest.raises(InputError, match="No walk-forward window fits"):
            walk_forward(times, **options)
        return
    found = [(sorted(train), sorted(test)) for train, test in walk_forward(times, **options)]
    assert found == expected


@given(
    times=times_of_days,
    test=st.integers(1, 9),
    train=st.none() | st.integers(1, 20),
    purge=st.integers(0, 6),
    embargo=st.integers(0, 6),
    partial=st.booleans(),
)
@settings(max_examples=50, deadline=None)
def test_no_label_reaches_into_its_test_and_no_row_is_judged_twice(
    times, test, train, purge, embargo, partial
):
    options = {"test_size": test * DAY, "purge": purge * DAY, "embargo": embargo * DAY, "partial": partial}
    try:
        walk = list(walk_forward(times, train_size=None if train is None else train * DAY, **options))
    except InputError:
        return
    judged = np.concatenate([split.test for split in walk])
    assert len(np.unique(judged)) == len(judged)
    for learned, held in walk:
        assert (times[learned] + (purge + embargo) * DAY).max() < times[held].min()
        assert times[held].max() - times[held].min() < test * DAY
        if train is not None:
            assert times[learned].max() - times[learned].min() < train * DAY


def test_durations_may_be_text_timedelta_or_numpy():
    times = pd.date_range("2020-01-01", periods=100, freq="D").to_series()
    weeks = [w.test.tolist() for w in walk_forward(times, test_size="2W", train_size="28D", purge="24h")]
    days = datetime.timedelta
    same = walk_forward(times, test_size=days(14), train_size=np.timedelta64(4, "W"), purge=days(1))
    assert weeks == [w.test.tolist() for w in same]
    assert weeks[0] == list(range(29, 43))


def test_twelve_months_are_a_whole_year():
    months = pd.date_range("2018-01-01", "2020-12-01", freq="MS").to_series()
    walk = list(walk_forward(months, test_size="365D", first_test="2019-01-01"))
    assert [w.test.tolist() for w in walk] == [list(range(12, 24)), list(range(24, 36))]
    assert len(list(walk_forward(months[:-2], test_size="365D", first_test="2019-01-01"))) == 1


def test_a_whole_day_of_a_panel_is_one_step():
    times = np.repeat(np.arange(6), 3)  # six days, three assets
    walk = list(walk_forward(times, test_size=2, train_size=2))
    assert [w.test.tolist() for w in walk] == [list(range(6, 12)), list(range(12, 18))]
    assert [w.train.tolist() for w in walk] == [list(range(6)), list(range(6, 12))]


def test_the_first_test_may_be_named_and_the_last_may_be_partial():
    times = np.arange(2000, 2010)
    walk = list(walk_forward(times, test_size=3, first_test=2005))
    assert [w.test.tolist() for w in walk] == [[5, 6, 7]]
    walk = list(walk_forward(times, test_size=3, first_test=2005, partial=True))
    assert [w.test.tolist() for w in walk] == [[5, 6, 7], [8, 9]]
    moments = np.datetime64("2020-01-01", "us") + np.arange(10) * DAY
    named = next(iter(walk_forward(moments, test_size="3D", first_test="2020-01-05 12:00")))
    assert named.test.tolist() == [5, 6, 7]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"test_size": 0}, "above 0"),
        ({"test_size": 2, "purge": -1}, "not below"),
        ({"test_size": 2, "step": 1}, "judged twice"),
        ({"test_size": 2, "train_size": "3D"}, "mix numbers of times and durations"),
        ({"test_size": "a while"}, "'a while'"),
        ({"test_size": 1.5}, "neither a whole number"),
        ({"test_size": 200}, "10 distinct times"),
    ],
)
def test_sizes_that_make_no_sense_are_refused_at_the_call(options, words):
    with pytest.raises(InputError, match=words):
        walk_forward(np.datetime64("2020-01-01", "us") + np.arange(10) * DAY, **options)


def test_durations_need_times_and_times_must_be_there():
    with pytest.raises(InputError, match="times holds numbers"):
        walk_forward([1, 2, 3], test_size="1D")
    with pytest.raises(InputError, match="missing in 1 of 3 rows"):
        walk_forward(pd.Series([pd.NaT, *MOMENTS[:2]]), test_size=1)
