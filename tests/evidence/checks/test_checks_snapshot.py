from __future__ import annotations

import numpy as np
import pyarrow as pa


def _holders(y, rng):
    """Live loans went to four acquirers; those that defaulted kept the name of one of 300 lenders."""
    lender = np.array([f"lender {i}" for i in rng.integers(0, 300, len(y))])
    acquirer = np.array([f"acquirer {i}" for i in rng.integers(0, 4, len(y))])
    return pa.array(np.where((y == 0) & (rng.random(len(y)) < 0.5), acquirer, lender))


def test_a_name_that_moved_with_the_live_loans_is_asked_about(loans, y, found):
    table = loans.append_column("planted", _holders(y, np.random.default_rng(0)))
    finding = found(table, "planted")["may-be-snapshot"]
    assert finding.severity == "warn"
    assert "304 values" in finding.sentence
    assert "6,000 rows" in finding.sentence
    assert finding.evidence["lowest_event_share"] == 0


def test_names_without_a_word_about_the_outcome_are_not_asked_about(loans, y, found):
    shuffled = np.random.default_rng(1).permutation(y)
    table = loans.append_column("planted", _holders(shuffled, np.random.default_rng(0)))
    assert "may-be-snapshot" not in found(table, "planted")
    assert "may-be-snapshot" not in found(table, "City")
