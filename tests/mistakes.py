"""What tests of beginners' mistakes share: the fit they type, and the one sentence they read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

FIT = ("--target", "default", "--time", "approved", "--size", "tiny", "--epochs", "1", "--no-benchmark")


def fit(file: str, *options: str) -> list[str]:
    return ["fit", "credit", file, *(options or FIT), "--out", str(Path(file).parent / "model")]


def assert_one_sentence(code: int, stdout: str, stderr: str, words: Sequence[str]) -> None:
    lines = [line for line in stderr.splitlines() if line.strip()]
    assert code == 2, (code, stdout, stderr)
    assert "Traceback" not in stderr + stdout
    assert len(lines) == 1, stderr
    assert lines[0].startswith("Error: ")
    assert lines[0].endswith((".", "?"))
    for word in words:
        assert word in lines[0], f"{word!r} is not in: {lines[0]}"
