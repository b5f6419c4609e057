"""``bezant fit credit | predict | evaluate | report`` from end to end on small loans."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq
import pytest

import bezant
from bezant.cli import scoring
from loans import loans, run, write

FIT = ("--target", "default", "--time", "approved", "--size", "tiny", "--epochs", "1", "--no-benchmark")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Loans, a fitted model and its report."""
    folder = tmp_path_factory.mktemp("cli")
    path = write(folder / "loans.csv", loans(600))
    report = ("--cutoff", "2004-01-01", "--report", str(folder / "report.html"))
    assert run("fit", "credit", path, *FIT, *report, "--out", str(folder / "model")) == 0
    return folder


def test_fit_prints_one_json_value_and_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "loans.csv", loans())
    assert run("fit", "credit", path, *FIT, "--out", str(tmp_path / "model"), "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["model"] == str(tmp_path / "model")
    assert 0 <= printed["evaluation"]["figures"]["bezant"]["roc_auc"]["value"] <= 1


def test_evaluate_knows_the_target_and_the_event_that_the_model_was_fitted_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    columns = loans()
    columns["status"] = ["bad" if d == "1" else "good" for d in columns.pop("default")]
    path, model = write(tmp_path / "loans.csv", columns), str(tmp_path / "model")
    words = [w if w != "default" else "status" for w in FIT]
    assert run("fit", "credit", path, *words, "--positive", "bad", "--out", model) == 0
    capsys.readouterr()
    assert run("evaluate", model, path, "--json") == 0
    judged = json.loads(capsys.readouterr().out)
    assert judged["events"] == columns["status"].count("bad")


def test_the_event_of_a_fitted_model_cannot_be_turned_around(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    columns = loans()
    columns["status"] = ["bad" if d == "1" else "good" for d in columns.pop("default")]
    path, model = write(tmp_path / "loans.csv", columns), str(tmp_path / "model")
    words = [w if w != "default" else "status" for w in FIT]
    assert run("fit", "credit", path, *words, "--positive", "bad", "--out", model) == 0
    assert run("evaluate", model, path, "--target", "status") == 0  # the event is remembered here too
    assert run("evaluate", model, path, "--target", "status", "--positive", "good") == 2
    assert "fitted with 'bad' of column 'status' as 1, not 'good'" in capsys.readouterr().err
    assert run("check", path, "--target", "status", "--positive", "worse") == 2
    assert "never holds 'worse'" in capsys.readouterr().err


def test_a_finished_fit_leaves_no_checkpoint_behind(folder: Path) -> None:
    assert (folder / "model" / "manifest.json").exists()
    assert not list(folder.glob("*.checkpoint"))


def test_the_report_is_one_file_that_needs_nothing(folder: Path) -> None:
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert "<html" in text
    assert 'src="http' not in text
    assert len(text) < 2_000_000


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_scores_are_the_models_own_in_the_files_order(folder: Path, tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"scores{suffix}"
    assert (
        run("predict", str(folder / "model"), str(folder / "loans.csv"), "--out", str(out), "--id", "state")
        == 0
    )
    table = arrow_csv.read_csv(out) if suffix == ".csv" else pq.read_table(out)
    expected = bezant.load(folder / "model").score_table(pa.table(loans(600)))
    assert table.column_names == ["state", "probability"]
    assert table["state"].to_pylist() == loans(600)["state"]
    np.testing.assert_allclose(table["probability"].to_numpy(), expected, rtol=1e-6)


def test_scoring_in_pieces_gives_what_scoring_whole_gives(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("predict", str(folder / "model"), str(folder / "loans.csv"), "--keep", "--out")
    assert run(*words, str(tmp_path / "whole.parquet")) == 0
    monkeypatch.setattr(scoring, "BATCH_ROWS", 37)
    assert run(*words, str(tmp_path / "pieces.parquet")) == 0
    whole, pieces = (pq.read_table(tmp_path / f"{n}.parquet") for n in ("whole", "pieces"))
    assert whole.drop_columns("probability") == pieces.drop_columns("probability")
    np.testing.assert_allclose(whole["probability"], pieces["probability"], rtol=1e-6)


def test_evaluate_prints_figures_by_segment(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("evaluate", str(folder / "model"), str(folder / "loans.csv"), "-t", "default")
    assert run(*words, "--cutoff", "2004-01-01", "--segment", "state") == 0
    printed = capsys.readouterr().out
    assert "AUC" in printed
    assert all(state in printed for state in ("NY", "CA", "TX", "WA"))
    assert run(*words, "--json") == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 600


def european(folder: Path, days: tuple[int, ...]) -> str:
    """Write loans whose dates are of the form 03/01/2003, so that the day might be taken for the month."""
    columns = loans(600)
    columns["approved"] = [f"{days[i % len(days)]:02}/{1 + i % 12:02}/2003" for i in range(600)]
    return write(folder / "european.csv", columns)


def test_a_cutoff_reads_dates_as_the_users_and_the_models_schema_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, schema = european(tmp_path, (13,)), tmp_path / "schema.json"
    words = ("check", path, "-t", "default", "--time", "approved")
    assert run(*words, "--save-schema", str(schema)) == 0
    assert "%d/%m/%Y" in schema.read_text()
    path, model = european(tmp_path, (3, 4, 5)), str(tmp_path / "model")
    assert run("fit", "credit", path, *FIT, "--cutoff", "2003-07-01", "--out", model) == 2
    assert "2003-05-12" in capsys.readouterr().err, "without the schema the month comes first"
    given = ("--schema", str(schema), "--cutoff", "2003-07-01")
    assert run("fit", "credit", path, *FIT, *given, "--out", model) == 0
    printed = capsys.readouterr().out
    assert "european.csv: 300 rows" in printed
    assert "2003-01-03 to 2003-06-05" in " ".join(printed.split())
    later = ("-t", "default", "--cutoff", "2003-12-01")
    assert run("evaluate", model, path, *later, "--json") == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 50


def test_rows_without_the_time_are_judged_but_not_cut(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    columns = loans(600)
    del columns["approved"]
    words = (str(folder / "model"), write(tmp_path / "loans.csv", columns), "-t", "default")
    assert run("evaluate", *words, "--json") == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 600
    assert run("evaluate", *words, "--cutoff", "2004-01-01") == 2
    assert "'approved'" in capsys.readouterr().err


def test_a_report_gives_figures_by_segment(folder: Path, tmp_path: Path) -> None:
    words = ("report", str(folder / "model"), str(folder / "loans.csv"), "-t", "default")
    plain, cut = tmp_path / "plain.html", tmp_path / "cut.html"
    assert run(*words, "--out", str(plain)) == 0
    assert run(*words, "--out", str(cut), "--segment", "state") == 0
    cells = [f">{state}<" for state in ("NY", "CA", "TX", "WA")]
    assert all(cell in cut.read_text(encoding="utf-8") for cell in cells)
    assert not any(cell in plain.read_text(encoding="utf-8") for cell in cells)
