"""What the series inside the wheel of the package arch share: its pin, and how its files are read."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from bezant.datasets.columns import read_csv_as_text, replace
from bezant.datasets.task import Package

ARCH_SHA256 = "975ec3bdf7926335742ac362251fafe32b448b8f194dead062f22a00beef772d"
AROUND = "the wheel arch around it is NCSA; nothing of it ships with bezant"


def arch_file(folder: str) -> Package:
    """Return a data file of the pinned wheel; it holds compiled code too, none of which is run."""
    return Package(
        name="arch",
        version="8.0.0",
        filename="arch-8.0.0-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.manylinux_2_28_x86_64.whl",
        sha256=ARCH_SHA256,
        member=f"arch/data/{folder}/{folder}.csv.gz",
    )


def reading(
    names: Mapping[str, str], asset: str | None = None, missing: str | None = None
) -> Callable[[bytes], pa.Table]:
    """Return what reads a compressed CSV file as text under new names.

    Parameters
    ----------
    names : mapping of str to str
        The source's names and those given instead; other columns are left out.
    asset : str, optional
        Name of the asset, put into a column before the others.
    missing : str, optional
        How the source writes a value that is not there.
    """

    def read(data: bytes) -> pa.Table:
        table = (
            read_csv_as_text(gzip.decompress(data)).select(list(names)).rename_columns(list(names.values()))
        )
        if missing is not None:
            table = replace(
                table,
                table.column_names,
                lambda c: pc.if_else(pc.equal(c, missing), pa.scalar(None, c.type), c),
            )
        if asset is None:
            return table
        return table.add_column(0, "asset", pa.array([asset] * table.num_rows, pa.string()))

    return read


def converting(time_format: str) -> Callable[[pa.Table], pa.Table]:
    """Return what turns ``time`` into timestamps and all other columns but ``asset`` into float64."""

    def convert(source: pa.Table) -> pa.Table:
        values = [name for name in source.column_names if name not in ("asset", "time")]
        table = replace(source, values, lambda column: column.cast(pa.float64()))
        return replace(table, ["time"], lambda c: pc.strptime(c, format=time_format, unit="us"))

    return convert
