"""The data sets as a user sees them: the shipped sample always, the fetched ones where they are cached."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from bezant import datasets
from bezant.datasets.cache import cached_path
from bezant.schema import infer_schema
from bezant.types import InputError

FETCHED = {  # rows, events: counted by hand with DuckDB or pandas on the source files
    "sba-loans": (897_167, 157_558),
    "lending-club": (9_857, 517),
    "credit-data": (4_454, 1_254),
    "german-credit": (1_000, 300),
    "hmda": (2_380, 285),
    "card-applications": (1_319, 296),
    "loans-full-schema": (10_000, 178),
    "caravan": (5_822, 348),
}
WITHOUT_TARGET = {  # rows, the column that says whose or what, distinct values of it: by wc, cut and sort -u
    "cdnow": (69_659, "customer", 23_570),
    "cdnow-sample": (6_919, "customer", 2_357),
    "movielens-100k": (100_000, "item", 1_682),
    "movielens-100k-items": (1_682, "item", 1_682),
    "movielens-100k-users": (943, "user", 943),
}
MARKETS = {  # rows, columns, missing values, last value of a column: by zcat, wc and tail
    "sp500": (5_031, 8, 0, ("close", 2506.850098)),
    "nasdaq": (5_031, 8, 0, ("volume", 2098560000.0)),
    "european-indices": (7_440, 3, 0, ("close", 7676.3)),
    "dow-jones": (37_931, 3, 0, ("close", 35088.289063)),
    "vix": (1_305, 2, 46, ("vix", 25.45)),
    "wti": (8_611, 3, 290, ("close", 46.92)),
    "default-spreads": (1_200, 3, 0, ("baa", 5.13)),
    "us-stocks-20": (166_260, 3, 0, ("close", 106.627)),
    "us-factors-5": (11_320, 3, 0, ("close", 88.473)),
    "us-macro": (203, 13, 0, ("realgdp", 12990.341)),
}
LEAKS = {
    "ChgOffDate",
    "ChgOffPrinGr",
    "BalanceGross",
    "Term",
    "DisbursementGross",
    "DisbursementDate",
    "Bank",
}


@pytest.fixture(scope="module")
def sample() -> pd.DataFrame:
    return datasets.load("sba-sample")


@pytest.fixture(scope="module")
def raw_sample() -> pa.Table:
    return datasets.load_table("sba-sample", raw=True)


def test_the_sample_has_the_documented_columns_types_and_rate(sample):
    task = datasets.task("sba-sample")
    assert len(sample) == 60_000
    assert not set(task.drop) & set(sample)
    assert sample["default"].dtype == np.int64
    assert set(sample["default"]) == {0, 1}
    assert sample["default"].mean() == pytest.approx(0.1686, abs=1e-9)
    assert sample["ApprovalDate"].dt.year.min() == 1990
    assert sample["ApprovalDate"].dt.year.max() == 2007
    assert sample["GrAppv"].dtype == np.float64
    assert sample["Zip"].str.fullmatch(r"\d{5}").all()


def test_the_raw_sample_keeps_the_leaks_for_check_to_find(raw_sample):
    assert set(raw_sample.column_names) >= LEAKS
    assert "Name" not in raw_sample.column_names
    frame = raw_sample.to_pandas()
    assert frame["LoanNr_ChkDgt"].is_unique
    assert ((frame["MIS_Status"] == "CHGOFF") == frame["default"]).all()
    assert frame.loc[frame["default"] == 1, "ChgOffDate"].notna().mean() > 0.99
    odd = frame["Term"] % 12 != 0  # the leak that Term is dropped for
    assert odd[frame["default"] == 1].mean() > 0.8
    assert odd[frame["default"] == 0].mean() < 0.2


def test_raw_and_typed_hold_the_same_rows_in_the_same_order(sample, raw_sample):
    assert raw_sample["default"].to_pylist() == sample["default"].tolist()
    assert raw_sample["GrAppv"].to_pylist() == sample["GrAppv"].tolist()


def test_the_sample_file_is_small_and_needs_no_network(monkeypatch):
    assert cached_path(datasets.DATASETS["sba-sample"], raw=False).stat().st_size <= 4_000_000
    monkeypatch.setattr("subprocess.run", lambda *a, **k: pytest.fail("the sample must not be fetched"))
    assert len(datasets.load("sba-sample")) == 60_000


def test_the_schema_reads_the_sample_without_being_told_anything_but_target_and_time(sample):
    schema = infer_schema(pa.Table.from_pandas(sample), target="default", time="ApprovalDate")
    conformed = schema.conform(pa.Table.from_pandas(sample))
    assert conformed.table.num_rows == 60_000


def test_every_data_set_documents_its_task():
    assert set(datasets.names()) == {"sba-sample", *FETCHED, *WITHOUT_TARGET, *MARKETS}
    for name in datasets.names():
        task = datasets.task(name)
        assert task.name == name
        assert all(sentence.endswith(".") for sentence in [*task.drop.values(), *task.notes, task.positive])
        assert task.source
        assert task.licence


def test_an_unknown_name_lists_the_names():
    with pytest.raises(InputError, match=r"no data set 'sba'; the names are sba-sample, sba-loans"):
        datasets.load("sba")


@pytest.mark.parametrize("name", FETCHED)
def test_a_fetched_data_set_has_its_rows_and_events(name):
    if not cached_path(datasets.DATASETS[name], raw=False).exists():
        pytest.skip(f"{name} is not in the cache; bezant.datasets.load({name!r}) fetches it")
    task = datasets.task(name)
    table = datasets.load_table(name)
    assert (table.num_rows, int(np.sum(table[task.target].to_numpy()))) == FETCHED[name]
    assert table[task.target].type == pa.int64()
    if task.time:
        assert table[task.time].type == pa.timestamp("us")
        assert table[task.time].null_count == 0
    raw = datasets.load_table(name, raw=True)
    assert raw[task.target].equals(table[task.target])
    assert set(raw.column_names) == set(table.column_names) | set(task.drop)


def cached(name: str) -> pa.Table:
    if not cached_path(datasets.DATASETS[name], raw=False).exists():
        pytest.skip(f"{name} is not in the cache; bezant.datasets.load({name!r}) fetches it")
    return datasets.load_table(name)


@pytest.mark.parametrize("name", WITHOUT_TARGET)
def test_events_and_attributes_have_their_rows_and_their_customers_or_products(name):
    table, task = cached(name), datasets.task(name)
    rows, column, distinct = WITHOUT_TARGET[name]
    assert (table.num_rows, table[column].to_pandas().nunique()) == (rows, distinct)
    assert task.target is None
    assert {c for group in task.groups.values() for c in group} <= set(table.column_names)
    raw = datasets.load_table(name, raw=True)
    assert raw[column].cast(pa.int64()).equals(table[column])


def test_the_sample_of_cdnow_is_a_part_of_the_whole_log_under_the_same_numbers():
    whole, tenth = (cached(name).to_pandas() for name in ("cdnow", "cdnow-sample"))
    same = whole[whole["customer"].isin(tenth["customer"])]
    in_order = [f.sort_values(list(f.columns), ignore_index=True) for f in (same, tenth)]
    pd.testing.assert_frame_equal(*in_order)


def test_a_caravan_contribution_is_paid_where_and_only_where_the_policy_is_owned():
    frame, groups = cached("caravan").to_pandas(), datasets.task("caravan").groups
    owned, paid = (frame[list(groups[name])].to_numpy() > 0 for name in ("owned", "contributions"))
    assert np.array_equal(owned, paid)
    assert len(groups["profile"]) + 2 * owned.shape[1] + 1 == len(frame.columns)


@pytest.mark.parametrize("name", MARKETS)
def test_a_market_has_its_bars_in_order_of_asset_and_time(name):
    frame, (rows, columns, missing, (column, last)) = cached(name).to_pandas(), MARKETS[name]
    assert frame.shape == (rows, columns)
    assert int(frame.isna().to_numpy().sum()) == missing
    assert frame[column].iloc[-1] == last
    by = [c for c in ("asset", "time") if c in frame]
    assert frame["time"].dtype == "datetime64[us]"
    assert not frame.duplicated(by).any()
    assert frame[by].equals(frame.sort_values(by)[by])


def test_the_open_of_the_sp500_is_the_close_before_until_2006_as_its_notes_say():
    frame = cached("sp500").to_pandas()
    early = frame["time"] < "2006"
    same = frame["open"] == frame["close"].shift()
    assert 0.955 < same[early].mean() < 0.965
    assert (frame["close"] == frame["adjusted_close"]).all()
    assert "96 % of the days before 2006" in " ".join(datasets.task("sp500").notes)


def test_no_european_close_moves_on_christmas_and_the_worst_days_are_those_of_history():
    frame = cached("european-indices").to_pandas()
    closes = frame.pivot(index="time", columns="asset", values="close")
    returns = np.log(closes).diff()
    holidays = returns[(returns.index.month == 12) & (returns.index.day == 25)]
    assert len(holidays) == 5
    assert (holidays == 0).all(axis=None)
    assert (returns.loc[["1992-04-17", "1995-04-14", "1998-04-10"]] == 0).all(axis=None)  # Good Fridays
    assert returns["DAX"].idxmin() == pd.Timestamp("1991-08-19")
    assert returns["SMI"]["1997"].abs().idxmax() == pd.Timestamp("1997-10-28")
    shut = (returns == 0).mean()
    assert shut.min() > 0.03 and shut.max() < 0.05
    assert "3 to 5 % of the days" in " ".join(datasets.task("european-indices").notes)


def test_the_dow_jones_has_its_pause_of_1914_its_worst_day_and_no_saturdays_after_1952():
    close = cached("dow-jones").to_pandas().set_index("time")["close"]
    assert close.index.to_series().diff().max() == pd.Timestamp("1914-12-12") - pd.Timestamp("1914-07-30")
    assert np.log(close).diff().idxmin() == pd.Timestamp("1987-10-19")
    saturdays = close.index[close.index.day_of_week == 5]
    assert saturdays.max().year == 1952


def test_inflation_of_the_macro_data_is_the_change_of_prices():
    frame = cached("us-macro").to_pandas()
    change = 400 * np.log(frame["cpi"]).diff()
    assert np.allclose(frame["infl"][1:], change[1:], atol=0.006)
