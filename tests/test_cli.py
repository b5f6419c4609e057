"""The command line from end to end on small loans: what it prints, writes, and leaves alone."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq
import pytest

import bezant
from bezant.cli import app, demo, scoring, sources
from bezant.cli.console import print_json
from bezant.cli.reference import reference
from bezant.types import InputError
from loans import loans, run, write

ROOT = Path(__file__).parents[1]
FIT = ("--target", "default", "--time", "approved", "--size", "tiny", "--epochs", "1", "--no-benchmark")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Loans, a fitted model and its report."""
    folder = tmp_path_factory.mktemp("cli")
    path = write(folder / "loans.csv", loans(600))
    report = ("--cutoff", "2004-01-01", "--report", str(folder / "report.html"))
    assert run("fit", "credit", path, *FIT, *report, "--out", str(folder / "model")) == 0
    return folder


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("fit", "credit", "x.csv", "--epochs", "0"), "'--epochs': .*; bezant fit credit --help"),
        (("fit", "credit", "x.csv", "--epochs", "many"), "'--epochs': .*; bezant fit credit --help"),
        (("fit", "recommend", "x.csv", "--seed", "-1"), "'--seed': .*; bezant fit recommend --help"),
        (("plan", "--size", "huge"), "'--size': 'huge' is not one of 'tiny'"),
        (("fit", "credit"), "Missing argument 'FILE'; bezant fit credit --help"),
        (("predict", "--wrong"), "No such option: --wrong.*; bezant predict --help"),
        (("--wrong",), "No such option: --wrong.*; bezant --help"),
        (("wrong",), "No such command 'wrong'; bezant --help"),
        (("tune", "nothing"), "No such command 'nothing'; bezant tune --help"),
    ],
)
def test_words_that_no_command_knows_are_refused_in_one_sentence(
    words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert re.fullmatch(f"Error: [^\n]*{said}[^\n]*\n", printed.err)


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    printed = capsys.readouterr().out
    for command in (
        "demo",
        "datasets",
        "check",
        "fit",
        "tune",
        "predict",
        "evaluate",
        "report",
        "pretrain",
        "embed",
        "surprise",
        "plan",
        "update",
        "export",
        "forecast",
        "backtest",
        "risk",
        "compare-optimizers",
    ):
        assert command in printed


def test_every_command_has_an_example() -> None:
    sections = reference().split("\n## ")[1:]
    assert len(sections) == 28
    assert all("Example: `bezant " in section for section in sections)


def test_the_reference_of_commands_is_current() -> None:
    written = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
    assert written == reference(), "run: make docs"


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out.strip() == f"bezant {bezant.__version__}"


def test_the_list_of_data_sets_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("datasets", "list", "--json") == 0
    listed = json.loads(capsys.readouterr().out)
    assert [d["name"] for d in listed] == list(bezant.datasets.names())


def test_a_data_set_is_shown_with_the_reason_of_every_dropped_column(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("datasets", "show", "sba-loans", "--json") == 0
    assert json.loads(capsys.readouterr().out)["drop"] == dict(bezant.datasets.task("sba-loans").drop)
    assert run("datasets", "show", "sba-loans") == 0
    assert "Term" in capsys.readouterr().out


def test_check_ends_with_one_if_something_must_be_mended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    columns = loans(600)
    columns["charged_off_on"] = ["2009-01-01" if d == "1" else "" for d in columns["default"]]
    path = write(tmp_path / "loans.csv", columns)
    assert run("check", path, "-t", "default", "--time", "approved", "--json") == 1
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert any(f["severity"] == "refuse" and "charged_off_on" in f["columns"] for f in findings)
    assert run("check", path, "-t", "default", "--drop", "charged_off_on", "--json") == 0


def test_a_saved_schema_can_be_given_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, schema = write(tmp_path / "loans.csv", loans()), tmp_path / "schema.json"
    words = ("check", path, "-t", "default", "--time", "approved", "--json")
    assert run(*words, "--save-schema", str(schema)) == 0
    first = capsys.readouterr().out
    assert run(*words, "--schema", str(schema)) == 0
    assert capsys.readouterr().out == first


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


def test_a_file_where_the_desk_belongs_is_recognised(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("fit", "loans.csv", "--target", "default") == 2
    assert "name the desk first: bezant fit credit loans.csv" in capsys.readouterr().err


def test_check_says_how_texts_were_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    columns = loans()
    columns["approved"] = [f"{d[8:10]}.{d[5:7]}.{d[:4]}" for d in columns["approved"]]
    path = write(tmp_path / "loans.csv", columns)
    assert run("check", path, "-t", "default", "--time", "approved", "--json") in (0, 1)
    readings = json.loads(capsys.readouterr().out)["readings"]
    assert any("'approved'" in note and "%d.%m.%Y" in note for note in readings)


def test_a_name_that_is_nearly_a_data_set_is_recognised(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", "sba-sampel") == 2
    assert "did you mean the data set 'sba-sample'?" in capsys.readouterr().err


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


def test_optimizers_are_compared_and_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, picture = write(tmp_path / "loans.csv", loans()), tmp_path / "optimizers.svg"
    words = ("compare-optimizers", path, "-t", "default", "--epochs", "1", "--out", str(picture), "--json")
    assert run(*words, "--optimizer", "adamw", "--optimizer", "sgd") == 0
    printed = json.loads(capsys.readouterr().out)
    assert {t["optimizer"] for t in printed["trials"]} == {"adamw", "sgd"}
    assert "<svg" in picture.read_text()[:500]


def small_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the demo learn from a few of its loans, without the traditional models."""
    read, make = demo.read_labelled, demo.make_risk

    def few(*words: str | None) -> sources.Labelled:
        rows = read(*words)  # type: ignore[arg-type]
        return rows.take(np.arange(0, len(rows.y), 40))

    monkeypatch.setattr(demo, "read_labelled", few)
    monkeypatch.setattr(demo, "make_risk", lambda rows, **settings: make(rows, **settings, benchmark=False))


def test_the_demo_opens_no_socket_and_ends_with_the_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*given: object) -> None:
        raise AssertionError(f"a socket was connected to {given[1:]}")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    small_demo(monkeypatch)
    assert run("demo", "--out", str(tmp_path / "out"), "--size", "tiny", "--epochs", "1") == 0
    lines = capsys.readouterr().out.rstrip().splitlines()
    assert lines[-1].endswith(str(tmp_path / "out" / "report.html"))
    assert (tmp_path / "out" / "report.html").exists()
    figures = json.loads((tmp_path / "out" / "demo.json").read_text())
    assert list(figures["figures"]) == ["bezant"]
    assert (tmp_path / "out" / "model" / "manifest.json").exists()


def test_the_refused_socket_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("connected")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    with socket.socket() as one, pytest.raises(AssertionError, match="connected"):
        one.connect(("127.0.0.1", 9))


def test_ctrl_c_ends_with_130_and_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("bezant.evidence.checks.check", interrupt)
    assert run("check", write(tmp_path / "loans.csv", loans()), "-t", "default") == 130
    printed = capsys.readouterr()
    assert "Stopped by Ctrl-C" in printed.err
    assert "Traceback" not in printed.err


def test_an_error_of_the_system_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "scores.csv")

    monkeypatch.setattr("bezant.evidence.checks.check", full)
    assert run("check", write(tmp_path / "loans.csv", loans()), "-t", "default") == 2
    assert "No space left on device" in capsys.readouterr().err


def test_python_m_bezant_is_the_same_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bezant", "datasets", "show", "nothing"],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(ROOT / "src"), "PATH": ""},
    )
    assert done.returncode == 2
    assert done.stderr.startswith("Error: There is no data set 'nothing'")
    assert done.stdout == ""


def test_json_has_no_nan(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": float("nan"), "b": [float("inf"), 1.5], "c": Path("x")})
    assert json.loads(capsys.readouterr().out) == {"a": None, "b": [None, 1.5], "c": "x"}


@pytest.mark.parametrize(
    ("values", "positive", "expected"),
    [
        ([0, 1, 1], None, [0, 1, 1]),
        ([0.0, 1.0, 1.0], None, [0, 1, 1]),
        ([False, True, True], None, [0, 1, 1]),
        (["0", "1", "1.0"], None, [0, 1, 1]),
        (["FALSE", "True", "true"], None, [0, 1, 1]),
        (["P I F", "CHGOFF", "other"], "CHGOFF", [0, 1, 0]),
        ([1, 2, 2], "2", [0, 1, 1]),
        ([1, 2, 2], "1", [1, 0, 0]),
    ],
)
def test_outcomes_are_read_as_they_are_written(
    values: list[object], positive: str | None, expected: list[int]
) -> None:
    for column in (pa.chunked_array([values]), pa.chunked_array([values]).dictionary_encode()):
        y, _ = sources.read_outcome(column, "y", positive, both=True, missing=False)
        assert y.tolist() == expected


def test_missing_outcomes_are_nan_only_where_that_is_allowed() -> None:
    column = pa.chunked_array([["0", "NA", None, "1"]])
    y, _ = sources.read_outcome(column, "y", None, both=True, missing=True)
    np.testing.assert_array_equal(y, [0, np.nan, np.nan, 1])
    with pytest.raises(InputError, match="missing in 2 of 4 rows"):
        sources.read_outcome(column, "y", None, both=True, missing=False)


def test_a_file_goes_before_a_data_set_of_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert sources.is_dataset("sba-sample")
    (tmp_path / "sba-sample").mkdir()
    assert not sources.is_dataset("sba-sample")


def test_the_app_is_what_the_entry_point_runs() -> None:
    assert callable(app)
    assert 'bezant = "bezant.cli:main"' in (ROOT / "pyproject.toml").read_text()
