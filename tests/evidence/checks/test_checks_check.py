"""The whole check: what it names on the shipped sample, and that it stays silent on what is clean."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bezant.evidence.checks import check
from bezant.schema import infer_schema
from bezant.types import InputError

LEAKS = {
    "filled-for-one-outcome", "after-decision", "leaks-through-digits", "near-perfect-alone",
    "sister-of-later", "may-be-snapshot",
}  # fmt: skip


@pytest.fixture(scope="module")
def report(sample, checked):
    return checked(sample)


@pytest.mark.parametrize(
    ("column", "code", "severity"),
    [
        ("MIS_Status", "near-perfect-alone", "refuse"),
        ("ChgOffDate", "filled-for-one-outcome", "refuse"),
        ("ChgOffPrinGr", "filled-for-one-outcome", "refuse"),
        ("DisbursementDate", "after-decision", "refuse"),
        ("DisbursementGross", "sister-of-later", "warn"),
        ("Term", "leaks-through-digits", "refuse"),
        ("Bank", "may-be-snapshot", "warn"),
        ("BalanceGross", "nearly-constant", "warn"),
        ("LoanNr_ChkDgt", "identifier", "warn"),
        ("ApprovalFY", "follows-time", "warn"),
    ],
)
def test_each_known_fault_of_the_sample_is_named(report, column, code, severity):
    assert (code, severity) in {(f.code, f.severity) for f in report.findings if f.columns[:1] == (column,)}


@pytest.mark.parametrize(
    "column", ["City", "State", "Zip", "BankState", "NAICS", "NoEmp", "GrAppv", "SBA_Appv", "LowDoc"]
)
def test_clean_columns_of_the_sample_are_neither_leaks_nor_identifiers(report, column):
    first = {f.code for f in report.findings if f.columns[:1] == (column,)}
    assert not first & (LEAKS | {"identifier", "constant", "duplicate-columns", "follows-time"})


def test_every_finding_is_one_sentence_with_its_columns_and_a_row_count(report):
    for finding in report.findings:
        assert finding.sentence.count(". ") == 0
        assert finding.sentence.endswith(".")
        assert any(ch.isdigit() for ch in finding.sentence)
        assert "row" in finding.sentence
        assert all(repr(name) in finding.sentence for name in finding.columns[:8])
        assert "rows" in finding.evidence


def test_the_report_reads_as_json_and_as_text(report):
    entries = json.loads(report.to_json())
    assert [e["sentence"] for e in entries] == [f.sentence for f in report.findings]
    assert str(report).splitlines()[0].startswith("refuse")


def test_no_column_is_a_leak_once_the_target_is_shuffled(loans, checked):
    y = np.random.default_rng(3).permutation(loans["default"].to_numpy().astype(float))
    assert not {f.code for f in checked(loans, y).findings} & LEAKS


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**31), rows=st.integers(60, 1500), share=st.floats(0.05, 0.5))
def test_random_outcomes_on_real_rows_never_give_a_leak(loans, seed, rows, share):
    rng = np.random.default_rng(seed)
    table = loans.take(pa.array(rng.choice(loans.num_rows, rows, replace=False)))
    y = (rng.random(rows) < share).astype(float)
    schema = infer_schema(table, target="default", time="ApprovalDate")
    codes = {f.code for f in check(table, schema, y).findings}
    assert not codes & {*LEAKS, "code-or-heaped", "follows-time", "duplicate-columns", "constant"}


def test_the_same_input_gives_the_same_report_and_is_not_changed(loans, checked):
    before = loans.slice(0)
    first, second = checked(loans, max_rows=2000), checked(loans, max_rows=2000)
    assert first.to_json() == second.to_json()
    assert loans.equals(before)


def test_a_sample_of_the_rows_is_said(sample, checked):
    codes = {f.code: f for f in checked(sample, max_rows=20_000).findings}
    assert "20,000 of 60,000 labelled rows" in codes["sampled"].sentence
    assert codes["leaks-through-digits"].columns == ("Term",)


def test_raw_text_and_typed_columns_give_the_same_findings(loans, checked):
    as_text = pa.table({n: loans[n].cast(pa.string()) for n in loans.column_names if n != "default"})
    as_text = as_text.append_column("default", loans["default"])
    assert checked(as_text).to_json() == checked(loans).to_json()


def test_columns_outside_the_inputs_are_not_judged(sample):
    schema = infer_schema(sample, target="default", time="ApprovalDate", ignore=["Term", "ChgOffDate"])
    report = check(sample, schema, sample["default"].to_numpy())
    assert not report.about("Term")
    assert not report.about("ChgOffDate")


@pytest.mark.parametrize(
    ("y", "said"),
    [
        (np.zeros(3), "shape (3,)"),
        (np.full(6000, 2.0), "6,000 of 6,000 rows"),
    ],
)
def test_a_target_that_does_not_fit_is_refused_in_one_sentence(loans, checked, y, said):
    with pytest.raises(InputError) as refused:
        checked(loans, y)
    assert said in str(refused.value)


def test_an_empty_table_is_refused_in_one_sentence(loans, checked):
    with pytest.raises(InputError, match="0 rows"):
        checked(loans.slice(0, 0))


def test_one_row_is_checked_without_an_error(loans, checked):
    assert "one-class" in {f.code for f in checked(loans.slice(0, 1)).findings}
