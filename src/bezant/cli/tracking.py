"""``--mlflow URI``: fits that are tracked in MLflow as well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from bezant.cli.console import say

if TYPE_CHECKING:
    from bezant.desks.credit.credit_risk import CreditRisk

Mlflow = Annotated[
    str | None,
    typer.Option("--mlflow", metavar="URI", help="Track in MLflow as well, such as sqlite:///mlflow.db."),
]


def refuse_untrackable(uri: str | None) -> None:
    """Say before the fit, not after it, that MLflow is missing or does not answer."""
    if uri is not None:
        from bezant.desks.tracking import tracking_client

        tracking_client(uri)


def track(risk: CreditRisk, uri: str, **more: Any) -> None:
    """Write a fit to MLflow, and say under which name."""
    from bezant.desks.tracking import EXPERIMENT, log_fit

    say(f"MLflow: run {log_fit(risk, uri, **more)} of the experiment {EXPERIMENT!r} in {uri}.", "dim")
