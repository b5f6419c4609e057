from __future__ import annotations

import pytest

from bezant.evidence.checks import CheckReport, Finding
from bezant.evidence.checks.finding import named, of_rows


def test_findings_are_kept_with_the_gravest_first():
    one = Finding("a", "note", (), "A note about 3 rows.", {"rows": 3})
    two = Finding("b", "refuse", ("x",), "Column 'x' is bad in 3 rows.", {"rows": 3})
    report = CheckReport((one, two))
    assert report.findings == (two, one)
    assert report.by_severity == {"refuse": (two,), "warn": (), "note": (one,)}
    assert report.about("x") == (two,)


@pytest.mark.parametrize(
    ("severity", "sentence"), [("bad", "A."), ("note", "No stop"), ("note", "Two\nlines.")]
)
def test_a_finding_that_is_not_one_sentence_of_a_known_severity_is_refused(severity, sentence):
    with pytest.raises(ValueError, match=r"sever|sentence"):
        Finding("a", severity, (), sentence, {})


def test_evidence_cannot_be_changed():
    finding = Finding("a", "note", (), "A.", {"rows": 3})
    with pytest.raises(TypeError):
        finding.evidence["rows"] = 4  # type: ignore[index]


def test_an_empty_report_says_that_nothing_was_found():
    assert str(CheckReport(())) == "Nothing found."


def test_many_columns_are_named_up_to_a_number():
    assert named(["a"]) == "Column 'a'"
    assert named(["a", "b"]) == "Columns 'a' and 'b'"
    assert named("abcd", most=2) == "Columns 'a', 'b' and 2 more"


def test_row_counts_read_as_words():
    assert of_rows(1234, 5678) == "1,234 of 5,678 rows"
    assert of_rows(5678, 5678) == "all 5,678 rows"
