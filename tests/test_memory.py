"""Scoring a file takes memory for a piece of it, and a fit in pieces for the pieces: not for all rows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from bezant.benchmarks.generated_loans import generate

pytest.importorskip("resource", reason="peak memory is asked of the system, which Windows does not answer")

KEPT = Path(__file__).parent / "artifacts"
MEGABYTE = 2**20

# A child says its own peak. On Linux getrusage would answer with that of the process which started it, if
# that is higher; VmHWM begins anew with each program.
SAY = """
import atexit, pathlib, resource, sys

def say() -> None:
    status = pathlib.Path("/proc/self/status")
    if status.exists():
        (peak,) = [l.split()[1] for l in status.read_text().splitlines() if l.startswith("VmHWM")]
        print("peak", int(peak) * 1024)
    else:
        unit = 1 if sys.platform == "darwin" else 1024
        print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)

atexit.register(say)
"""

SCORE = """
from bezant.cli import main
main()
"""

# Buffers as much smaller than the usual ones as these rows are fewer than those of a fit in pieces.
FIT = """
from bezant.desks.credit import large
from bezant.training import rows, streamed

large.PIECE_ROWS, large.EXCERPT_ROWS, large.HELD_OUT_ROWS = 8192, 4000, 1000
streamed.SAMPLE_ROWS, rows.BUFFER_ROWS, rows.BLOCK_ROWS = 4000, 8192, 512

from bezant.desks.credit.credit_risk import CreditRisk
from bezant.histories import ParquetRows

CreditRisk(
    time="ApprovalDate",
    size="tiny",
    trunk="mlp",
    training={"max_epochs": 1, "batch_size": 4096},
    benchmark=False,
    in_memory=sys.argv[2] == "whole",
    progress=False,
).fit(ParquetRows.of(sys.argv[1], drop=("LoanNr", "true_pd")), "default")
"""


def child(program: str, *words: str) -> int:
    """Run a program in a process of its own and return its peak memory in bytes."""
    done = subprocess.run(
        [sys.executable, "-c", SAY + program, *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(KEPT.parents[1] / "src"), "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    word, amount = done.stdout.split()[-2:]
    assert word == "peak"
    return int(amount)


def peak(folder: Path, rows: int) -> int:
    """Score so many rows of a CSV and return the peak memory in bytes."""
    header, *lines = (KEPT / "credit-1-rows.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    source, out = folder / f"{rows}.csv", folder / f"{rows}-scores.csv"
    source.write_text(header + "".join(lines) * (rows // len(lines)), encoding="utf-8")
    amount = child(SCORE, "predict", str(KEPT / "credit-1"), str(source), "--out", str(out))
    with out.open("rb") as scores:
        assert sum(1 for _ in scores) == rows + 1
    return amount


def test_three_times_the_rows_need_no_more_memory(tmp_path: Path) -> None:
    few, many = peak(tmp_path, 100_000), peak(tmp_path, 300_000)
    assert many < few + 150 * MEGABYTE
    assert many < 2048 * MEGABYTE


ENCODED = 300
"""Bytes of an encoded row of these loans, as docs/size.md says."""


@pytest.mark.slow
def test_a_fit_in_pieces_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    rows, few, many = 25_000, tmp_path / "few.parquet", tmp_path / "many.parquet"
    (made,) = generate(4 * rows, tmp_path / "made")
    table = pq.read_table(made)
    for path, part in ((few, table.slice(0, rows)), (many, table)):
        pq.write_table(part, path, row_group_size=4096)  # no more than a group is read at once
    more = table.slice(rows)
    grown = child(FIT, str(many), "pieces") - child(FIT, str(few), "pieces")
    assert grown < more.nbytes + ENCODED * more.num_rows
