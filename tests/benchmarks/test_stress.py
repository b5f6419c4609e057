"""The benchmark of stress joins figures as of their publication."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pytest

from bezant.benchmarks.stress import LAG, SCENARIOS, macro_covariates
from bezant.histories import join_as_of

pytest.importorskip("statsmodels")


HALVES = [(2007, "07"), (2008, "01"), (2008, "07"), (2009, "01"), (2009, "07"), (2010, "01")]


def joined(days: list[str]) -> pd.DataFrame:
    left = pa.table({"ApprovalDate": pa.array(pd.to_datetime(days))})
    right = macro_covariates()
    table = join_as_of(left, right, time="ApprovalDate", observed="quarter", lag=LAG, inclusive=False)
    frame: pd.DataFrame = table.to_pandas()
    return frame


def test_a_quarter_is_known_120_days_after_it_began() -> None:
    frame = joined(["2007-01-01", "2007-01-29", "2007-01-30"])
    assert frame["quarter"].dt.strftime("%Y-%m-%d").tolist() == ["2006-07-01", "2006-07-01", "2006-10-01"]


def test_the_baseline_is_what_was_known_when_the_book_began() -> None:
    known = joined(["2007-01-01"]).iloc[0]
    for column, path in SCENARIOS[0].values.items():
        if column != "rise":  # a rate that stays where it is does not rise, whatever it did before
            assert set(path) == {round(float(known[column]), 1)}  # type: ignore[arg-type]
    assert set(SCENARIOS[0].values["rise"]) == {0.0}  # type: ignore[arg-type]


def test_the_path_that_came_is_what_was_known_at_the_half_years() -> None:
    known = joined([f"{year}-{month}-01" for year, month in HALVES])
    for column, path in SCENARIOS[-1].values.items():
        off = 0.06 if column != "rise" else 0.11  # the difference of two rounded rates
        assert known[column].to_numpy() == pytest.approx(path, abs=off)
