"""``bezant tune credit``: better settings on a small budget, judged on rows that did not tune them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bezant.cli import console
from bezant.cli.console import EXIT_INTERRUPTED, print_json, refuse_unsavable, refuse_unwritable, say, show
from bezant.cli.data import schema_of, two_columns
from bezant.cli.fit import (
    Epochs,
    LeaksChoice,
    Seed,
    make_risk,
    refuse_few,
    show_notes,
)
from bezant.cli.sources import AsJson, Drop, File, Labelled, Positive, Target, Time, read_labelled
from bezant.cli.tracking import Mlflow, refuse_untrackable, track
from bezant.schema.words import counted

if TYPE_CHECKING:
    from bezant.desks.credit.credit_risk import CreditRisk
    from bezant.desks.tuning.tuning import Tuning
    from bezant.evidence.evaluation import Evaluation

EXAMPLE = (
    "Example: bezant tune credit loans.csv --target default --time ApprovalDate --trials 20 "
    "--study loans.db --out models/tuned"
)


def tune_credit(
    file: File,
    target: Target = None,
    time: Time = None,
    positive: Positive = None,
    drop: Drop = None,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where the model goes.")] = Path(
        "models/tuned"
    ),
    trials: Annotated[int, typer.Option("--trials", min=1, help="Trials in all, earlier ones counted.")] = 20,
    study: Annotated[
        Path | None,
        typer.Option("--study", metavar="FILE", help="SQLite file of the trials; by default beside --out."),
    ] = None,
    minutes: Annotated[
        float | None, typer.Option("--minutes", min=0, help="Start no trial after so long.")
    ] = None,
    epochs: Epochs = None,
    seed: Seed = 0,
    benchmark: Annotated[
        bool,
        typer.Option("--benchmark/--no-benchmark", help="Fit the traditional models on the same rows."),
    ] = True,
    leaks: Annotated[
        LeaksChoice,
        typer.Option(
            "--leaks", help="Columns that seem to know the outcome: say so, leave them out, or stop."
        ),
    ] = LeaksChoice.REPORT,
    schema: Annotated[
        Path | None,
        typer.Option(metavar="JSON", help="What the columns mean, from bezant check --save-schema."),
    ] = None,
    mlflow: Mlflow = None,
    as_json: AsJson = False,
) -> None:
    """Look for better settings, compare them with the usual ones, and fit a model to all rows with them.

    A fifth of the rows (the latest, with --time) takes no part in the search: there the tuned and the usual
    settings are compared. A search that was stopped goes on when the same command is typed again.
    """
    refuse_unsavable(out, source=file)
    if study is not None:
        refuse_unwritable(study, source=file)
    refuse_untrackable(mlflow)
    rows = read_labelled(file, target, time=time, positive=positive, drop=drop or ())
    meaning = None if schema is None else schema_of(rows, schema)
    refuse_few(rows)
    for note in rows.notes:
        say(note, "dim")
    from bezant.desks.tuning.tuning import judge, tune

    kept = study or out.with_name(out.name + ".study.db")
    common: dict[str, Any] = {"schema": meaning, "leaks": leaks.value}
    found = tune(
        rows.table,
        rows.y,
        time=rows.time,
        trials=trials,
        study=kept,
        seconds=None if minutes is None else 60 * minutes,
        max_epochs=epochs,
        random_state=seed,
        observe=_say_trial,
        **common,
    )
    if found.interrupted:
        say(
            f"Stopped by Ctrl-C; {counted(found.trials.num_rows, 'trial')} "
            f"{'is' if found.trials.num_rows == 1 else 'are'} kept in {kept}: the same command goes on."
        )
        raise typer.Exit(EXIT_INTERRUPTED)
    judged = judge(rows.table, rows.y, found, time=rows.time, random_state=seed, **common)
    risk = make_risk(rows, benchmark=benchmark, random_state=seed, **common, **found.settings)
    _fit_and_save(risk, rows, positive, found, judged, out)
    if mlflow is not None:
        track(risk, mlflow, model=out, trials=found.trials)
    _show(risk, found, judged, out, kept, as_json)


def _say_trial(number: int, state: str, loss: float) -> None:
    say(f"Trial {number}: " + (f"log loss {loss:.4f}" if state == "complete" else "given up early"), "dim")


def _fit_and_save(
    risk: CreditRisk, rows: Labelled, positive: str | None, found: Tuning, judged: Evaluation, out: Path
) -> None:
    """Fit to all rows and save; how the settings were found is in the model's notes."""
    from bezant.desks.tuning.tuning import helped

    risk.fit(rows.table, rows.y)
    outcome = {"column": rows.target} | ({"event": positive} if positive else {})
    risk.record_ = replace(risk.record_, outcome=outcome)
    risk.notes_ = (*risk.notes_, *found.notes, helped(judged))
    if out.is_dir():
        say(f"The model that was in {out} is replaced.", "dim")
    risk.save(out)


def _show(risk: CreditRisk, found: Tuning, judged: Evaluation, out: Path, study: Path, as_json: bool) -> None:
    from bezant.desks.tuning.tuning import helped

    if as_json:
        print_json(
            {
                "model": str(out),
                "study": str(study),
                "settings": found.settings,
                "loss": found.loss,
                "usual_loss": found.usual_loss,
                "trials": found.trials.to_pylist(),
                "importance": found.importance,
                "notes": list(risk.notes_),
                "evaluation": json.loads(judged.to_json()),
            }
        )
        return
    from bezant.cli.tables import figures_table

    show(
        f"Best of {counted(found.trials.num_rows, 'trial')}: log loss {found.loss:.4f}, usual "
        f"{found.usual_loss:.4f}."
    )
    flat = {"size": found.settings["size"], **found.settings["training"], **found.settings["network"]}
    shares = [f"{name} {share:.0%}" for name, share in found.importance.items()]
    two_columns([(name, _written(value)) for name, value in flat.items()])
    if shares:
        show(f"What mattered: {', '.join(shares)}.")
    show()
    console.out().print(figures_table(judged))
    show()
    show(helped(judged), "bold")
    show()
    show_notes(risk)
    show(f"Model   {out}")
    show(f"Study   {study}")


def _written(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_written, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)
