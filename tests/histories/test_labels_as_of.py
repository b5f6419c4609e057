"""Labels as of a cut-off, against a loop by hand and against garbage in the future."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bezant.datasets import load
from bezant.histories.labels_as_of import DAYS_A_MONTH, LabelsAsOf, labels_as_of
from bezant.types import InputError

CUTOFF = "2004-01-01"


def loans(n: int = 400, seed: int = 0) -> tuple[pd.Series, pd.Series]:
    rng = np.random.default_rng(seed)
    start = pd.Timestamp("1998-01-01") + pd.to_timedelta(rng.integers(0, 3000, n), "D")
    event = pd.Series(start) + pd.to_timedelta(rng.integers(0, 2500, n), "D")
    return pd.Series(start), event.mask(pd.Series(rng.random(n) < 0.5))


def test_a_loan_not_yet_charged_off_is_not_yet_a_default() -> None:
    start, event = loans()
    labels = labels_as_of(start, event, cutoff=CUTOFF)
    cutoff = pd.Timestamp(CUTOFF)
    for i in range(len(start)):
        assert labels.known[i] == (start[i] < cutoff)
        if not labels.known[i]:
            assert not labels.event[i] and np.isnan(labels.duration[i])
            continue
        seen = pd.notna(event[i]) and event[i] < cutoff
        assert labels.event[i] == seen
        last = event[i] if seen else cutoff
        assert labels.duration[i] == pytest.approx((last - start[i]).days / DAYS_A_MONTH)
        assert labels.followed[i] == pytest.approx((cutoff - start[i]).days / DAYS_A_MONTH)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000))
def test_garbage_after_the_cut_off_changes_no_label(seed: int) -> None:
    start, event = loans(60, seed)
    rng = np.random.default_rng(seed)
    garbage = pd.Timestamp(CUTOFF) + pd.to_timedelta(pd.Series(rng.integers(0, 9999, 60)), "D")
    open_then = event.isna() | (event >= CUTOFF)
    other = event.where(~open_then, garbage.mask(rng.random(60) < 0.3))
    one, two = (labels_as_of(start, e, cutoff=CUTOFF) for e in (event, other))
    for name in ("known", "event", "duration", "followed"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    assert one.notes == two.notes


def test_a_young_default_is_no_decided_default() -> None:
    start = np.array(["2000-01-01", "2000-01-01", "2003-01-01", "2003-01-01"], "datetime64[D]")
    event = np.array(["2001-06-01", "2003-06-01", "2003-06-01", "NaT"], "datetime64[D]")
    labels = labels_as_of(start, event, cutoff=CUTOFF)
    bad, decided = labels.within(36)
    assert decided.tolist() == [True, True, False, False]
    assert bad.tolist() == [True, False, False, False]


def test_what_comes_to_light_late_is_known_late() -> None:
    start = np.array(["2002-01-01", "2002-01-01", "2003-12-20"], "datetime64[D]")
    event = np.array(["2003-11-15", "2003-08-01", "NaT"], "datetime64[D]")
    labels = labels_as_of(start, event, cutoff=CUTOFF, lag=timedelta(days=90))
    assert labels.event.tolist() == [False, True, False]
    assert labels.known.tolist() == [True, True, False]
    assert labels.followed[0] == pytest.approx((730 - 90) / DAYS_A_MONTH)


def test_a_sold_loan_is_observed_until_its_sale() -> None:
    start = np.array(["2002-01-01"] * 3, "datetime64[D]")
    event = np.array(["2003-06-01", "2003-06-01", "NaT"], "datetime64[D]")
    until = np.array(["2003-01-01", "NaT", "2009-01-01"], "datetime64[D]")
    labels = labels_as_of(start, event, cutoff=CUTOFF, observed_until=until)
    assert labels.event.tolist() == [False, True, False]
    np.testing.assert_allclose(labels.followed * DAYS_A_MONTH, [365, 730, 730])


def test_what_cannot_be_is_left_out_and_said() -> None:
    start = np.array(["2002-01-01", "2002-01-01", "NaT", "2005-01-01"], "datetime64[D]")
    event = np.array(["2001-06-01", "2003-06-01", "NaT", "NaT"], "datetime64[D]")
    labels = labels_as_of(start, event, cutoff=CUTOFF)
    assert labels.known.tolist() == [False, True, False, False]
    assert len(labels.notes) == 3


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"originated": ["2005-01-01"]}, "None of the 1 loans was originated"),
        ({"event_time": ["2003-01-01", "2003-01-01"]}, "1 originations but 2 values"),
        ({"originated": ["yesterday"]}, "instead of times"),
        ({"lag": timedelta(days=-1)}, "0 or more"),
    ],
)
def test_what_cannot_be_labelled_is_said_in_a_sentence(given: dict[str, object], said: str) -> None:
    asked = {"originated": ["2002-01-01"], "event_time": ["2003-01-01"], "cutoff": CUTOFF} | given
    with pytest.raises(InputError, match=said):
        labels_as_of(asked.pop("originated"), asked.pop("event_time"), **asked)


def test_labels_that_contradict_themselves_are_refused() -> None:
    yes, no = np.array([True]), np.array([False])
    with pytest.raises(ValueError, match="only known"):
        LabelsAsOf(no, yes, np.array([1.0]), np.array([1.0]))
    with pytest.raises(ValueError, match="lengths"):
        LabelsAsOf(yes, no, np.array([1.0, 2.0]), np.array([1.0]))


def test_hindsight_counts_more_defaults_of_real_loans_than_were_known() -> None:
    sample = load("sba-sample", raw=True)
    labels = labels_as_of(sample["ApprovalDate"], sample["ChgOffDate"], cutoff=CUTOFF)
    hindsight = sample["default"].to_numpy()[labels.known]
    assert labels.event[labels.known].mean() < 0.7 * hindsight.mean()
    young = labels.known & (labels.followed < 24)
    assert labels.event[young].mean() < 0.1 * sample["default"].to_numpy()[young].mean()
