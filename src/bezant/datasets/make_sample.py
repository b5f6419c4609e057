"""Rebuilds the sample that ships with the package: ``python -m bezant.datasets.make_sample``.

The draw depends on nothing but the loan numbers (a hash ranks them), so it is the same on every
machine. The file is the same byte for byte under the same version of pyarrow, which writes its name
and its compression into it; ``samples/README.md`` says which version wrote the one that ships.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bezant.datasets.cache import cached_path, cached_table, write_table
from bezant.datasets.sba_loans import SBA_LOANS
from bezant.datasets.sba_sample import FIRST_YEAR, LAST_YEAR, ROWS, SBA_SAMPLE
from bezant.types import IntArray

SALT = b"bezant sba-sample"


def apportion(counts: IntArray, total: int) -> IntArray:
    """Share out a total in proportion to counts, by largest remainders.

    Parameters
    ----------
    counts : ndarray of int, shape (k,)
        Size of each stratum; none is given more than it holds while ``total <= counts.sum()``.
    total : int
        What the result adds up to.

    Returns
    -------
    ndarray of int64, shape (k,)
    """
    whole, rest = np.divmod(counts.astype(np.int64) * total, int(counts.sum()))
    largest = np.argsort(-rest, kind="stable")[: total - int(whole.sum())]
    whole[largest] += 1
    return whole


def draw(table: pa.Table, rows: int) -> IntArray:
    """Return the sorted positions of a sample stratified by approval year and outcome.

    Parameters
    ----------
    table : pyarrow.Table
        Needs ``LoanNr_ChkDgt``, ``ApprovalDate`` and ``default``.
    rows : int
        Size of the sample.
    """
    year = pc.year(table["ApprovalDate"]).to_numpy()
    inside = np.flatnonzero((year >= FIRST_YEAR) & (year <= LAST_YEAR))
    stratum = (year * 2 + table["default"].to_numpy())[inside]
    numbers = table["LoanNr_ChkDgt"].to_numpy()[inside]
    rank = np.array(
        [int.from_bytes(hashlib.blake2b(b"%d" % n, digest_size=8, key=SALT).digest()) for n in numbers],
        dtype=np.uint64,
    )
    order = np.lexsort((rank, stratum))
    _, first, counts = np.unique(stratum[order], return_index=True, return_counts=True)
    place = np.arange(len(order)) - np.repeat(first, counts)
    chosen = order[place < np.repeat(apportion(counts, rows), counts)]
    return np.sort(inside[chosen])


def build(path: Path) -> None:
    """Draw the sample from the whole data set and write it to a Parquet file.

    Parameters
    ----------
    path : Path
        Where; written whole or not at all.
    """
    table = cached_table(SBA_LOANS, raw=False)
    sample = table.take(draw(table, ROWS)).drop_columns(["Name", "default"])
    # In the order of approval the file is smallest (1.46 MB; by bank 1.48, by state and postcode 1.50).
    sample = sample.sort_by([("ApprovalDate", "ascending"), ("LoanNr_ChkDgt", "ascending")])
    options: dict[str, object] = {
        "compression_level": 19,
        "row_group_size": ROWS,
        "write_statistics": False,
        # Loan numbers never repeat, so a dictionary of them would be a second copy.
        "use_dictionary": [name for name in sample.column_names if name != "LoanNr_ChkDgt"],
        "column_encoding": {"LoanNr_ChkDgt": "DELTA_BINARY_PACKED"},
    }
    write_table(sample.combine_chunks().replace_schema_metadata(None), path, **options)


def main() -> None:
    """Rebuild the file in ``samples/`` and say what was written."""
    path = cached_path(SBA_SAMPLE, raw=False)
    build(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    print(f"{path}: {ROWS} rows, {path.stat().st_size} bytes, SHA-256 {digest}, pyarrow {pa.__version__}")


if __name__ == "__main__":
    main()
