"""The page of a model of histories: how it learned, and which records surprised it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from markupsafe import Markup

from bezant.desks.pretraining.history_notes import quality_of
from bezant.reports import histories as pictures
from bezant.reports.page import Page, PageTable, Section, now, write_page
from bezant.reports.pictures import Drawn
from bezant.schema.words import counted
from bezant.training.loop import TrainingRun
from bezant.types import AnyArray, FloatArray, InputError, IntArray

UNUSUAL = 0.99
"""A record counts as unusual from this quantile of all on."""

MOST_NAMED = 10
"""Records that the table of the most surprising ones holds."""

MOST_DRAWN = 20
"""Histories that are drawn at most."""

SURPRISING, TYPICAL = 3, 3
"""Histories that are drawn if none are named: with the most surprising records, and with middling ones."""

SUM = "surprise"
GLOSSARY = {
    "Surprise": "Negative log-likelihood of a record, given those before it, in nats: 1 more is 2.7 times "
    "less likely. The sum over its fields and the time since the record before; below 0 where numbers lie in "
    "a narrow range, for a density may be above 1.",
    "gap": "The time since the record before.",
    "Unusual": "Among the 1% of records with the greatest surprise.",
    "Loss": "What training makes small: hidden fields and records, the next record, slices of one history.",
}


def write_history_page(
    path: str | Path,
    run: TrainingRun,
    surprise: pa.Table,
    *,
    entity: str,
    time: str,
    entities: Sequence[Any] | None,
    notes: Sequence[str],
    title: str,
    created: str | None,
) -> Path:
    """Write the page.

    Parameters
    ----------
    path : path
    run : TrainingRun
    surprise : pyarrow.Table
        As of :meth:`HistoryModel.surprise`, a row a record.
    entity, time : str
        Columns of it; histories without an entity are called by their place.
    entities : sequence or None
        Whose records are drawn; some surprising and some typical ones if None.
    notes : sequence of str
    title, created : str
        Heading, and the moment to print; now if None.
    """
    if not surprise.num_rows:
        raise InputError("The histories have no records to show; give some that have.")
    row = surprise["row"].to_numpy()
    total = surprise[SUM].to_numpy()
    begins = np.append(np.flatnonzero(np.diff(row, prepend=-1)), len(row))
    names = surprise[entity].to_pylist() if entity in surprise.column_names else row.tolist()
    chosen = _chosen(total, begins, [names[b] for b in begins[:-1]], entities)
    unusual = float(np.quantile(total, UNUSUAL))
    blame = _blame(surprise)
    when = surprise[time].to_numpy().astype("datetime64[s]")
    lines = [
        pictures.SurpriseLine(str(names[s.start]), when[s], total[s], tuple(blame[s]))
        for s in (slice(int(begins[i]), int(begins[i + 1])) for i in chosen)
    ]
    page = Page(
        title=title,
        created=created or now(),
        verdict=quality_of(notes) or _losses(run),
        facts={
            "Histories": f"{len(begins) - 1:,}",
            "Records": f"{len(row):,}",
            "Mean surprise": f"{total.mean():.2f} nats",
            "Unusual from": f"{unusual:.2f} nats",
        },
        opening=_opening(run, total, unusual),
        sections=(_single(lines, unusual), _most(total, when, names, blame, entity)),
        notes=tuple(notes),
        glossary=GLOSSARY,
    )
    return write_page(page, path)


def _losses(run: TrainingRun) -> str:
    held_out = {e.number: e.held_out_loss for e in run.epochs if e.held_out_loss is not None}
    if run.best_epoch not in held_out:
        epochs = counted(len(run.epochs), "epoch")
        return f"Learned in {epochs}, without histories held out to choose among them."
    first, best = next(iter(held_out.values())), held_out[run.best_epoch]
    return (
        f"On histories held out the loss was {first:.3f} after the first epoch and {best:.3f} after epoch "
        f"{run.best_epoch} of {len(run.epochs)}, whose weights were kept."
    )


def _opening(run: TrainingRun, total: FloatArray, unusual: float) -> tuple[Drawn, ...]:
    drawn = []
    if run.epochs:
        losses: dict[str, Sequence[float]] = {"training": [e.train_loss for e in run.epochs]}
        held_out = [np.nan if e.held_out_loss is None else e.held_out_loss for e in run.epochs]
        if np.isfinite(held_out).any():
            losses["held out"] = [float(v) for v in held_out]
        svg = pictures.learning([e.number for e in run.epochs], losses, run.best_epoch)
        said = "Above, mean loss of the steps; below, on histories held out, which choose the epoch. "
        said += _losses(run)
        drawn.append(Drawn("How it learned", said, Markup(svg)))
    svg = pictures.spread(total, unusual)
    said = "Records by how unlikely they were, given those before; the last bar holds all that are beyond it."
    return (*drawn, Drawn("Surprise of all records", said, Markup(svg)))


def _blame(surprise: pa.Table) -> AnyArray:
    """Return the field that surprised most of each record."""
    fields = [n for n in surprise.column_names if n.startswith(f"{SUM}_")]
    values = np.stack([surprise[n].to_numpy() for n in fields], axis=1)
    names: AnyArray = np.array([n.removeprefix(f"{SUM}_") for n in fields], dtype=object)
    return np.asarray(names[values.argmax(axis=1)])


def _chosen(
    total: FloatArray, begins: IntArray, names: Sequence[Any], entities: Sequence[Any] | None
) -> list[int]:
    """Return the places of the histories to draw."""
    if entities is not None:
        place = {name: i for i, name in enumerate(names)}
        unknown = [e for e in entities if e not in place]
        if unknown or not 0 < len(entities) <= MOST_DRAWN:
            raise InputError(
                f"{len(unknown)} of the {counted(len(entities), 'history', 'histories')} to draw have no "
                f"records, such as {unknown[:1]}; name 1 to {MOST_DRAWN} of the {len(names):,} that have."
            )
        return [place[e] for e in entities]
    lengths = np.diff(begins)
    greatest = np.maximum.reduceat(total, begins[:-1])
    surprising = np.argsort(-greatest, kind="stable")[:SURPRISING]
    several = np.flatnonzero(lengths >= np.quantile(lengths, 0.7))
    middling = several[np.argsort(greatest[several], kind="stable")]
    places = np.linspace(0.4, 0.6, TYPICAL) * (len(middling) - 1)
    return list(dict.fromkeys([*surprising.tolist(), *middling[places.astype(int)].tolist()]))


def _single(lines: Sequence[pictures.SurpriseLine], unusual: float) -> Section:
    said = (
        "A stem is a record, as high as it was surprising; red ones are unusual. The greatest of a history "
        "is written beside it, with the field that surprised most."
    )
    svg = pictures.surprise_lines(lines, unusual)
    return Section(
        "single", "Single histories", pictures=(Drawn("Surprise in time", said, Markup(svg), wide=True),)
    )


def _most(total: FloatArray, when: AnyArray, names: Sequence[Any], blame: AnyArray, entity: str) -> Section:
    order = np.argsort(-total, kind="stable")[:MOST_NAMED]
    days = when.astype("datetime64[D]")
    when = days if (when == days).all() else when  # where all times are midnight, they are days
    rows = tuple(
        (str(names[i]), str(when[i]).replace("T", " "), f"{total[i]:.2f}", str(blame[i])) for i in order
    )
    table = PageTable((entity, "Time", "Surprise, nats", "Mostly by"), rows)
    return Section("most", "The most surprising records", tables=(table,))
