"""The search itself: trials kept by optuna, each a training that is given up when it falls behind."""

from __future__ import annotations

import hashlib
import json
import math
import time as clock
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from bezant.desks.estimators.intake import Intake
from bezant.desks.estimators.network_settings import read_network
from bezant.desks.estimators.record import data_hash
from bezant.desks.tuning.space import SPACE_VERSION, propose, settings_of, usual_choice
from bezant.training.config import TrainingConfig
from bezant.training.loop import Progress, train
from bezant.training.table import prepare_for_training
from bezant.types import FloatArray, InputError, IntArray, MissingExtraError

LEAST_FOR_IMPORTANCE = 4
"""Fewest complete trials with losses of their own from which importance is read."""

Told = Callable[[int, str, float], None]
"""Told a finished trial's number, state and loss."""


@dataclass(frozen=True)
class Problem:
    """What all trials have in common.

    Attributes
    ----------
    intake : Intake
        n typed rows.
    y : float64 array, shape (n,)
        Their outcomes, 0 or 1.
    folds : tuple of integer arrays
        Rows that judge, one array a fold.
    training : TrainingConfig
        How each trial trains, but for what it tries.
    """

    intake: Intake
    y: FloatArray
    folds: tuple[IntArray, ...]
    training: TrainingConfig

    def loss_of(self, choice: Mapping[str, Any], told: Callable[[int, float], None]) -> tuple[float, int]:
        """Return the mean over folds of the best held-out loss under these settings, and the last best epoch.

        ``told`` gets a step, the same for the same fold and epoch of each trial, and the best so far.
        """
        settings = settings_of(choice)
        training = self.training.model_copy(update=settings["training"])
        plan = read_network(settings["network"]).plan(settings["size"], "tabm", "binary", training)
        done: list[float] = []
        best_epoch, step = 0, 0
        for held_out in self.folds:
            make, judging = prepare_for_training(
                self.intake.table, self.intake.schema, self.y, held_out, plan
            )
            network, rows = make()
            watching = _Watching(told, tuple(done), step)
            run = train(network, rows, judging, training.resolved(len(self.y)), observe=watching)
            if run.ended == "interrupted":
                raise KeyboardInterrupt
            losses = [e.held_out_loss for e in run.epochs if e.held_out_loss is not None]
            done.append(min(losses))
            best_epoch, step = run.best_epoch, step + watching.epochs
        return float(np.mean(done)), best_epoch


class _Watching:
    """An observer of one training that tells the best held-out loss so far, once an epoch."""

    def __init__(self, told: Callable[[int, float], None], before: tuple[float, ...], first: int) -> None:
        self.told, self.before, self.first = told, before, first
        self.epochs, self.best, self.seen = 0, math.inf, 1

    def __call__(self, progress: Progress) -> None:
        self.epochs = progress.epochs
        if progress.held_out_loss is None or progress.epoch == self.seen:
            return
        self.seen, self.best = progress.epoch, min(self.best, progress.held_out_loss)
        self.told(self.first + progress.epoch - 1, float(np.mean([*self.before, self.best])))


class _OutOfTime(Exception):
    """The budget is spent in the middle of a trial."""


class Search:
    """Trials one after another, each under a sampler whose seed follows from how many there were before."""

    def __init__(
        self, storage: Any, problem: Problem, trials: int, seconds: float | None, observe: Told | None
    ) -> None:
        import optuna

        self.optuna, self.problem, self.trials, self.observe = optuna, problem, trials, observe
        self.until = math.inf if seconds is None else clock.monotonic() + seconds
        pruner = optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=2)
        self.study = optuna.create_study(
            storage=storage, study_name="bezant", pruner=pruner, load_if_exists=True
        )
        self._refuse_another()
        self.before = len(self.finished())
        self.usual = usual_choice(len(problem.y))

    def _refuse_another(self) -> None:
        intake, training = self.problem.intake, self.problem.training
        said = json.dumps([training.model_dump(), intake.schema.model_dump(mode="json"), SPACE_VERSION])
        folds = b"".join(np.ascontiguousarray(f, np.int64).tobytes() for f in self.problem.folds)
        text = data_hash(intake.table, self.problem.y).encode() + said.encode() + folds
        identity = hashlib.sha256(text).hexdigest()
        known = self.study.user_attrs.get("identity")
        if known is None and not self.study.trials:
            self.study.set_user_attr("identity", identity)
        elif known != identity:
            raise InputError(
                f"The study has {len(self.study.trials)} trials of other rows or other settings; delete its "
                "file or name another one."
            )
        for trial in self.study.get_trials(states=(self.optuna.trial.TrialState.RUNNING,)):
            self.study.tell(trial.number, state=self.optuna.trial.TrialState.FAIL)  # killed in the midst

    def finished(self) -> list[Any]:
        """Return the trials that count: complete or pruned, in order."""
        states = self.optuna.trial.TrialState
        return list(self.study.get_trials(deepcopy=False, states=(states.COMPLETE, states.PRUNED)))

    def complete(self) -> list[Any]:
        """Return the trials that came to their end."""
        return [t for t in self.finished() if t.state == self.optuna.trial.TrialState.COMPLETE]

    def go(self) -> bool:
        """Run what is missing; tell whether Ctrl-C ended it."""
        try:
            while (done := len(self.finished())) < self.trials:
                if done and clock.monotonic() >= self.until:
                    break
                # The next proposal follows from the trials before it, so a resumed search is the same search.
                seed = self.problem.training.seed * 100_003 + done
                self.study.sampler = self.optuna.samplers.TPESampler(seed=seed, n_startup_trials=6)
                self._one(first=not done)
        except _OutOfTime:
            return False
        except KeyboardInterrupt:
            return True
        return False

    def _one(self, first: bool) -> None:
        states = self.optuna.trial.TrialState
        if first and not self.study.get_trials(deepcopy=False, states=(states.WAITING,)):
            self.study.enqueue_trial(self.usual)
        trial, start = self.study.ask(), clock.perf_counter()
        state, loss = states.FAIL, math.nan
        try:
            loss, epochs = self.problem.loss_of(propose(trial), lambda *said: self._told(trial, *said))
            trial.set_user_attr("epochs", epochs)
            state = states.COMPLETE
        except (self.optuna.TrialPruned, InputError) as error:  # a learning rate may be too high
            trial.set_user_attr("why", str(error))
            state = states.PRUNED
        finally:
            trial.set_user_attr("seconds", clock.perf_counter() - start)
            self.study.tell(trial, loss if state == states.COMPLETE else None, state=state)
        if self.observe is not None:
            self.observe(trial.number, state.name.lower(), loss)

    def _told(self, trial: Any, step: int, loss: float) -> None:
        trial.report(loss, step)
        if trial.should_prune():
            raise self.optuna.TrialPruned
        if clock.monotonic() >= self.until and self.complete():
            raise _OutOfTime

    def table(self) -> pa.Table:
        """Return one row a trial that counts."""
        columns: dict[str, list[Any]] = {"number": [], "state": [], "loss": [], "epochs": [], "seconds": []}
        columns |= {name: [] for name in self.usual}
        for trial in self.finished():
            known = {"number": trial.number, "state": trial.state.name.lower(), **trial.params}
            known |= {name: trial.user_attrs.get(name) for name in ("epochs", "seconds")}
            known["loss"] = trial.value if known["state"] == "complete" else None
            for name, values in columns.items():
                values.append(known.get(name))
        types = {"loss": pa.float64(), "epochs": pa.int64(), "seconds": pa.float64()}
        return pa.table({name: pa.array(values, types.get(name)) for name, values in columns.items()})

    def importance(self) -> dict[str, float]:
        """Return the share of the losses' variance that each setting explains; empty for few trials."""
        if len({t.value for t in self.complete()}) < LEAST_FOR_IMPORTANCE:
            return {}
        evaluator = self.optuna.importance.FanovaImportanceEvaluator(seed=0)
        found: dict[str, float] = self.optuna.importance.get_param_importances(
            self.study, evaluator=evaluator
        )
        return found


@contextmanager
def opened(study: str | Path | None) -> Iterator[Any]:
    """Yield the storage of a study: an SQLite file, made if need be, or the memory.

    Raises
    ------
    InputError
        If the file cannot be opened or is no study.
    MissingExtraError
        If optuna is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise MissingExtraError("optuna", "tune", "Tuning") from error

    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = None
    try:
        storage = optuna.storages.InMemoryStorage() if study is None else _of_file(Path(study))
        yield storage
    finally:
        optuna.logging.set_verbosity(level)
        if study is not None and storage is not None:
            storage.remove_session()
            storage.engine.dispose()


def _of_file(path: Path) -> Any:
    import optuna
    from sqlalchemy.exc import DatabaseError
    from sqlalchemy.pool import NullPool

    if not path.absolute().parent.is_dir():
        raise InputError(f"There is no folder for the study {str(path)!r}; make it or name another file.")
    try:
        return optuna.storages.RDBStorage(
            f"sqlite:///{path.absolute()}", engine_kwargs={"poolclass": NullPool}
        )
    except (DatabaseError, RuntimeError) as error:
        raise InputError(
            f"The file {str(path)!r} is no study of bezant tune; delete it or name another one."
        ) from error
