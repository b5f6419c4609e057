"""Rows that tests of several folders share: made-up ones with every kind of column, and real ones."""

from __future__ import annotations

import functools

import numpy as np
import pyarrow as pa

from bezant.datasets import load_table
from bezant.types import AnyArray, FloatArray

KINDS = ("amount", "staff", "state", "bank", "approved", "founded")
"""Columns of :func:`made_up`: two numbers, two categories (one of many values), two times."""


@functools.cache
def made_up(rows: int = 480, seed: int = 0) -> tuple[pa.Table, FloatArray]:
    """Return typed columns with gaps, and outcomes that depend on them; ``approved`` orders the rows."""
    random = np.random.default_rng(seed)
    amount = np.round(random.lognormal(10, 1, rows), 2)
    staff = random.integers(1, 9, rows)
    state = random.choice(["NY", "CA", "TX", "WA"], rows)
    bank = random.integers(0, 30, rows)
    approved = np.datetime64("1998-01-01") + np.sort(random.integers(0, 3000, rows))
    founded = approved - random.integers(30, 5000, rows)
    odds = -0.8 - 0.7 * (np.log(amount) - 10) + 0.8 * (state == "NY") + 0.7 * np.sin(bank) - 0.1 * staff
    y = (random.random(rows) < 1 / (1 + np.exp(-odds))).astype(np.float64)
    gaps = random.random((3, rows)) < 0.08
    columns = {
        "amount": pa.array(amount, mask=gaps[0]),
        "staff": pa.array(staff.astype(np.float64), mask=gaps[1]),
        "state": pa.array(state.tolist(), mask=gaps[2]),
        "bank": pa.array([f"BANK {b:02d}" for b in bank]),
        "approved": pa.array(approved.astype("datetime64[us]")),
        "founded": pa.array(founded.astype("datetime64[us]")),
    }
    return pa.table(columns), y


@functools.cache
def real(rows: int, seed: int = 0) -> tuple[pa.Table, FloatArray]:
    """Return real loans drawn at random from the sample that ships with the package, and their outcomes."""
    loans = load_table("sba-sample")
    loans = loans.take(np.sort(np.random.default_rng(seed).permutation(loans.num_rows)[:rows]))
    y = loans["default"].to_numpy().astype(np.float64)
    return loans.drop_columns(["default"]), y


def column(table: pa.Table, name: str) -> AnyArray:
    """Return a column as a NumPy array, None where it is missing."""
    return np.array(table[name].to_pylist(), dtype=object)


def replaced(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    """Return the table with one column replaced."""
    return table.set_column(table.column_names.index(name), name, values)
