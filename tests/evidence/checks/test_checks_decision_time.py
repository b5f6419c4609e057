from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from bezant.evidence.checks.decision_time import _words


def _days(loans, days):
    return pa.array(loans["ApprovalDate"].to_numpy() + days.astype("timedelta64[D]"))


def test_a_date_after_the_decision_and_its_sister_are_named(loans, found):
    rng = np.random.default_rng(0)
    table = loans.append_column("payout_date", _days(loans, rng.integers(1, 90, loans.num_rows)))
    table = table.append_column("payout_amount", pa.array(rng.random(loans.num_rows)))
    finding = found(table, "payout_date")["after-decision"]
    assert finding.severity == "refuse"
    assert "all 6,000 rows" in finding.sentence
    sister = found(table, "payout_amount")["sister-of-later"]
    assert sister.columns == ("payout_amount", "payout_date")


def test_a_date_before_the_decision_makes_no_finding(loans, found):
    rng = np.random.default_rng(0)
    table = loans.append_column("opened_date", _days(loans, -rng.integers(1, 9000, loans.num_rows)))
    table = table.append_column("opened_amount", pa.array(rng.random(loans.num_rows)))
    assert not {"after-decision", "sister-of-later"} & (
        set(found(table, "opened_date")) | set(found(table, "opened_amount"))
    )


def test_an_agreed_date_only_warns(loans, found):
    month = loans["ApprovalDate"].to_numpy().astype("datetime64[M]")
    within = loans["ApprovalDate"].to_numpy().astype("datetime64[D]") - month
    later = month + np.random.default_rng(0).choice([12, 36, 60], loans.num_rows).astype("timedelta64[M]")
    dates = (later.astype("datetime64[D]") + within).astype("datetime64[us]")
    finding = found(loans.append_column("matures", pa.array(dates)), "matures")["after-decision"]
    assert finding.severity == "warn"
    assert "whole months" in finding.sentence


def test_a_column_empty_where_a_later_date_is_empty_is_its_sister(loans, found):
    rng = np.random.default_rng(0)
    gone = rng.random(loans.num_rows) < 0.5
    dates = _days(loans, rng.integers(1, 90, loans.num_rows)).to_numpy().astype("datetime64[us]")
    table = loans.append_column("visit", pa.array(dates, mask=gone))
    table = table.append_column("grade", pa.array(rng.integers(1, 9, loans.num_rows), mask=gone))
    assert "empty or zero in the same rows" in found(table, "grade")["sister-of-later"].sentence


def test_a_stem_that_also_names_the_decision_accuses_nobody(loans, found):
    rng = np.random.default_rng(0)
    table = loans.append_column("Approval_dt", _days(loans, rng.integers(1, 90, loans.num_rows)))
    table = table.append_column("ApprovalAmount", pa.array(rng.random(loans.num_rows)))
    assert "after-decision" in found(table, "Approval_dt")
    assert "sister-of-later" not in found(table, "ApprovalAmount")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("DisbursementGross", ["disbursement", "gross"]),
        ("last_pymnt_d", ["last", "pymnt", "d"]),
        ("SBA_Appv", ["sba", "appv"]),
        ("date 2", ["date", "2"]),
        ("HTTPCode", ["http", "code"]),
    ],
)
def test_names_are_split_into_words(name, words):
    assert _words(name) == words
