from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest


@pytest.mark.parametrize("modulus", [6, 12, 500])
def test_a_number_rewritten_for_defaults_is_refused_with_its_modulus(loans, y, found, modulus):
    rng = np.random.default_rng(0)
    agreed = rng.integers(1, 40, len(y)) * modulus
    rewritten = agreed - rng.integers(1, min(modulus, 10), len(y))
    values = np.where((y == 1) & (rng.random(len(y)) < 0.9), rewritten, agreed)
    finding = found(loans.append_column("planted", pa.array(values)), "planted")["leaks-through-digits"]
    assert finding.severity == "refuse"
    assert finding.evidence["rule_modulus"] == modulus
    assert f"no multiple of {modulus}" in finding.sentence
    assert finding.evidence["rule_auc"] == pytest.approx(0.95, abs=0.02)
    assert finding.evidence["auc_exact"] > finding.evidence["auc_bins"] + 0.03


def test_cents_after_the_outcome_are_found(loans, y, found):
    rng = np.random.default_rng(0)
    whole = rng.integers(10, 60, len(y)) * 100.0
    values = np.where(y == 1, whole + 0.5, whole)
    finding = found(loans.append_column("planted", pa.array(values)), "planted")["leaks-through-digits"]
    assert finding.evidence["rule_auc"] == pytest.approx(1.0)


def test_a_code_read_as_a_number_is_only_noted(loans, y, found):
    rng = np.random.default_rng(0)
    risky = rng.permutation(np.arange(200) % 2)
    codes = np.empty(len(y), int)
    for outcome, share in ((0, 0.45), (1, 0.7)):  # as a trade: half of the codes default more often
        rows = np.flatnonzero(y == outcome)
        pick = rng.random(len(rows)) < share
        codes[rows] = np.where(
            pick,
            rng.choice(np.flatnonzero(risky == 1), len(rows)),
            rng.choice(np.flatnonzero(risky == 0), len(rows)),
        )
    findings = found(loans.append_column("planted", pa.array(codes)), "planted")
    assert findings["code-or-heaped"].severity == "note"
    assert "leaks-through-digits" not in findings


def test_a_smooth_number_is_not_named(loans, y, found):
    values = np.round(np.random.default_rng(0).normal(600, 50, len(y)) - 60 * y)
    assert not {"leaks-through-digits", "code-or-heaped"} & set(
        found(loans.append_column("planted", pa.array(values)), "planted")
    )
