"""``bezant fit credit`` on Parquet that is too large to read whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import bezant
from bezant.desks import large
from loans import loans, run

FIT = ("--target", "default", "--time", "approved", "--size", "tiny", "--epochs", "1", "--no-benchmark")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of Parquet files of which every one is large."""
    monkeypatch.setattr(large, "IN_MEMORY_VALUES", 100)
    (tmp_path / "loans").mkdir()
    columns = loans(600)
    columns["default"] = np.where(np.array(columns["default"]) == "1", "lost", "paid")
    pq.write_table(pa.table(columns), tmp_path / "loans" / "a.parquet")
    return tmp_path


def test_it_is_read_in_pieces_and_the_model_is_saved(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = (
        "fit",
        "credit",
        str(folder / "loans"),
        *FIT,
        "--positive",
        "lost",
        "--out",
        str(folder / "model"),
    )
    assert run(*words) == 0
    printed = capsys.readouterr()
    assert "600 rows in 1 files are read in pieces" in printed.err + printed.out
    risk = bezant.load(folder / "model")
    assert risk.classes_.tolist() == ["paid", "lost"]
    assert any("read in pieces" in note for note in risk.notes_)
    assert sorted(p.name for p in folder.iterdir()) == ["loans", "model"]


def test_a_cutoff_is_refused_in_one_sentence(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("fit", "credit", str(folder / "loans"), *FIT, "--out", str(folder / "model"))
    assert run(*words, "--cutoff", "2004-01-01") == 2
    assert "--cutoff reads whole files" in " ".join(capsys.readouterr().err.split())
