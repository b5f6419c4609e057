from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def test_a_copied_column_is_named_with_its_original(loans, checked):
    table = loans.append_column("planted", loans["GrAppv"])
    (finding,) = [f for f in checked(table).findings if f.code == "duplicate-columns"]
    assert set(finding.columns) == {"GrAppv", "planted"}
    assert "same values in all 6,000 rows" in finding.sentence


def test_a_one_to_one_recoding_is_named(loans, checked):
    codes = loans["State"].combine_chunks().dictionary_encode().indices.cast(pa.int64())
    table = loans.append_column("planted", pc.multiply(codes, 3))
    (finding,) = [f for f in checked(table).findings if f.code == "duplicate-columns"]
    assert set(finding.columns) == {"State", "planted"}
    assert "one-to-one" in finding.sentence


def test_one_changed_row_is_no_copy(loans, checked):
    values = loans["GrAppv"].to_numpy().copy()
    usual = pc.mode(loans["GrAppv"])[0]["mode"].as_py()
    values[np.flatnonzero(values != usual)[0]] = usual
    table = loans.append_column("planted", pa.array(values))
    assert "duplicate-columns" not in {f.code for f in checked(table).findings}


def test_two_columns_of_unique_numbers_are_copies_only_in_the_same_order(loans, checked):
    rng = np.random.default_rng(0)
    one, other = rng.random(loans.num_rows), rng.random(loans.num_rows)
    table = loans.append_column("one", pa.array(one)).append_column("other", pa.array(other))
    assert "duplicate-columns" not in {f.code for f in checked(table).findings}
    table = table.append_column("planted", pa.array(one * 12 + 1))
    (finding,) = [f for f in checked(table).findings if f.code == "duplicate-columns"]
    assert set(finding.columns) == {"one", "planted"}


def test_repeated_rows_are_counted_as_a_group_by_counts_them(loans, checked):
    table = pa.concat_tables([loans, loans.slice(100, 250)])
    y = table["default"].to_numpy().astype(float)
    y[-50:] = 1 - y[-50:]
    (finding,) = [f for f in checked(table, y).findings if f.code == "duplicate-rows"]
    names = [n for n in table.column_names if n != "default"]
    groups = table.select(names).append_column("y", pa.array(y)).group_by(names)
    truth = groups.aggregate([([], "count_all"), ("y", "min"), ("y", "max")])
    clash = truth.filter(pc.not_equal(truth["y_min"], truth["y_max"]))
    assert finding.evidence["repeats"] == table.num_rows - truth.num_rows >= 250
    assert finding.evidence["conflicting_rows"] == pc.sum(clash["count_all"]).as_py() >= 100
    assert finding.severity == "warn"
    assert "of 6,250 rows" in finding.sentence


def test_rows_whose_records_differ_are_no_repeats(loans, checked):
    rows = pa.concat_tables([loans.slice(0, 300)] * 2)
    days = [dt.datetime(2000, 1, 1 + i % 28) for i in range(600)]
    own = [[{"day": days[i], "paid": 1.0 * i}, {"day": days[i], "paid": 2.0}] for i in range(600)]
    own[300:310] = own[:10]  # these ten rows do repeat, and of these three the records change places
    own[310:313] = [list(reversed(records)) for records in own[10:13]]
    own[13:15], own[313:315] = [None, []], [[], None]  # no records, in both ways of saying so
    alone = {f.code: f for f in checked(rows).findings}["duplicate-rows"]
    assert alone.evidence["repeats"] >= 300
    (finding,) = [
        f
        for f in checked(rows.append_column("records", pa.array(own))).findings
        if f.code == "duplicate-rows"
    ]
    assert finding.evidence["repeats"] == 12
    assert "12 of 600 rows repeat an earlier row in all" in finding.sentence
    assert "input columns and all records" in finding.sentence


def test_an_identifier_does_not_hide_repeated_rows(loans, checked):
    table = pa.concat_tables([loans, loans.slice(0, 100)])
    table = table.append_column("number", pa.array(np.arange(table.num_rows)))
    (finding,) = [f for f in checked(table).findings if f.code == "duplicate-rows"]
    assert finding.evidence["repeats"] >= 100


def test_a_column_that_steps_with_the_time_is_named(loans, found):
    year = pc.cast(pc.year(loans["ApprovalDate"]), pa.string())
    finding = found(loans.append_column("planted", year), "planted")["follows-time"]
    assert finding.columns == ("planted", "ApprovalDate")
    assert "6,000 rows" in finding.sentence


def test_the_month_of_the_year_does_not_follow_the_time(loans, found):
    month = pc.cast(pc.month(loans["ApprovalDate"]), pa.string())
    assert "follows-time" not in found(loans.append_column("planted", month), "planted")
