"""The large model beside tuned LightGBM and CatBoost on real credit data: fit, keep the scores, judge.

The scores of every fit are kept in a folder as they come, so that a run that was stopped goes on, and every
figure is computed from scores of the same rows. The bar is the mean of the two tuned boosting models'
probabilities, which is better than either. Peers are tuned, stopped and fitted again on all rows under the
protocol of the large model; their probabilities count once as they come and once calibrated as the
large model's are, and the better of the two stands in the table.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from bezant.benchmarks.tasks import ALL, FOLDS, CreditTask, Part
from bezant.desks.credit.credit_risk import LARGE, CreditRisk
from bezant.desks.estimators.intake import take_in
from bezant.desks.estimators.rivals import fit_benchmarks, refuse_missing
from bezant.desks.estimators.settings import ordering_times
from bezant.histories import read_table
from bezant.metrics.classification import lift, log_loss, roc_auc
from bezant.metrics.target_statistics import stratified_folds
from bezant.network.recalibration import days_of, learn_recalibration
from bezant.schema import Schema
from bezant.training.cross_fitting import is_cross_fitted
from bezant.training.table import HeldOut
from bezant.types import FloatArray

PEERS = {"LightGBM": "gradient-boosting", "CatBoost": "ordered-boosting"}
"""Names in the tables and keys of the traditional models."""

OTHERS = {
    "Scorecard": "scorecard",
    "Textbook MLP": "textbook-mlp",
    "Textbook CNN": "textbook-cnn",
    "Textbook RNN": "textbook-rnn",
}
"""Further models that stand in the table and not in the bar."""

BAR = "mean of LightGBM and CatBoost"
BLEND = f"blend: mean of {LARGE} and the bar"

MOVED = {"moved": "{}, recalibrated on the part before", "known": "{}, recalibrated on all parts before"}
"""Which outcomes a model was recalibrated on, by group of scores."""

Scores = Mapping[str, FloatArray]
"""By test part: probabilities of the event."""

GROUPS = ("y", "p", "calibrated", "moved", "known")
"""What is kept of a fit, by test part."""


@dataclass(frozen=True)
class Kept:
    """The scores of one fit.

    Attributes
    ----------
    model : str
        Name in the tables; the large model's with its seed.
    y : mapping of str to float64 array
        Outcomes of every test part.
    p : mapping of str to float64 array
        Probabilities, as the fitted model gives them.
    calibrated : mapping of str to float64 array
        Of a peer, calibrated on the held-out rows; of the large model the same as ``p``.
    cpu_seconds : float
        Of the fit alone, all processes' threads together.
    moved, known : mapping of str to float64 array
        Of the test parts after the first: probabilities recalibrated on the outcomes of the part before; of
        those after the second also on the outcomes of all parts before, which are known by then as well.
    """

    model: str
    y: Scores
    p: Scores
    calibrated: Scores
    cpu_seconds: float
    moved: Scores = field(default_factory=dict)
    known: Scores = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Keep the scores in a file, whole or not at all."""
        arrays: dict[str, Any] = {"cpu_seconds": np.array(self.cpu_seconds)}
        for group in GROUPS:
            arrays |= {f"{group}/{test}": values for test, values in getattr(self, group).items()}
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.part")
        with draft.open("wb") as file:
            np.savez_compressed(file, **arrays)
        draft.replace(path)

    @classmethod
    def read(cls, path: Path) -> Kept:
        """Read what :meth:`write` wrote."""
        with np.load(path, allow_pickle=False) as file:
            groups: dict[str, dict[str, FloatArray]] = {group: {} for group in GROUPS}
            for key in file.files:
                group, _, test = key.partition("/")
                if group in groups:
                    groups[group][test] = file[key]
            return cls(path.stem, cpu_seconds=float(file["cpu_seconds"]), **groups)


def run_task(
    task: CreditTask,
    folder: Path,
    *,
    seeds: Sequence[int] = (0, 1, 2),
    peers: Sequence[str] = tuple(PEERS),
    size: str = "small",
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """Fit what is not in the folder yet.

    Parameters
    ----------
    task : CreditTask
        What to fit to, and to judge on.
    folder : path
        Where scores are kept, one file a fit.
    seeds : sequence of int
        Of the large model; each is a fit of every part.
    peers : sequence of str
        Keys of :data:`PEERS` and :data:`OTHERS`.
    size : str, default "small"
        Of the large model.
    say : callable
        Told what was done, a line at a time.
    """
    refuse_missing(tuple((PEERS | OTHERS)[peer] for peer in peers))
    for part in task.parts():
        for name, fit in _fits(task, part, seeds, peers, size):
            path = folder / task.name / part.name / f"{name}.npz"
            if not path.exists():
                kept = fit()
                kept.write(path)
                shown = ", ".join(
                    f"{test} {roc_auc(kept.y[test], p):.4f}/{log_loss(kept.y[test], p):.4f}"
                    for test, p in kept.p.items()
                )
                say(f"{task.name} {part.name} {name}: {shown} ({kept.cpu_seconds:.0f} CPU seconds)")


def _fits(
    task: CreditTask, part: Part, seeds: Sequence[int], peers: Sequence[str], size: str
) -> Iterator[tuple[str, Callable[[], Kept]]]:
    for peer in peers:
        yield peer, lambda peer=peer: _peer(task, part, peer)  # type: ignore[misc]
    for seed in seeds:
        yield f"{LARGE} {size}, seed {seed}", lambda seed=seed: _large(task, part, seed, size)  # type: ignore[misc]


def _large(task: CreditTask, part: Part, seed: int, size: str) -> Kept:
    risk = CreditRisk(time=task.time, size=size, benchmark=False, random_state=seed)  # type: ignore[arg-type]
    start = time.process_time()
    risk.fit(part.train.drop(columns=task.target), part.train[task.target])
    spent = time.process_time() - start
    X, y = {n: t.drop(columns=task.target) for n, t in part.tests.items()}, _outcomes(task, part)
    p = {name: risk.predict_proba(rows)[:, 1] for name, rows in X.items()}
    days = {
        name: _days(risk.schema_.conform(read_table(rows)).table, risk.schema_) for name, rows in X.items()
    }
    return Kept(f"{LARGE} {size}, seed {seed}", y, p, p, spent, *recalibrated(p, y, days))


def _peer(task: CreditTask, part: Part, peer: str) -> Kept:
    y = part.train[task.target].to_numpy(np.float64)
    start = time.process_time()
    intake = take_in(
        read_table(part.train.drop(columns=task.target)),
        y,
        time=task.time,
        schema=None,
        leaks="report",
        seed=0,
    )
    crossed = is_cross_fitted(y, intake.times is not None)
    parts = HeldOut.in_folds(stratified_folds(y, FOLDS, 0)) if crossed else HeldOut.of(intake.held_out, y, 0)
    fitted = fit_benchmarks(intake.table, intake.schema, y, parts, ((PEERS | OTHERS)[peer],), 0)
    if not fitted.models:
        raise RuntimeError(" ".join(fitted.notes))
    spent = time.process_time() - start
    model, outcomes = fitted.models[0], _outcomes(task, part)
    tables = {n: read_table(test.drop(columns=task.target)) for n, test in part.tests.items()}
    rows = {name: intake.schema.conform(table).table for name, table in tables.items()}
    days = {name: _days(table, intake.schema) for name, table in rows.items()}
    p = {name: model.model.score_table(table) for name, table in rows.items()}
    calibrated = {name: model.score_table(table) for name, table in rows.items()}
    return Kept(peer, outcomes, p, calibrated, spent, *recalibrated(calibrated, outcomes, days))


def recalibrated(
    p: Scores, y: Scores, days: Mapping[str, FloatArray | None], seed: int = 0
) -> tuple[dict[str, FloatArray], dict[str, FloatArray]]:
    """Return probabilities recalibrated on the test part before, and on all parts before.

    Parameters
    ----------
    p, y : mapping of str to float64 array, shape (n,)
        Calibrated probabilities and outcomes of every part, in the order of time.
    days : mapping of str to float64 array, shape (n,), or None
        Times in days since 1970; None where the rows have none.
    seed : int, default 0
        Of the recalibration's folds, where there are no times.
    """

    def on(parts: Sequence[str], name: str) -> FloatArray:
        times = [t for t in (days[part] for part in parts) if t is not None]
        learned, _ = learn_recalibration(
            np.concatenate([p[part] for part in parts]),
            np.concatenate([y[part] for part in parts]),
            np.concatenate(times) if len(times) == len(parts) else None,
            seed=seed,
        )
        return learned.apply(p[name], days[name])

    names = list(p)
    moved = {name: on([before], name) for before, name in pairwise(names)}
    return moved, {name: on(names[:k], name) for k, name in enumerate(names) if k > 1}


def _days(table: pa.Table, schema: Schema) -> FloatArray | None:
    times = ordering_times(schema, table)
    return None if times is None else days_of(times)


def _outcomes(task: CreditTask, part: Part) -> Scores:
    return {name: test[task.target].to_numpy(np.float64) for name, test in part.tests.items()}


@dataclass(frozen=True)
class Figure:
    """AUC, log loss and lift of the top tenth on a test part; the mean over folds where there are folds."""

    auc: float
    log_loss: float
    lift: float


@dataclass(frozen=True)
class TaskResult:
    """The figures of a task.

    Attributes
    ----------
    task : CreditTask
        What was done.
    figures : mapping of str to mapping of str to Figure
        Model, then test part. Every seed of the large model, their mean figures, the peers, the bar,
        the blend.
    cpu_seconds : mapping of str to float
        Of the fits of a model, folds together.
    """

    task: CreditTask
    figures: Mapping[str, Mapping[str, Figure]]
    cpu_seconds: Mapping[str, float]


def judge_task(task: CreditTask, folder: Path) -> TaskResult | None:
    """Compute the figures of a task from kept scores; None if not every fold is there."""
    parts = [
        {p.stem: Kept.read(p) for p in sorted(fold.glob("*.npz"))}
        for fold in sorted((folder / task.name).glob("*"))
    ]
    if len(parts) < (FOLDS if task.tests == (ALL,) else 1):
        return None
    fitted = [m for m in parts[0] if all(m in part for part in parts)]
    if not fitted:
        return None
    large = [m for m in fitted if m.startswith(LARGE)]
    peers = [m for m in fitted if m in PEERS]
    figures: dict[str, dict[str, Figure]] = {m: _figures(task, parts, [m], "p") for m in large}
    if len(large) > 1:
        figures[f"{LARGE}, mean of {len(large)} seeds"] = {
            test: Figure(
                float(np.mean([figures[m][test].auc for m in large])),
                float(np.mean([figures[m][test].log_loss for m in large])),
                float(np.mean([figures[m][test].lift for m in large])),
            )
            for test in task.tests
        }
    others = [m for m in fitted if m in OTHERS]
    for name, members in [(p, [p]) for p in (*peers, *others)] + ([(BAR, peers)] if len(peers) > 1 else []):
        figures[name] = _better(*(_figures(task, parts, members, how) for how in ("p", "calibrated")))
    if large and len(peers) > 1:
        figures[BLEND] = _blend(task, parts, large[0], peers)
    for name in (*large, *peers):
        for how, called in MOVED.items():
            if getattr(parts[0][name], how):
                figures[called.format(name)] = _figures(task, parts, [name], how)
    spent = {m: sum(part[m].cpu_seconds for part in parts) for m in fitted}
    return TaskResult(task, figures, spent)


def _figures(
    task: CreditTask, parts: list[dict[str, Kept]], members: Sequence[str], how: str
) -> dict[str, Figure]:
    """Figures of the mean of some models' probabilities, averaged over the parts."""
    found = {}
    for test in task.tests:
        if test not in getattr(parts[0][members[0]], how):
            continue
        each = [
            (part[members[0]].y[test], np.mean([getattr(part[m], how)[test] for m in members], 0))
            for part in parts
        ]
        found[test] = Figure(
            float(np.mean([roc_auc(y, p) for y, p in each])),
            float(np.mean([log_loss(y, p) for y, p in each])),
            float(np.mean([lift(y, p) for y, p in each])),
        )
    return found


def _better(raw: dict[str, Figure], calibrated: dict[str, Figure]) -> dict[str, Figure]:
    """Return the figures of the form with the lower mean log loss: the peer gets the better one."""
    return min(raw, calibrated, key=lambda f: sum(v.log_loss for v in f.values()))


def _blend(
    task: CreditTask, parts: list[dict[str, Kept]], large: str, peers: Sequence[str]
) -> dict[str, Figure]:
    mixed = []
    for part in parts:
        p = {
            test: (part[large].p[test] + np.mean([part[m].calibrated[test] for m in peers], 0)) / 2
            for test in task.tests
        }
        mixed.append({BLEND: Kept(BLEND, part[large].y, p, p, 0.0)})
    return _figures(task, mixed, [BLEND], "p")
