"""The one training loop. It knows rows, a network and a configuration, and no desk.

Rows are a few tensors in memory, all or a buffer of those in files, and a batch is one indexing operation for
each, so that a step is bound by matrix products. The weights that are judged and kept are a running average
of the trained ones. Everything that decides the next step is in the checkpoint, so a killed run goes
on to bit-identical weights.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn

from bezant.network.batch import Batch
from bezant.training import checkpoint as checkpoints
from bezant.training.config import TrainingConfig
from bezant.training.optimizers import best_precision, make_optimizers, rate_at, set_rates
from bezant.training.processes import Processes
from bezant.training.rows import Rows, RowsInMemory, Shuffled
from bezant.training.state import Epoch, State
from bezant.training.teaching import progress
from bezant.types import InputError

Ending = Literal["finished", "early", "interrupted"]


class Trainable(Protocol):
    """What the loop asks of a network."""

    def __call__(self, batch: Batch) -> Tensor:
        """Return raw outputs."""

    def loss(self, output: Tensor, batch: Batch) -> Tensor:
        """Return the scalar to descend."""

    def judge(self, batch: Batch) -> float:
        """Return the loss by which held-out rows choose the epoch; less is better."""

    def hidden_matrices(self) -> list[nn.Parameter]:
        """Return the matrices between hidden layers."""

    def computing_in(self, dtype: torch.dtype) -> AbstractContextManager[None]:
        """Compute matrix products in another precision for a while."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """Return all parameters."""


@dataclass(frozen=True)
class TrainingRun:
    """What happened.

    Attributes
    ----------
    epochs : tuple of Epoch
        In order.
    best_epoch : int
        The one whose weights were kept; 0 if the run ended before its first epoch did.
    ended : {"finished", "early", "interrupted"}
        Why it ended.
    rows_per_second : float
        Rows trained on per second of training steps, by all processes together.
    notes : tuple of str
        What went differently than asked.
    """

    epochs: tuple[Epoch, ...]
    best_epoch: int
    ended: Ending
    rows_per_second: float
    notes: tuple[str, ...] = ()

    @classmethod
    def restore(cls, document: Mapping[str, Any]) -> TrainingRun:
        """Build it again from ``dataclasses.asdict``, as JSON gives it back."""
        epochs = tuple(Epoch(**e) for e in document["epochs"])
        return cls(**{**document, "epochs": epochs, "notes": tuple(document["notes"])})


@dataclass(frozen=True)
class Progress:
    """What an observer is told after a step; ``held_out_loss`` is the last epoch's, as in :class:`Epoch`."""

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    held_out_loss: float | None
    seconds_left: float


Observer = Callable[[Progress], None]

Listener = Callable[[int, list[Tensor]], None]
"""Told an epoch's number and the averaged weights after it, which go on changing: copy what is to be kept."""


def train(
    network: Trainable,
    rows: Batch | Rows,
    held_out: Batch | None,
    config: TrainingConfig,
    *,
    stop_after: int | None = None,
    checkpoint: Path | None = None,
    observe: Observer | None = None,
    after_epoch: Listener | None = None,
) -> TrainingRun:
    """Train a network in place; it ends with the best averaged weights.

    Parameters
    ----------
    network : Trainable module
        Its parameters are changed.
    rows : Batch or Rows
        All training rows, with target.
    held_out : Batch, optional
        Rows that choose the epoch and end the run early; without them the last epoch is kept.
    config : TrainingConfig
        How to train.
    stop_after : int, optional
        End after this many epochs of a schedule that is laid out for ``config.max_epochs``: the way
        to repeat a run whose best epoch is known, on more rows.
    checkpoint : path, optional
        File to write the state to, and to go on from if it is there.
    observe : callable, optional
        Told a :class:`Progress` now and then.
    after_epoch : callable, optional
        Told the averaged weights after each epoch of this call; those before a checkpoint are not repeated.

    Raises
    ------
    InputError
        If there are no rows, the loss is not a number, or the checkpoint is another run's.
    """
    if not len(rows):
        raise InputError("There are no rows to train on.")
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=devices):  # the caller's random numbers stay as they were
        resolved = config.resolved(len(rows))
        return _Run(network, rows, held_out, resolved, stop_after, checkpoint, observe, after_epoch).go()


class _Run:
    """The state of one training run, and the steps that move it."""

    def __init__(
        self,
        network: Trainable,
        rows: Batch | Rows,
        held_out: Batch | None,
        config: TrainingConfig,
        stop_after: int | None,
        path: Path | None,
        observe: Observer | None,
        after_epoch: Listener | None = None,
    ) -> None:
        assert isinstance(network, nn.Module)
        self.config, self.path, self.observe, self.after_epoch = config, path, observe, after_epoch
        self.processes = Processes()
        device = self.processes.device
        self.network: Any = network
        self.model = self.processes.prepared(network)
        self.device = device
        self.rows: Rows = RowsInMemory(rows.to(device)) if isinstance(rows, Batch) else rows
        self.held_out = held_out.to(device) if held_out is not None else None
        parameters = [p for p in network.parameters() if p.requires_grad]
        self.optimizers = make_optimizers(parameters, self.network.hidden_matrices(), config)
        self.state = State(list(parameters), self.optimizers)
        accelerator = self.processes.accelerator
        self.prepared = [accelerator.prepare_optimizer(o) for o in self.optimizers]
        self.dtype = self._precision(device)
        assert config.batch_size is not None  # resolved by train(), as are the next two
        assert config.max_epochs is not None
        assert config.patience is not None
        self.patience = config.patience
        batch = len(rows) if config.optimizer == "gd" else config.batch_size
        self.steps = max(1, round(len(rows) / batch))
        self.all_steps = config.max_epochs * self.steps
        self.last_epoch = min(stop_after or config.max_epochs, config.max_epochs)
        self.notes: list[str] = []
        self.trained_rows, self.seconds, self.saved_at = 0, 0.0, time.monotonic()

    def _precision(self, device: torch.device) -> torch.dtype:
        if self.config.precision == "auto":
            return best_precision(device)
        return {"float32": torch.float32, "bfloat16": torch.bfloat16}[self.config.precision]

    # ------------------------------------------------------------------------------------ the run

    def go(self) -> TrainingRun:
        torch.manual_seed(self.config.seed)
        self._resume()
        ended: Ending = "finished"
        try:
            with self.network.computing_in(self.dtype):
                while self.state.epoch < self.last_epoch and not self._stale():
                    self._run_epoch()
            if self.state.epoch < self.last_epoch:
                ended = "early"
        except KeyboardInterrupt:
            if not self.processes.alone:  # each stands elsewhere: they cannot agree on what to keep
                raise
            ended = "interrupted"
            during = f"in epoch {self.state.epoch + 1}"
            self.notes.append(f"Training was interrupted {during}; the best weights so far were kept.")
        self._keep_best()
        speed = self.trained_rows / self.seconds if self.seconds else 0.0
        return TrainingRun(tuple(self.state.epochs), self.state.best_epoch, ended, speed, tuple(self.notes))

    def _stale(self) -> bool:
        return self.held_out is not None and self.state.epoch - self.state.best_epoch >= self.patience

    def _run_epoch(self) -> None:
        self.model.train()
        assert self.config.max_epochs is not None  # resolved by train()
        targeted = self.rows.at(progress(self.state.epoch, self.config.max_epochs))
        order = targeted.shuffled(self.steps, self._epoch_seed(), self.device)
        while self.state.step < self.steps:
            start = time.perf_counter()
            rows, part = self._next_rows(order)
            self._train_step(rows, part)
            self.seconds += time.perf_counter() - start
            self.trained_rows += len(part)
            self._tell()
            since = time.monotonic() - self.saved_at
            if self.state.step < self.steps and since >= self.config.checkpoint_seconds:
                self._save()
        self._end_epoch()

    def _next_rows(self, order: Shuffled) -> tuple[Batch, Tensor]:
        return order.part(self.state.step)

    def _done(self) -> int:
        return self.state.epoch * self.steps + self.state.step

    def _epoch_seed(self) -> int:
        return (self.config.seed * 1_000_003 + self.state.epoch) % 2**63

    def _train_step(self, rows: Batch, part: Tensor) -> None:
        step = self._done()
        set_rates(self.optimizers, rate_at(step, self.all_steps, self.config.schedule, self.config.warmup))
        with self.processes.share_of(rows, part) as (batch, share):
            loss = self.network.loss(self.model(batch), batch) * share
        self.processes.accelerator.backward(loss)
        if self.config.clip_norm:
            self.processes.accelerator.clip_grad_norm_(self.state.parameters, self.config.clip_norm)
        for optimizer in self.prepared:
            optimizer.step()
            optimizer.zero_grad()
        decay = min(self.config.averaging, (1 + step) / (10 + step))
        self.state.end_step(self.processes.mean(loss.detach()), decay)

    def _end_epoch(self) -> None:
        mean = float(self.state.loss_sum) / self.steps
        if not math.isfinite(mean):
            raise self._diverged()
        value = self._judge()
        # The last step of an epoch is in no loss of it: without this, weights it ruined could be kept.
        if not self.state.finite or (value is not None and not math.isfinite(value)):
            raise self._diverged()
        self.state.end_epoch(mean, value)
        if self.after_epoch is not None:
            self.after_epoch(self.state.epoch, self.state.average)
        self._save()

    def _diverged(self) -> InputError:
        return InputError(
            f"The training loss is no longer a number in epoch {self.state.epoch + 1}; "
            f"lower the learning rate of {self.config.optimizer}."
        )

    def _judge(self) -> float | None:
        if self.held_out is None:
            return None
        if not self.processes.main:
            return self.processes.of_main(math.nan)
        with self.state.averaged(), self.network.computing_in(torch.float32):
            return self.processes.of_main(float(self.network.judge(self.held_out)))

    def _keep_best(self) -> None:
        self.state.keep_best()
        self.network.eval()
        self.network.cpu()

    def _tell(self) -> None:
        if self.observe is None or not self.processes.main:
            return
        state, rows = self.state, len(self.rows) / self.steps
        left = (self.last_epoch * self.steps - self._done()) * self.seconds * rows / max(self.trained_rows, 1)
        held_out = state.epochs[-1].held_out_loss if state.epochs else None
        loss = float(state.loss_sum) / state.step
        self.observe(Progress(state.epoch + 1, self.last_epoch, state.step, self.steps, loss, held_out, left))

    # --------------------------------------------------------------------------------- checkpoint

    def _resume(self) -> None:
        self.identity = ""
        if self.path is None:
            return
        held_out = self.held_out.tensors() if self.held_out is not None else ()
        settings = f"{self.config.model_dump_json()} {self.last_epoch} {self.processes.number}"
        # All weights, those that are not trained too: the trained ones are steps beside them.
        weights = self.network.state_dict().values()
        tensors = (*self.rows.tensors(), *held_out, *weights)
        self.identity = checkpoints.fingerprint(tensors, settings)
        saved = checkpoints.read(self.path, self.identity)
        if saved is not None:
            self.state.restore(saved)

    def _save(self) -> None:
        if self.path is None or not self.processes.main:
            return
        try:
            checkpoints.write(self.path, self.state.checkpoint(), self.identity)
        except OSError as error:
            note = (
                f"A checkpoint could not be written to {str(self.path)!r} ({error.strerror or error}); "
                "training went on."
            )
            if note not in self.notes:
                self.notes.append(note)
        self.saved_at = time.monotonic()
