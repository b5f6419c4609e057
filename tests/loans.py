"""Small made-up loans for tests of the command line, and a way to run it inside the test's process."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from bezant.cli import app

ROWS = 400


def loans(rows: int = ROWS, seed: int = 0) -> dict[str, list[str]]:
    """Columns as they would stand in a CSV file; the riskier have less income for their amount."""
    random = np.random.default_rng(seed)
    amount = random.integers(5, 200, rows) * 1000
    income = random.integers(20, 150, rows) * 1000
    risk = 1 / (1 + np.exp(-(amount / income - 1.5)))
    days = np.sort(random.integers(0, 3000, rows))
    return {
        "amount": amount.astype(str).tolist(),
        "income": income.astype(str).tolist(),
        "state": random.choice(["NY", "CA", "TX", "WA"], rows).tolist(),
        "approved": (np.datetime64("1998-01-01") + days).astype(str).tolist(),
        "default": (random.random(rows) < risk).astype(int).astype(str).tolist(),
    }


def write(
    path: Path,
    columns: Mapping[str, Sequence[str]],
    *,
    delimiter: str = ",",
    header: Sequence[str] | None = None,
) -> str:
    """Write columns of text as CSV and return the path as it would be typed."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(header or list(columns))
        writer.writerows(zip(*columns.values(), strict=True))
    return str(path)


def run(*words: str) -> int:
    """Run ``bezant`` with these words and return its exit code."""
    with pytest.raises(SystemExit) as end:
        app(list(words), prog_name="bezant")
    code = end.value.code
    return int(code) if code is not None else 0
