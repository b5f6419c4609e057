"""Loans that were never granted, as many as wished, with the columns of the SBA loans.

They are made for the test of size alone: a figure of accuracy on them says nothing of real loans. Each row
takes its columns in four groups (where, which bank, what business, what loan) from four rows of the shipped
real sample, drawn at random, so that groups are real and their combination is not. Amounts and counts are
jittered. The true probability of default is known and stands in a column of its own. Every file has a seed of
its own, so that the first million rows are the same however many follow.

    python -m bezant.benchmarks.generated_loans 50000000 loans/
"""

from __future__ import annotations

import argparse
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bezant.datasets import load_table
from bezant.types import AnyArray, FloatArray

FILE_ROWS = 1_000_000
"""Rows of a file."""

PIECE_ROWS = 250_000
"""Rows made at once, and of a row group."""

GROUPS = (
    ("City", "State", "Zip"),
    ("Bank", "BankState"),
    ("NAICS", "FranchiseCode", "UrbanRural", "NewExist"),
    ("NoEmp", "CreateJob", "RetainedJob", "GrAppv", "SBA_Appv", "RevLineCr", "LowDoc"),
)
"""Columns that come from one real row."""

EFFECTS = {"Bank": 0.9, "State": 0.35, "NAICS": 0.5, "City": 0.15}
"""Standard deviation of a value's own effect on the log-odds."""

FIRST_DAY, DAYS = np.datetime64("1990-01-01"), 18 * 365
INTERCEPT, TREND, AMOUNT, STAFF, NEW, INTERACTION = -2.0, 0.04, -0.25, -0.15, 0.3, 0.5


def generate(rows: int, folder: Path, seed: int = 0) -> list[Path]:
    """Write so many loans into Parquet files of a million rows each.

    Parameters
    ----------
    rows : int
    folder : path
        Made if it is not there.
    seed : int, default 0
        The same seed gives the same files.

    Returns
    -------
    list of Path
        Columns as of ``sba-sample``, then ``LoanNr`` (a new number for each), ``true_pd`` and ``default``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    source = _Source()
    files = []
    for number, first in enumerate(range(0, rows, FILE_ROWS)):
        path = folder / f"loans-{number:04d}.parquet"
        rng = np.random.default_rng((seed, number))
        last = min(first + FILE_ROWS, rows)
        with pq.ParquetWriter(path, source.piece(1, 0, np.random.default_rng(0)).schema) as writer:
            for start in range(first, last, PIECE_ROWS):
                writer.write_table(source.piece(min(PIECE_ROWS, last - start), start, rng))
        files.append(path)
    return files


class _Source:
    """The real rows that columns are drawn from, with the effect of each value worked out once."""

    def __init__(self) -> None:
        real = load_table("sba-sample")
        self.groups = [real.select(list(names)).combine_chunks() for names in GROUPS]
        self.effects = [
            sum((_effect(group[n], EFFECTS[n], n) for n in names if n in EFFECTS), np.zeros(len(real)))
            for names, group in zip(GROUPS, self.groups, strict=True)
        ]
        self.rows = len(real)

    def piece(self, rows: int, first: int, rng: np.random.Generator) -> pa.Table:
        """Return so many loans; the first has this number."""
        places = rng.integers(0, self.rows, (len(GROUPS), rows))
        columns: dict[str, Any] = {}
        logit = np.zeros(rows)
        for group, effect, place in zip(self.groups, self.effects, places, strict=True):
            columns |= {
                name: group[name].take(pa.array(place)).combine_chunks() for name in group.column_names
            }
            logit += effect[place]
        spread = np.exp(rng.normal(0, 0.15, rows))
        for name in ("GrAppv", "SBA_Appv"):
            columns[name] = np.maximum(
                np.round(columns[name].to_numpy(zero_copy_only=False) * spread, -2), 100.0
            )
        staff = columns["NoEmp"].to_numpy(zero_copy_only=False)
        columns["NoEmp"] = np.maximum(staff + rng.integers(-1, 2, rows) * (staff > 3), 0)
        days = rng.integers(0, DAYS, rows)
        columns["ApprovalDate"] = (FIRST_DAY + days).astype("datetime64[us]")
        logit += _of_the_loan(columns, days)
        pd = 1 / (1 + np.exp(-logit))
        columns["LoanNr"] = np.arange(first, first + rows)
        columns["true_pd"] = pd
        columns["default"] = (rng.random(rows) < pd).astype(np.int64)
        return pa.table(columns)


def _of_the_loan(columns: dict[str, Any], days: AnyArray) -> FloatArray:
    """Log-odds that the loan's own size, age of business and time give; two of its columns interact."""
    amount = np.log(columns["GrAppv"] / 100_000.0)
    new = columns["NewExist"].to_numpy(zero_copy_only=False) == 2
    revolving = np.asarray(columns["RevLineCr"].to_numpy(zero_copy_only=False) == "Y")
    return np.asarray(
        INTERCEPT
        + TREND * days / 365
        + AMOUNT * amount
        + STAFF * np.log1p(columns["NoEmp"])
        + NEW * new
        + INTERACTION * revolving * (amount > 0),
        np.float64,
    )


def _effect(column: Any, spread: float, name: str) -> FloatArray:
    """Return a normal effect (n,) for each row of a column, drawn for each distinct value."""
    encoded = column.combine_chunks().cast(pa.string()).dictionary_encode()
    values = [zlib.crc32(f"{name} {text}".encode()) for text in encoded.dictionary.to_pylist()]
    drawn = np.array([np.random.default_rng(value).normal(0, spread) for value in [*values, 0]])
    return np.asarray(drawn[encoded.indices.fill_null(len(values)).to_numpy(zero_copy_only=False)])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write generated loans for the test of size.")
    parser.add_argument("rows", type=int)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    made = generate(given.rows, given.folder, given.seed)
    print(f"{given.rows:,} generated loans in {len(made)} files of {given.folder}")
