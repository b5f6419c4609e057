"""A sample of the SBA loans that ships with the package, so that nothing here needs a network."""

from __future__ import annotations

import dataclasses
import io

import pyarrow as pa
import pyarrow.parquet as pq

from bezant.datasets.columns import one_where, unchanged
from bezant.datasets.sba_loans import TASK
from bezant.datasets.task import Dataset

FILE = "sba_sample.parquet"
ROWS = 60_000
FIRST_YEAR, LAST_YEAR = 1990, 2007


def read_parquet(data: bytes) -> pa.Table:
    """Return the table of a Parquet file in memory."""
    return pq.read_table(io.BytesIO(data))


SBA_SAMPLE = Dataset(
    title=f"{ROWS:,} of the SBA loans, approved {FIRST_YEAR}-{LAST_YEAR}; ships with bezant",
    rows=ROWS,
    task=dataclasses.replace(
        TASK,
        name="sba-sample",
        drop={column: reason for column, reason in TASK.drop.items() if column != "Name"},
        notes=(
            f"A deterministic sample, approved {FIRST_YEAR}-{LAST_YEAR}, stratified by year and outcome.",
            "The borrower's Name is left out; every other column of the source is there.",
            *TASK.notes[1:],
        ),
    ),
    source=FILE,
    read=read_parquet,
    convert=unchanged,
    outcome=one_where("MIS_Status", "CHGOFF"),
)
