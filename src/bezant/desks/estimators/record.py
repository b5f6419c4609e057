"""What a fitted model remembers of its making: configuration, versions, the data's hash and summary."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bezant.reports import ColumnSummary, DataSummary
from bezant.schema import Schema
from bezant.types import AnyArray, FloatArray

PACKAGES = ("bezant", "torch", "numpy", "pyarrow", "scikit-learn", "lightgbm", "optbinning")


@dataclass(frozen=True)
class FitRecord:
    """The making of a model.

    Attributes
    ----------
    configuration : mapping
        Every setting of the fit, defaults included.
    versions : mapping of str to str
        Of Python and the packages that matter.
    data_sha256 : str
        Hash of the typed rows and their outcomes.
    summary : DataSummary
        Rows, events, period and columns.
    outcome : mapping of str to str
        ``column`` and, if it was named, ``event``: where the outcomes stood and which label counted as 1.
        Known if the fit began from a file.
    judged_until : str, optional
        ISO date until which an update or a recalibration has used outcomes to choose, calibrate or move the
        level, where that may be later than what the network has learned from.
    """

    configuration: Mapping[str, Any]
    versions: Mapping[str, str]
    data_sha256: str
    summary: DataSummary
    outcome: Mapping[str, str] = field(default_factory=dict)
    judged_until: str | None = None

    @property
    def used_until(self) -> str | None:
        """ISO date until which outcomes have been used for anything; None if the rows have no times."""
        if self.summary.period is None:
            return None
        return max(self.summary.period[1], self.judged_until or "")

    def judged(self, times: AnyArray | None) -> FitRecord:
        """Return it with outcomes of these times (n,) used to judge, calibrate or move the level."""
        days = np.empty(0, "datetime64[D]") if times is None else times.astype("datetime64[D]")
        known = days[~np.isnat(days)]
        until = max(str(known.max()), self.judged_until or "") if len(known) else self.judged_until
        return replace(self, judged_until=until)

    def document(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return asdict(self)

    @classmethod
    def restore(cls, document: Mapping[str, Any]) -> FitRecord:
        """Build it again from :meth:`document`."""
        said = document["summary"]
        columns = tuple(ColumnSummary(**c) for c in said["columns"])
        period = tuple(said["period"]) if said["period"] else None
        summary = DataSummary(said["rows"], said["events"], period, columns)
        return cls(
            document["configuration"],
            document["versions"],
            document["data_sha256"],
            summary,
            document.get("outcome", {}),
            document.get("judged_until"),
        )


def fit_record(
    configuration: Mapping[str, Any], table: pa.Table, schema: Schema, y: FloatArray, times: AnyArray | None
) -> FitRecord:
    """Record a fit to typed rows."""
    versions = {name: version(name) for name in PACKAGES} | {"python": platform.python_version()}
    return FitRecord(dict(configuration), versions, data_hash(table, y), _summary(table, schema, y, times))


def data_hash(table: pa.Table, y: FloatArray) -> str:
    """Return the SHA-256 of typed rows and outcomes, the same however they are cut into chunks."""
    digest = hashlib.sha256(np.ascontiguousarray(y, np.float64).tobytes())
    for name in sorted(table.column_names):
        column = table[name].combine_chunks()
        if isinstance(column, pa.ChunkedArray):
            column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.nulls(0, column.type)
        # A copy starts at zero and has no bits of its neighbours in it.
        column = pa.concat_arrays([column.slice(0, 0), pc.take(column, pa.array(np.arange(len(column))))])
        digest.update(f"{name} {column.type} {len(column)}".encode())
        digest.update(np.asarray(column.is_null().to_numpy(zero_copy_only=False)).tobytes())
        for buffer in column.buffers()[1:]:
            if buffer is not None:
                digest.update(buffer)
    return digest.hexdigest()


def _summary(table: pa.Table, schema: Schema, y: FloatArray, times: AnyArray | None) -> DataSummary:
    days = None if times is None else times.astype("datetime64[D]")
    period = None if days is None else (str(days.min()), str(days.max()))
    rows = table.num_rows
    columns = tuple(
        ColumnSummary(
            f.name,
            f.kind.value,
            f.role.value,
            table[f.name].null_count / rows,
            int(pc.count_distinct(table[f.name], mode="only_valid").as_py()),
            f.note,
        )
        for f in schema.fields
    )
    return DataSummary(rows, int(y.sum()), period, columns)
