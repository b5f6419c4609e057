"""A fit in MLflow: settings, curves, figures with intervals, versions, the data's hash, model and report."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as arrow_csv
from sklearn.utils.validation import check_is_fitted

from bezant.desks.credit.credit_risk import CreditRisk
from bezant.evidence.evaluation import Evaluation
from bezant.types import InputError, MissingExtraError

EXPERIMENT = "bezant"
"""Where runs go unless it is said otherwise."""

PARAMETERS_AT_ONCE, METRICS_AT_ONCE, LONGEST = 100, 1000, 6000
"""MLflow takes at most so many of them in one call, and so many letters in a parameter."""

Point = tuple[str, float, int]
"""Name, value and step of a metric."""


def tracking_client(uri: str) -> Any:
    """Return a client of a tracking server or store; the settings of the process stay as they are.

    Parameters
    ----------
    uri : str
        Such as ``sqlite:///mlflow.db`` or ``http://localhost:5000``.

    Raises
    ------
    InputError
        If nothing answers there.
    MissingExtraError
        If MLflow is not installed.
    """
    try:
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient
    except ImportError as error:
        raise MissingExtraError("mlflow-skinny", "mlflow", "Tracking") from error
    try:
        client = MlflowClient(tracking_uri=uri)
        client.search_experiments(max_results=1)
    except (MlflowException, OSError, ValueError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"MLflow cannot use {uri!r} ({first}); give an address such as sqlite:///mlflow.db."
        ) from error
    return client


def log_fit(
    risk: CreditRisk,
    uri: str,
    experiment: str = EXPERIMENT,
    *,
    model: str | Path | None = None,
    report: str | Path | None = None,
    evaluation: Evaluation | None = None,
    trials: pa.Table | None = None,
) -> str:
    """Write a fit as one run.

    Parameters
    ----------
    risk : CreditRisk
        Fitted.
    uri : str
        Of the tracking server or store.
    experiment : str, default "bezant"
        Made if it is not there.
    model, report : path, optional
        The saved model's folder and the report, which are copied.
    evaluation : Evaluation, optional
        Figures on rows kept apart, beside those of the held-out rows.
    trials : pyarrow.Table, optional
        Those of a tuning, copied as CSV.

    Returns
    -------
    str
        The run's identifier.
    """
    check_is_fitted(risk, "model_")
    client = tracking_client(uri)
    run = client.create_run(_experiment(client, uri, experiment)).info.run_id
    ended = "FAILED"
    try:
        _log_settings(client, run, risk)
        points = [*_curves(risk), *_figures("held_out", risk.evaluation_), *_figures("test", evaluation)]
        _log_points(client, run, points)
        client.log_text(run, "\n".join(risk.notes_), "notes.txt")
        if model is not None:
            client.log_artifacts(run, str(model), "model")
        if report is not None:
            client.log_artifact(run, str(report), "report")
        if trials is not None:
            sink = pa.BufferOutputStream()
            arrow_csv.write_csv(trials, sink)
            client.log_text(run, sink.getvalue().to_pybytes().decode(), "trials.csv")
        ended = "FINISHED"
    finally:
        client.set_terminated(run, ended)
    return str(run)


def _experiment(client: Any, uri: str, name: str) -> str:
    """Return an experiment's identifier; files of a new one lie beside its SQLite store."""
    known = client.get_experiment_by_name(name)
    if known is not None:
        return str(known.experiment_id)
    place = None
    if uri.startswith("sqlite:///"):
        place = (Path(uri.removeprefix("sqlite:///")).absolute().parent / "mlartifacts" / name).as_uri()
    return str(client.create_experiment(name, artifact_location=place))


def _log_settings(client: Any, run: str, risk: CreditRisk) -> None:
    from mlflow.entities import Param, RunTag

    record = risk.record_
    settings = dict(_flat(record.configuration)) | {
        "rows": record.summary.rows,
        "events": record.summary.events,
    }
    parameters = [Param(name, str(value)[:LONGEST]) for name, value in settings.items()]
    tags = {"data_sha256": record.data_sha256, **{f"version.{k}": v for k, v in record.versions.items()}}
    tags |= {"outcome": json.dumps(dict(record.outcome))} if record.outcome else {}
    for start in range(0, len(parameters), PARAMETERS_AT_ONCE):
        client.log_batch(run, params=parameters[start : start + PARAMETERS_AT_ONCE])
    client.log_batch(run, tags=[RunTag(name, value) for name, value in tags.items()])


def _flat(settings: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield ``plan.training.seed`` and the like."""
    for name, value in settings.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def _curves(risk: CreditRisk) -> Iterator[Point]:
    """Yield the losses by epoch: of the run with early stopping, then of the one on all rows."""
    for run, of in zip(risk.history_, ("", "all_rows/"), strict=False):
        for epoch in run.epochs:
            yield f"{of}train_loss", epoch.train_loss, epoch.number
            if epoch.held_out_loss is not None:
                yield f"{of}held_out_loss", epoch.held_out_loss, epoch.number
        yield f"{of}best_epoch", float(run.best_epoch), 0


def _figures(where: str, evaluation: Evaluation | None) -> Iterator[Point]:
    """Yield each model's figures with their intervals."""
    for model, figures in (evaluation.figures if evaluation else {}).items():
        for figure, estimate in figures.items():
            yield f"{where}/{model}/{figure}", estimate.value, 0
            yield f"{where}/{model}/{figure}/low", estimate.low, 0
            yield f"{where}/{model}/{figure}/high", estimate.high, 0


def _log_points(client: Any, run: str, points: list[Point]) -> None:
    from time import time

    from mlflow.entities import Metric

    now = int(1000 * time())
    metrics = [Metric(name, value, now, step) for name, value, step in points if math.isfinite(value)]
    for start in range(0, len(metrics), METRICS_AT_ONCE):
        client.log_batch(run, metrics=metrics[start : start + METRICS_AT_ONCE])
