"""``bezant fit credit`` on Parquet that is too large to read whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import bezant
from bezant.desks.credit import large
from bezant.training import streamed
from loans import loans, run, write

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
    assert "Read in pieces: 600 rows in 1 file." in printed.err + printed.out
    risk = bezant.load(folder / "model")
    assert risk.classes_.tolist() == ["paid", "lost"]
    assert any("read in pieces" in note for note in risk.notes_)
    assert sorted(p.name for p in folder.iterdir()) == ["loans", "model"]


def test_small_parquet_is_streamed_if_asked_and_temporary_files_go_where_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.undo()  # no file is large now
    seen: list[Path] = []
    whole = streamed.fit_streamed

    def watched(table: Any, plan: Any, place: Path, **more: Any) -> Any:
        seen.append(place)
        return whole(table, plan, place, **more)

    monkeypatch.setattr(large, "fit_streamed", watched)
    (folder / "disk").mkdir()
    words = ("fit", "credit", str(folder / "loans"), *FIT, "--positive", "lost")
    out = ("--out", str(folder / "model"), "--scratch", str(folder / "disk"))
    assert run(*words, *out) == 0
    assert not seen and "Nothing is written to" in capsys.readouterr().err
    assert run(*words, *out, "--stream") == 0
    assert [place.parent for place in seen] == [folder / "disk"]
    assert not list((folder / "disk").iterdir())
    assert any("read in pieces" in note for note in bezant.load(folder / "model").notes_)
    assert run(*words, "--out", str(folder / "none"), "--stream", "--scratch", str(folder / "nowhere")) == 2
    assert "There is no folder" in capsys.readouterr().err


def test_large_parquet_is_read_whole_if_asked(folder: Path) -> None:
    words = ("fit", "credit", str(folder / "loans"), *FIT, "--positive", "lost", "--in-memory")
    assert run(*words, "--out", str(folder / "model")) == 0
    assert not any("read in pieces" in note for note in bezant.load(folder / "model").notes_)


def test_only_parquet_can_be_streamed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(folder / "loans.csv", loans(50))
    for source in (file, "sba-sample"):
        assert run("fit", "credit", source, *FIT, "--stream", "--out", str(folder / "model")) == 2
        assert "--stream reads Parquet files in pieces" in " ".join(capsys.readouterr().err.split())


def test_a_cutoff_is_refused_in_one_sentence(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("fit", "credit", str(folder / "loans"), *FIT, "--out", str(folder / "model"))
    assert run(*words, "--cutoff", "2004-01-01") == 2
    assert "--cutoff reads whole files" in " ".join(capsys.readouterr().err.split())
