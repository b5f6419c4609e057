from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest


def test_a_column_filled_only_for_defaults_is_refused(loans, y, found):
    values = np.where(y == 1, np.random.default_rng(0).random(len(y)) * 1000, np.nan)
    finding = found(loans.append_column("planted", pa.array(values, from_pandas=True)), "planted")
    finding = finding["filled-for-one-outcome"]
    assert finding.severity == "refuse"
    assert f"{int(y.sum()):,} of 6,000 rows" in finding.sentence
    assert finding.evidence["event_share_filled"] == 1.0


def test_zero_counts_as_empty_and_a_few_exceptions_do_not_hide_it(loans, y, found):
    rng = np.random.default_rng(0)
    planted = np.where(rng.random(len(y)) < 0.02, 1 - y, y)
    values = np.where(planted == 1, np.ceil(rng.random(len(y)) * 1000), 0.0)
    finding = found(loans.append_column("planted", pa.array(values)), "planted")["filled-for-one-outcome"]
    assert "not zero in" in finding.sentence


def test_a_column_filled_only_without_default_is_refused(loans, y, found):
    values = [None if v else "paid back" for v in y]
    values[0] = "paid early"
    assert "filled-for-one-outcome" in found(loans.append_column("planted", pa.array(values)), "planted")


def test_missing_twice_as_often_in_defaults_is_no_leak(loans, y, found):
    gone = np.random.default_rng(0).random(len(y)) < np.where(y == 1, 0.4, 0.2)
    values = pa.array(np.arange(len(y)) % 37, mask=gone)
    assert not {"filled-for-one-outcome", "near-perfect-alone"} & set(
        found(loans.append_column("planted", values), "planted")
    )


@pytest.mark.parametrize(("noise", "severity"), [(0.0, "refuse"), (0.07, "warn"), (0.3, None)])
def test_a_category_that_recodes_the_target_is_found_down_to_some_noise(loans, y, found, noise, severity):
    flipped = np.where(np.random.default_rng(1).random(len(y)) < noise, 1 - y, y)
    values = pa.array([["settled", "lost"][int(v)] for v in flipped])
    finding = found(loans.append_column("planted", values), "planted").get("near-perfect-alone")
    assert (finding.severity if finding else None) == severity


def test_a_number_that_is_larger_for_defaults_is_found_by_its_size(loans, y, found):
    values = np.random.default_rng(0).normal(size=len(y)) + 4 * y
    finding = found(loans.append_column("planted", pa.array(values)), "planted")["near-perfect-alone"]
    assert "by its size" in finding.sentence
    assert finding.evidence["auc"] > 0.98


def test_twenty_rows_are_too_few_to_accuse_a_column(loans, found):
    rows = loans.slice(0, 20)
    y = np.tile([0.0, 1.0], 10)
    values = np.where(np.arange(20) < 18, y, 1 - y)
    assert "near-perfect-alone" not in found(rows.append_column("planted", pa.array(values)), "planted", y)
