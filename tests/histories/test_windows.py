import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from bezant.histories.windows import Windows, windows_of
from bezant.types import InputError

SIZES = st.lists(st.integers(0, 9), max_size=8)


def _offsets(sizes):
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


@settings(max_examples=50, deadline=None)
@given(sizes=SIZES, length=st.integers(1, 5))
def test_windows_hold_every_record_of_every_history_exactly_once(sizes, length):
    windows = windows_of(_offsets(sizes), length, length)
    rows = [r for a, b in zip(windows.start, windows.stop, strict=True) for r in range(a, b)]
    assert rows == list(range(sum(sizes)))


@settings(max_examples=50, deadline=None)
@given(sizes=SIZES, length=st.integers(1, 5), data=st.data())
def test_windows_are_those_of_a_loop(sizes, length, data):
    stride = data.draw(st.integers(1, length))
    offsets, expected = _offsets(sizes), []
    for history, size in enumerate(sizes):
        start = 0
        while size:
            expected.append((history, offsets[history] + start, offsets[history] + min(start + length, size)))
            if start + length >= size:
                break
            start += stride
    found = windows_of(offsets, length, stride)
    assert list(zip(found.history, found.start, found.stop, strict=True)) == expected


def test_a_stride_that_skips_records_is_refused():
    with pytest.raises(InputError, match="A stride of 3 skips records"):
        windows_of(_offsets([5]), 2, 3)
    with pytest.raises(InputError, match="give at least 1"):
        windows_of(_offsets([5]), 0, 0)


def test_an_empty_window_is_refused():
    one = np.array([0])
    with pytest.raises(InputError, match="1 windows hold no record"):
        Windows(one, one, one)
