"""Scoring a file takes memory for a piece of it, not for the file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("resource", reason="peak memory is asked of the system, which Windows does not answer")

KEPT = Path(__file__).parent / "artifacts"
MEGABYTE = 2**20

# The child runs the command as typed and then says its own peak: that of this process would hide it.
CHILD = """
import atexit, resource, sys

def say() -> None:
    unit = 1 if sys.platform == "darwin" else 1024
    print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)

atexit.register(say)
from bezant.cli import main
main()
"""


def peak(folder: Path, rows: int) -> int:
    """Score so many rows of a CSV in a child process and return its peak memory in bytes."""
    header, *lines = (KEPT / "credit-1-rows.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    source, out = folder / f"{rows}.csv", folder / f"{rows}-scores.csv"
    source.write_text(header + "".join(lines) * (rows // len(lines)), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", CHILD, "predict", str(KEPT / "credit-1"), str(source), "--out", str(out)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(KEPT.parents[1] / "src"), "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    with out.open("rb") as scores:
        assert sum(1 for _ in scores) == rows + 1
    word, amount = done.stdout.split()[-2:]
    assert word == "peak"
    return int(amount)


def test_three_times_the_rows_need_no_more_memory(tmp_path: Path) -> None:
    few, many = peak(tmp_path, 100_000), peak(tmp_path, 300_000)
    assert many < few + 150 * MEGABYTE
    assert many < 2048 * MEGABYTE
