from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest


def _identifiers(n):
    rng = np.random.default_rng(0)
    return {
        "counts": pa.array(np.arange(n) + 17),
        "shuffled": pa.array(rng.permutation(n)),
        "ten digits": pa.array(rng.choice(8 * 10**9, n, replace=False) + 10**9),
        "text": pa.array([f"customer {i}" for i in range(n)]),
        "nearly unique": pa.array([f"name {i - i % 7 // 6}" for i in range(n)]),
    }


@pytest.mark.parametrize("kind", list(_identifiers(1)))
def test_planted_identifiers_are_named(loans, found, kind):
    table = loans.append_column("planted", _identifiers(loans.num_rows)[kind])
    finding = found(table, "planted")["identifier"]
    assert "'planted'" in finding.sentence
    assert "6,000 rows" in finding.sentence
    assert finding.evidence["distinct"] == len(set(table["planted"].to_pylist()))


@pytest.mark.parametrize("kind", ["amounts", "fractions", "places"])
def test_unique_amounts_and_frequent_names_are_no_identifiers(loans, found, kind):
    rng = np.random.default_rng(0)
    n = loans.num_rows
    values = {
        "amounts": np.unique(np.round(np.exp(rng.normal(11, 1.5, 3 * n))))[rng.permutation(n)],
        "fractions": rng.random(n),
        "places": np.array([f"place {i % 900}" for i in range(n)]),
    }[kind]
    assert "identifier" not in found(loans.append_column("planted", pa.array(values)), "planted")


@pytest.mark.parametrize(
    ("values", "code"),
    [
        (["same"] * 6000, "constant"),
        ([None] * 6000, "all-missing"),
        ([""] * 6000, "all-missing"),
        ([0.0] * 5995 + [7.0] * 5, "nearly-constant"),
    ],
)
def test_columns_that_say_nothing_are_named(loans, found, values, code):
    table = loans.append_column("planted", pa.array(values, pa.float64() if values[0] == 0 else pa.string()))
    finding = found(table, "planted")[code]
    assert "'planted'" in finding.sentence
    assert "6,000 rows" in finding.sentence


def test_a_rare_value_in_enough_rows_is_not_nearly_constant(loans, found):
    values = np.zeros(loans.num_rows)
    values[:150] = 1
    assert "nearly-constant" not in found(loans.append_column("planted", pa.array(values)), "planted")
