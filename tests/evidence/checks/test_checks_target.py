from __future__ import annotations

import numpy as np


def _codes(report):
    return {f.code: f for f in report.findings}


def test_one_class_is_refused(loans, checked):
    finding = _codes(checked(loans, np.zeros(6000)))["one-class"]
    assert finding.severity == "refuse"
    assert "0 events in 6,000 labelled rows" in finding.sentence


def test_few_events_are_refused_or_warned_of_by_their_number(loans, checked):
    for events, severity in ((5, "refuse"), (60, "warn"), (400, None)):
        y = np.zeros(6000)
        y[np.random.default_rng(0).choice(6000, events, replace=False)] = 1
        finding = _codes(checked(loans, y)).get("few-events")
        assert (finding.severity if finding else None) == severity
        assert finding is None or f"{events} of 6,000 rows" in finding.sentence


def test_rows_without_a_target_are_counted_and_left_out(loans, y, checked):
    with_gaps = np.where(np.arange(6000) % 10 == 0, np.nan, y)
    finding = _codes(checked(loans, with_gaps))["target-missing"]
    assert "600 of 6,000 rows" in finding.sentence
    assert finding.evidence["events"] == np.nansum(with_gaps)


def test_more_events_than_not_raises_the_question_of_the_coding(loans, y, checked):
    assert "event-share" in _codes(checked(loans, 1 - y))
    assert "event-share" not in _codes(checked(loans, y))
