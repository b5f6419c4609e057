import datetime as dt
import os

import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings

from bezant.histories import Histories
from bezant.schema import Role, infer_schema
from bezant.types import ArtifactError, InputError

START = dt.datetime(2004, 1, 1)


def _day(n):
    return START + dt.timedelta(days=n)


def _make(events, owners=("a", "b", "c")):
    """Histories of (owner, day, amount) events in any order."""
    profile = pa.table({"customer": list(owners), "age": [30.0 + i for i in range(len(owners))]})
    records = pa.table(
        {
            "customer": pa.array([e[0] for e in events], pa.string()),
            "time": pa.array([_day(e[1]) for e in events], pa.timestamp("us")),
            "amount": pa.array([float(e[2]) for e in events], pa.float64()),
        }
    )
    schema = infer_schema(records.slice(0, 0) if not events else records, time="time",
                          identifiers=["customer"], kinds={"customer": "text"})  # fmt: skip
    return Histories.from_tables(profile, records, entity="customer", time="time", records_schema=schema)


EVENTS = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 6), st.integers(0, 10**6)), max_size=25)


def _same(a, b):
    assert a.profile.equals(b.profile)
    assert (a.records is None) == (b.records is None)
    assert a.records is None or a.records.equals(b.records)
    np.testing.assert_array_equal(a.offsets, b.offsets)
    assert (a.cuts is None) == (b.cuts is None)
    assert a.cuts is None or np.array_equal(a.cuts, b.cuts)
    assert (a.profile_schema, a.records_schema) == (b.profile_schema, b.records_schema)


@settings(max_examples=15, deadline=None)
@given(events=EVENTS)
def test_records_are_sorted_by_history_then_time_then_as_they_came(events):
    histories = _make(events)
    expected = [
        e for owner in "abc" for e in sorted((e for e in events if e[0] == owner), key=lambda e: e[1])
    ]
    found = zip(*(histories.records[n].to_pylist() for n in ("customer", "time", "amount")), strict=True)
    assert list(found) == [(owner, _day(day), amount) for owner, day, amount in expected]
    assert histories.lengths.tolist() == [sum(e[0] == owner for e in events) for owner in "abc"]


@settings(max_examples=15, deadline=None)
@given(events=EVENTS, cut=st.integers(0, 7))
def test_changing_records_at_or_after_the_cut_changes_nothing(events, cut):
    changed = [(owner, day, amount if day < cut else amount + 1) for owner, day, amount in events]
    changed = [e for e in changed if e[1] < cut or e[2] % 2]
    _same(_make(events).cut_at(_day(cut)), _make(changed).cut_at(_day(cut)))


def test_each_history_has_its_own_cut():
    histories = _make([("a", 1, 1), ("a", 2, 2), ("b", 1, 3), ("c", 0, 4)])
    cut = histories.cut_at(np.array([_day(2), _day(1), _day(5)], dtype="datetime64[us]"))
    assert cut.records["amount"].to_pylist() == [1, 4]
    assert cut.lengths.tolist() == [1, 0, 1]
    assert cut.cut_at(_day(9)).cuts.tolist() == [_day(2), _day(1), _day(5)]  # what is gone stays gone


@settings(max_examples=15, deadline=None)
@given(events=EVENTS, chosen=st.lists(st.integers(0, 2), max_size=6))
def test_taking_histories_takes_their_records(events, chosen):
    histories = _make(events)
    taken = histories.take(chosen)
    assert taken.profile["customer"].to_pylist() == ["abc"[i] for i in chosen]
    amounts = histories.records["amount"].to_pylist()
    expected = [v for i in chosen for v in amounts[histories.offsets[i] : histories.offsets[i + 1]]]
    assert taken.records["amount"].to_pylist() == expected
    assert len(taken) == len(chosen)


def test_a_history_that_does_not_exist_cannot_be_taken():
    for wrong in (-1, 3):
        with pytest.raises(IndexError, match="numbered 0 to 2"):
            _make([]).take([wrong])


def test_a_table_is_histories_without_records():
    table = pa.table({"x": ["1", "", "3"], "y": ["0", "1", "0"], "junk": ["a", "b", "c"]})
    schema = infer_schema(table, target="y", ignore=["junk"])
    histories = Histories.from_table(table, schema)
    assert len(histories) == 3
    assert histories.records is None
    assert histories.profile.to_pydict() == {"x": [1.0, None, 3.0], "y": [0.0, 1.0, 0.0]}
    assert histories.lengths.tolist() == [0, 0, 0]
    assert len(histories.windows(4)) == 0
    scored = Histories.from_table(table.drop_columns("y"), schema)  # no target is known when scoring
    assert scored.profile.column_names == ["x"]
    assert scored.take([2]).profile["x"].to_pylist() == [3.0]


def test_without_a_profile_each_entity_of_the_records_is_a_history():
    records = pa.table({"id": [3, 1, 3], "time": ["2004-03-01", "2004-01-01", "2004-01-01"], "x": [1, 2, 3]})
    histories = Histories.from_tables(None, records, entity="id", time="time")
    assert histories.profile["id"].to_pylist() == ["3", "1"]
    assert histories.records["x"].to_pylist() == [3.0, 1.0, 2.0]


def test_entities_are_the_same_however_they_are_written():
    profile = pa.table({"id": ["1", "2"], "age": [30, 40]})
    records = pa.table({"id": [2.0, 1.0], "time": ["2004-01-01"] * 2, "x": [1, 2]})
    histories = Histories.from_tables(profile, records, entity="id", time="time")
    assert histories.records["x"].to_pylist() == [2.0, 1.0]


@pytest.mark.parametrize(
    ("profile", "ids", "times", "said"),
    [
        (["a"], ["a", "z", "z"], ["2004-01-01"] * 3, "2 of 3 records are of entities .* such as 'z'"),
        (["a", "a"], ["a"], ["2004-01-01"], "1 of 2 profiles repeat an entity of column 'id'"),
        (["a"], ["a", None], ["2004-01-01"] * 2, "'id' is missing in 1 of 2 records"),
        (["a"], ["a", "a"], ["2004-01-01", None], "'time' is missing in 1 of 2 records"),
    ],
)
def test_records_that_belong_nowhere_are_refused_with_their_count(profile, ids, times, said):
    records = pa.table({"id": ids, "time": times, "x": list(range(len(ids)))})
    with pytest.raises(InputError, match=said):
        Histories.from_tables(pa.table({"id": profile}), records, entity="id", time="time")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"offsets": np.array([0, 1, 2])}, r"shape \(3,\) do not fit 3 histories"),
        ({"offsets": np.array([0, 1, 2, 2])}, "from 0 to 2"),
        ({"offsets": np.array([0, 3, 2, 3])}, "without falling"),
        ({"records_schema": None}, "come together"),
        ({"offsets": np.array([0, 3, 3, 3])}, "1 of 3 records are earlier"),
        ({"cuts": np.array([_day(9)] * 2, "datetime64[us]")}, "give 3 known times"),
        ({"cuts": np.array([_day(2)] * 3, "datetime64[us]")}, "1 of 3 records are not before their cut"),
    ],
)
def test_histories_that_contradict_themselves_are_refused(change, said):
    sound = _make([("a", 1, 1), ("a", 2, 2), ("b", 1, 3)])
    parts = {n: getattr(sound, n) for n in sound.__dataclass_fields__}
    with pytest.raises(InputError, match=said):
        Histories(**(parts | change))


def test_records_need_a_time_column():
    sound = _make([("a", 1, 1)])
    parts = {n: getattr(sound, n) for n in sound.__dataclass_fields__}
    with pytest.raises(InputError, match="names no time column"):
        Histories(**(parts | {"records_schema": sound.records_schema.with_role(Role.INPUT, "time")}))


@settings(max_examples=15, deadline=None)
@given(events=EVENTS, cut=st.none() | st.integers(0, 7))
def test_saving_and_loading_changes_nothing(events, cut, tmp_path_factory):
    histories = _make(events)
    histories = histories if cut is None else histories.cut_at(_day(cut))
    path = tmp_path_factory.mktemp("saved") / "h"
    histories.save(path)
    _same(Histories.load(path), histories)
    _same(Histories.load(path, verify=False), histories)


def test_saving_again_replaces_the_folder_and_leaves_nothing_beside_it(tmp_path):
    _make([("a", 1, 1)]).save(tmp_path / "h")
    with_records = Histories.load(tmp_path / "h")
    table = pa.table({"x": [1.0]})
    Histories.from_table(table, infer_schema(table)).save(tmp_path / "h")
    assert Histories.load(tmp_path / "h").records is None
    assert with_records.records["amount"].to_pylist() == [1]  # a map of the old files outlives them
    assert [p.name for p in tmp_path.iterdir()] == ["h"]


@pytest.mark.parametrize("step", range(12))
def test_a_disk_that_fails_while_saving_leaves_what_was_there(tmp_path, monkeypatch, step):
    old = _make([("a", 1, 1)])
    old.save(tmp_path / "h")
    real, calls = {n: getattr(os, n) for n in ("fsync", "rename")}, [0]

    def failing(name):
        def call(*args):
            calls[0] += 1
            if calls[0] == step + 1:
                raise OSError(28, "No space left on device")
            return real[name](*args)

        return call

    with monkeypatch.context() as patched:
        for name in real:
            patched.setattr(os, name, failing(name))
        try:
            _make([("b", 2, 2)]).save(tmp_path / "h")
            failed = False
        except OSError:
            failed = True
    assert failed == (step < 9)  # six files, the folder, two renames
    _same(Histories.load(tmp_path / "h"), old if failed else _make([("b", 2, 2)]))
    assert [p.name for p in tmp_path.iterdir()] == ["h"]


def test_a_changed_shortened_or_missing_file_is_refused_by_name(tmp_path):
    _make([("a", 1, 1)]).save(tmp_path / "h")
    for file in sorted((tmp_path / "h").iterdir()):
        whole = file.read_bytes()
        flipped = bytearray(whole)
        flipped[len(whole) // 2] ^= 1
        for broken in (bytes(flipped), whole[:-1], None):
            file.unlink() if broken is None else file.write_bytes(broken)
            if file.name != "manifest.json":
                with pytest.raises(ArtifactError, match=file.name):
                    Histories.load(tmp_path / "h")
            file.write_bytes(whole)
    Histories.load(tmp_path / "h")


def test_a_folder_of_something_else_is_neither_read_nor_overwritten(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.txt").write_text("keep")
    with pytest.raises(ArtifactError, match="holds no saved histories"):
        Histories.load(tmp_path / "mine")
    with pytest.raises(InputError, match="name another folder"):
        _make([]).save(tmp_path / "mine")
    assert (tmp_path / "mine" / "a.txt").read_text() == "keep"
    with pytest.raises(InputError, match="make it first"):
        _make([]).save(tmp_path / "none" / "h")
