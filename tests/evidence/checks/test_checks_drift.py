from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from bezant.evidence.checks.drift import population_stability_index


@pytest.fixture(scope="module")
def late(loans):
    times = loans["ApprovalDate"].to_numpy()
    return times > np.quantile(times.astype(np.int64), 0.85).astype("datetime64[us]")


def test_the_index_is_that_of_its_definition():
    p, q = np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.3, 0.5])
    truth = sum((b - a) * np.log(b / a) for a, b in zip(p, q, strict=True))
    assert population_stability_index(p * 1e7, q * 1e7) == pytest.approx(truth, rel=1e-5)
    assert population_stability_index(p * 1e7, p * 1e7) == 0


@pytest.mark.parametrize(("shift", "severity"), [(0.0, None), (0.4, "note"), (1.0, "warn")])
def test_a_planted_shift_is_graded_by_its_size(loans, late, found, shift, severity):
    values = np.random.default_rng(0).normal(size=len(late)) + shift * late
    finding = found(loans.append_column("planted", pa.array(values)), "planted").get("drift")
    assert (finding.severity if finding else None) == severity
    # the index of two normals a shift apart is the shift squared
    assert finding is None or finding.evidence["planted"] == pytest.approx(shift**2, rel=0.35)


def test_new_categories_are_noted_with_their_share(loans, late, found):
    rng = np.random.default_rng(0)
    values = np.where(late & (rng.random(len(late)) < 0.3), "new", rng.choice(["a", "b"], len(late)))
    finding = found(loans.append_column("planted", pa.array(values)), "planted")["new-values"]
    assert finding.evidence["planted"] == pytest.approx(np.mean(values[late] == "new"), abs=0.01)


def test_a_moved_event_share_is_told_with_both_shares(loans, late, checked):
    rng = np.random.default_rng(0)
    y = (rng.random(len(late)) < np.where(late, 0.3, 0.1)).astype(float)
    (finding,) = [f for f in checked(loans, y).findings if f.code == "event-share-drift"]
    assert finding.evidence["earlier_share"] == pytest.approx(y[~late].mean(), abs=0.005)
    assert finding.evidence["latest_share"] == pytest.approx(y[late].mean(), abs=0.005)
    y = (rng.random(len(late)) < 0.2).astype(float)
    assert "event-share-drift" not in {f.code for f in checked(loans, y).findings}


def test_without_a_time_there_is_no_drift(loans, y, checked):
    codes = {f.code for f in checked(loans.drop_columns(["ApprovalDate"]), y).findings}
    assert not codes & {"drift", "new-values", "event-share-drift"}
