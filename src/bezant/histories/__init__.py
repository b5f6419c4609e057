"""Histories: the container, its windows and its file form; as-of joins; readers of every source."""

from bezant.histories.as_of import join_as_of
from bezant.histories.container import Histories
from bezant.histories.labels_as_of import LabelsAsOf, labels_as_of
from bezant.histories.readers import (
    BatchWriter,
    ParquetRows,
    like_input,
    parquet_rows,
    read_table,
    scan_batches,
)
from bezant.histories.sorting import sort_events
from bezant.histories.windows import Windows
from bezant.histories.with_records import with_records

__all__ = [
    "BatchWriter",
    "Histories",
    "LabelsAsOf",
    "ParquetRows",
    "Windows",
    "join_as_of",
    "labels_as_of",
    "like_input",
    "parquet_rows",
    "read_table",
    "scan_batches",
    "sort_events",
    "with_records",
]
