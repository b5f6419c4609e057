"""``bezant tune credit`` and ``--mlflow`` from end to end on small loans."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import bezant
from bezant.cli import tracking
from loans import loans, run, write

HOW = ("--target", "default", "--time", "approved", "--epochs", "1", "--no-benchmark")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tune")
    write(folder / "loans.csv", loans(800))
    return folder


def test_tuning_saves_a_model_with_the_best_settings_and_says_what_they_are_worth(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out, study = (str(folder / name) for name in ("loans.csv", "model", "study.db"))
    command = ("tune", "credit", file, *HOW, "--out", out, "--study", study, "--trials", "2", "--json")
    assert run(*command) == 0
    printed = capsys.readouterr()
    said = json.loads(printed.out)
    assert [trial["number"] for trial in said["trials"]] == [0, 1]
    assert said["loss"] == min(t["loss"] for t in said["trials"] if t["loss"] is not None)
    assert "Trial 1: " in printed.err
    risk = bezant.load(out)
    assert risk.get_params()["network"] == said["settings"]["network"]
    assert any("tuning helped" in note.lower() or "did not help" in note for note in risk.notes_)
    assert any("took no part" in note for note in risk.notes_)
    assert set(said["evaluation"]["figures"]) == {"tuned", "usual"}
    assert np.isfinite(risk.evaluation_.figures["bezant"]["roc_auc"].value)

    assert run(*command) == 0  # both trials are in the study already
    assert "Trial" not in capsys.readouterr().err

    assert run(*command[:-1], "--seed", "1") == 2
    assert "other rows or other settings" in capsys.readouterr().err


def test_ctrl_c_keeps_the_trials_and_writes_no_model(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def press(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("bezant.cli.tune._say_trial", press)
    out = folder / "stopped"
    assert run("tune", "credit", str(folder / "loans.csv"), *HOW, "--out", str(out)) == 130
    assert "1 trial is kept" in capsys.readouterr().err
    assert not out.exists()
    assert (folder / "stopped.study.db").exists()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the database package beneath MLflow
def test_a_fit_is_tracked_with_its_model(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mlflow = pytest.importorskip("mlflow.tracking")
    uri, out = f"sqlite:///{folder / 'mlflow.db'}", str(folder / "tracked")
    assert run("fit", "credit", str(folder / "loans.csv"), *HOW, "--out", out, "--mlflow", uri) == 0
    run_id = capsys.readouterr().err.split("MLflow: run ")[1].split()[0]
    client = mlflow.MlflowClient(tracking_uri=uri)
    assert client.get_run(run_id).info.status == "FINISHED"
    assert "model" in {found.path for found in client.list_artifacts(run_id)}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_unusable_address_is_refused_before_the_file_is_read(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("mlflow")
    where = ("--out", str(folder / "none"), "--mlflow", "nonsense://here")
    for command in (("fit", "credit"), ("tune", "credit")):
        assert run(*command, str(folder / "absent.csv"), *where) == 2
        assert "MLflow cannot use" in capsys.readouterr().err


def test_without_the_flag_mlflow_is_not_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bezant.desks.tracking.tracking_client", lambda _: pytest.fail("touched"))
    tracking.refuse_untrackable(None)
