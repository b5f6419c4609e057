"""Tracking: what stands in an MLflow store after a fit is what the model knows about itself."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import bezant
from bezant.desks.credit.credit_risk import CreditRisk
from bezant.desks.tracking import log_fit, tracking_client
from bezant.types import InputError, MissingExtraError
from training_support import COLUMNS


@pytest.fixture(scope="module")
def risk() -> CreditRisk:
    loans = bezant.datasets.load("sba-sample")[list(COLUMNS)].iloc[::40]
    risk = CreditRisk(
        time="ApprovalDate", size="tiny", training={"max_epochs": 2}, benchmark=False, progress=False
    )
    return risk.fit(loans.drop(columns="default"), loans["default"])


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of one SQLite store for all tests: to make one takes seconds."""
    return tmp_path_factory.mktemp("mlflow")


@pytest.fixture(scope="module")
def uri(store: Path) -> str:
    return f"sqlite:///{store / 'mlflow.db'}"


@pytest.fixture(scope="module")
def client(uri: str) -> Any:
    pytest.importorskip("mlflow")
    with warnings.catch_warnings():  # of a package beneath MLflow
        warnings.simplefilter("ignore")
        return tracking_client(uri)


def test_a_run_holds_settings_curves_figures_versions_model_and_report(
    risk: CreditRisk, client: Any, uri: str, store: Path, tmp_path: Path
) -> None:
    saved = risk.save(tmp_path / "model")
    report = tmp_path / "report.html"
    report.write_text("<p>figures</p>")
    trials = pa.table({"number": [0], "loss": [0.5]})
    run = log_fit(risk, uri, "loans", model=saved, report=report, trials=trials)

    found = client.get_run(run)
    assert found.info.status == "FINISHED"
    assert found.data.params["plan.training.max_epochs"] == "2"
    assert found.data.params["size"] == "tiny"
    assert found.data.params["rows"] == str(risk.record_.summary.rows)
    assert found.data.tags["data_sha256"] == risk.record_.data_sha256
    assert found.data.tags["version.torch"] == risk.record_.versions["torch"]
    for name, said in (("train_loss", "train_loss"), ("held_out_loss", "held_out_loss")):
        points = sorted((m.step, m.value) for m in client.get_metric_history(run, name))
        assert points == [(e.number, getattr(e, said)) for e in risk.history_[0].epochs]
    assert risk.evaluation_ is not None
    estimate = risk.evaluation_.figures["bezant"]["roc_auc"]
    assert found.data.metrics["held_out/bezant/roc_auc"] == estimate.value
    assert found.data.metrics["held_out/bezant/roc_auc/low"] == estimate.low
    assert {f.path for f in client.list_artifacts(run)} == {"model", "report", "notes.txt", "trials.csv"}
    copied = Path(client.download_artifacts(run, "model", str(tmp_path)))
    assert bezant.load(copied).record_.data_sha256 == risk.record_.data_sha256
    assert (store / "mlartifacts").is_dir()  # beside the store, not wherever the command was typed


def test_runs_of_one_name_come_together(risk: CreditRisk, client: Any, uri: str) -> None:
    runs = {log_fit(risk, uri) for _ in range(2)}
    experiments = {client.get_run(run).info.experiment_id for run in runs}
    assert len(runs) == 2
    assert experiments == {client.get_experiment_by_name("bezant").experiment_id}


def test_a_run_that_could_not_be_written_is_marked_as_failed(
    risk: CreditRisk, client: Any, uri: str, tmp_path: Path
) -> None:
    with pytest.raises(OSError):
        log_fit(risk, uri, "torn", report=tmp_path / "absent.html")
    experiment = client.get_experiment_by_name("torn").experiment_id
    assert [run.info.status for run in client.search_runs([experiment])] == ["FAILED"]


def test_an_address_that_is_none_is_refused_in_one_sentence(client: Any) -> None:
    with pytest.raises(InputError, match=r"MLflow cannot use 'nonsense://here'.*sqlite:///mlflow\.db"):
        tracking_client("nonsense://here")


def test_without_mlflow_the_line_to_install_it_is_given(monkeypatch: Any) -> None:
    for name in ("mlflow", "mlflow.tracking", "mlflow.exceptions"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError, match=r"pip install 'bezant\[mlflow\]'"):
        tracking_client("sqlite:///x.db")
