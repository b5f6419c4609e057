"""The command line as a whole: its words, help, reference, and how commands end."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import bezant
from bezant.cli import app
from bezant.cli.console import print_json
from bezant.cli.reference import reference
from loans import loans, run, write

ROOT = Path(__file__).parents[2]


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


def test_a_file_where_the_desk_belongs_is_recognised(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("fit", "loans.csv", "--target", "default") == 2
    assert "name the desk first: bezant fit credit loans.csv" in capsys.readouterr().err


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


def test_the_app_is_what_the_entry_point_runs() -> None:
    assert callable(app)
    assert 'bezant = "bezant.cli:main"' in (ROOT / "pyproject.toml").read_text()
