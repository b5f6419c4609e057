"""``bezant update`` and ``bezant fit term-structure`` from end to end on small loans."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.csv as arrow_csv
import pytest

import bezant
from loans import loans, run, write

FIT = ("--target", "default", "--time", "approved", "--size", "tiny", "--epochs", "1", "--no-benchmark")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All loans, the first three quarters of them, and a model of those."""
    folder = tmp_path_factory.mktemp("update")
    whole = loans(1200)
    write(folder / "all.csv", whole)
    old = write(folder / "old.csv", {name: values[:800] for name, values in whole.items()})
    assert run("fit", "credit", old, *FIT, "--out", str(folder / "model")) == 0
    return folder


def test_an_update_writes_another_model_and_says_what_was_kept(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, file, out = (str(folder / name) for name in ("model", "all.csv", "updated"))
    assert run("update", model, file, "--epochs", "1", "--out", out) == 0
    printed = capsys.readouterr().out
    assert "Updated with 1200 rows" in printed and f"Model   {out}" in printed
    before, after = bezant.load(model), bezant.load(out)
    assert before.record_.summary.rows == 800
    assert any(note.startswith("Updated with ") for note in after.notes_)
    assert run("update", model, file, "--epochs", "1", "--out", out, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["notes"] == list(after.notes_)
    assert said["evaluation"]["figures"]["bezant"]


def test_old_rows_alone_are_refused_and_nothing_is_written(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = folder / "nothing"
    assert run("update", str(folder / "model"), str(folder / "old.csv"), "--out", str(out)) == 2
    assert "give newer rows" in capsys.readouterr().err
    assert not out.exists()


@pytest.fixture(scope="module")
def aged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Loans with the day of their default in place of their outcome."""
    columns = loans(900)
    days = np.random.default_rng(0).integers(30, 900, 900)
    begun = np.array(columns["approved"], "datetime64[D]")
    bad = np.array(columns.pop("default")) == "1"
    columns["defaulted"] = np.where(bad, (begun + days).astype(str), "").tolist()
    path = tmp_path_factory.mktemp("curves") / "aged.csv"
    write(path, columns)
    return path


def test_curves_are_fitted_saved_and_predict_a_column_for_each_age(
    aged: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, scores = aged.parent / "curves", aged.parent / "scores.csv"
    command = ("fit", "term-structure", str(aged), "--originated", "approved", "--defaulted", "defaulted")
    how = ("--period", "12", "--horizon", "36", "--size", "tiny")
    assert run(*command, "--known-on", "2004-01-01", *how, "--out", str(out)) == 0
    printed = capsys.readouterr().out
    assert "Kaplan-Meier" in printed and "did not exist yet before 2004-01-01" in printed
    assert run("predict", str(out), str(aged), "--out", str(scores)) == 0
    table = arrow_csv.read_csv(scores)
    assert table.column_names == ["probability_12", "probability_24", "probability_36"]
    p = np.column_stack([c.to_numpy() for c in table.columns])
    assert len(p) == 900 and (np.diff(p, axis=1) >= 0).all()
    assert run("evaluate", str(out), str(aged), "--target", "state") == 2
    assert "takes a CreditRisk" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--defaulted", "defaulted", "--known-on", "someday"), "--known-on is a day"),
        (("--defaulted", "default", "--known-on", "2004-01-01"), "'default'"),
        (("--defaulted", "defaulted", "--known-on", "1998-02-01"), "began before 1998-02-01"),
    ],
)
def test_what_cannot_be_is_refused(
    aged: Path, words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = aged.parent / "none"
    command = ("fit", "term-structure", str(aged), "--originated", "approved", *words, "--out", str(out))
    assert run(*command) == 2
    assert said in capsys.readouterr().err
    assert not out.exists()
