"""Real rows of the shipped sample, and one way to check a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from bezant.datasets import load_table
from bezant.evidence.checks import CheckReport, check
from bezant.schema import infer_schema

CLEAN = ["City", "State", "NAICS", "NoEmp", "NewExist", "CreateJob", "RevLineCr", "LowDoc", "GrAppv"]


@pytest.fixture(scope="session")
def sample() -> pa.Table:
    """Every column of the whole sample, leaks included."""
    return load_table("sba-sample", raw=True)


@pytest.fixture(scope="session")
def loans(sample: pa.Table) -> pa.Table:
    """6,000 rows with the decision's time, the target and the columns that are in order."""
    rows = np.arange(0, sample.num_rows, 10)
    return sample.take(pa.array(rows)).select(["ApprovalDate", "default", *CLEAN])


@pytest.fixture(scope="session")
def y(loans: pa.Table) -> np.ndarray:
    return loans["default"].to_numpy().astype(float)


@pytest.fixture(scope="session")
def checked() -> Callable[..., CheckReport]:
    """Infer the schema of a table as the command line would, and check it."""

    def run(table: pa.Table, y: np.ndarray | None = None, **options: Any) -> CheckReport:
        time = "ApprovalDate" if "ApprovalDate" in table.column_names else None
        schema = infer_schema(table, target="default", time=time)
        return check(table, schema, table["default"].to_numpy().astype(float) if y is None else y, **options)

    return run


@pytest.fixture(scope="session")
def found(checked: Callable[..., CheckReport]) -> Callable[..., dict[str, Any]]:
    """Findings about one column by code."""

    def run(table: pa.Table, column: str, y: np.ndarray | None = None, **options: Any) -> dict[str, Any]:
        return {f.code: f for f in checked(table, y, **options).about(column)}

    return run
