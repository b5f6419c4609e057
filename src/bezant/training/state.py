"""Everything that decides the next step of a training run, and how a checkpoint keeps it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import torch
from torch import Tensor
from torch.optim import Optimizer

from bezant.training.checkpoint import Checkpoint, optimizer_tensors, restore_optimizers


@dataclass(frozen=True)
class Epoch:
    """One pass over the rows.

    Attributes
    ----------
    number : int
        From 1.
    train_loss : float
        Mean loss of the steps, members apart, dropout on.
    held_out_loss : float or None
        What the head judges the averaged weights by on the held-out rows: with the binary head the
        log loss after recalibration (best shift and slope of log-odds), so it does not compare with
        ``train_loss``; with the severity head the mean squared error.
    """

    number: int
    train_loss: float
    held_out_loss: float | None


class State:
    """Where a run stands; the loop moves it, a checkpoint brings it back to the bit.

    Parameters
    ----------
    parameters : list of Tensor
        Those that are trained, in the network's order; changed in place.
    optimizers : sequence of Optimizer
        Theirs, with state of their own.

    Attributes
    ----------
    average, best : list of Tensor
        The running average of the parameters, and what it was after the best epoch.
    epoch, step : int
        Whole epochs done, and steps done in the one under way.
    loss_sum : Tensor
        Of the steps of this epoch, (), on the parameters' device, so that no step waits for it.
    epochs : list of Epoch
        Those done.
    best_epoch, best_value : int and float
        The epoch to keep, 0 if none yet, and its held-out loss: infinite without held-out rows.
    """

    def __init__(self, parameters: list[Tensor], optimizers: Sequence[Optimizer]) -> None:
        self.parameters, self.optimizers = parameters, list(optimizers)
        self.average = [p.detach().clone() for p in parameters]
        self.best = self.average
        self.epoch, self.step = 0, 0
        self.loss_sum = torch.zeros((), device=parameters[0].device, dtype=torch.float64)
        self.epochs: list[Epoch] = []
        self.best_epoch, self.best_value = 0, math.inf

    @property
    def finite(self) -> bool:
        """Whether every averaged weight is a number."""
        return all(bool(a.isfinite().all()) for a in self.average)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Put the averaged weights into the network for a while."""
        trained = [p.detach().clone() for p in self.parameters]
        self._put(self.average)
        try:
            yield
        finally:
            self._put(trained)

    def keep_best(self) -> None:
        """Put the weights of the best epoch into the network; before its first epoch ends, the average."""
        self._put(self.best if self.best_epoch else self.average)

    @torch.no_grad()
    def end_step(self, loss: Tensor, decay: float) -> None:
        """Count a step with its loss, (), and draw the average towards the weights after it."""
        torch._foreach_lerp_(self.average, self.parameters, 1 - decay)
        self.loss_sum += loss
        self.step += 1

    def end_epoch(self, train_loss: float, held_out_loss: float | None) -> None:
        """Note the losses of the epoch under way and keep its average if it is the best so far."""
        self.epoch, self.step = self.epoch + 1, 0
        self.loss_sum.zero_()
        self.epochs.append(Epoch(self.epoch, train_loss, held_out_loss))
        if held_out_loss is None or held_out_loss < self.best_value:
            self.best = [a.clone() for a in self.average]  # first, should Ctrl-C come in between
            self.best_epoch = self.epoch
            self.best_value = math.inf if held_out_loss is None else held_out_loss

    @torch.no_grad()
    def _put(self, values: list[Tensor]) -> None:
        torch._foreach_copy_(self.parameters, values)

    def checkpoint(self) -> Checkpoint:
        """Return a copy of all of it, with the state of the random generators."""
        tensors: dict[str, Tensor] = {}
        for group, values in (("weight", self.parameters), ("average", self.average), ("best", self.best)):
            tensors |= {f"{group}/{i}": t for i, t in enumerate(values)}
        tensors |= {"random": torch.get_rng_state(), "loss_sum": self.loss_sum}
        if self.loss_sum.is_cuda:  # dropout is drawn there
            tensors["device_random"] = torch.cuda.get_rng_state()
        tensors |= optimizer_tensors(self.optimizers)
        progress = {
            "epoch": self.epoch,
            "step": self.step,
            "epochs": [asdict(e) for e in self.epochs],
            "best_epoch": self.best_epoch,
            "best_value": None if math.isinf(self.best_value) else self.best_value,
        }
        # Copies: the average goes on changing, and safetensors refuses tensors that share memory.
        return Checkpoint({k: v.detach().cpu().clone() for k, v in tensors.items()}, progress)

    @torch.no_grad()
    def restore(self, saved: Checkpoint) -> None:
        """Go back to what :meth:`checkpoint` returned, the random generators too."""
        for group, into in (("weight", self.parameters), ("average", self.average)):
            for i, tensor in enumerate(into):
                tensor.copy_(saved.tensors[f"{group}/{i}"])
        device = self.loss_sum.device
        self.best = [saved.tensors[f"best/{i}"].to(device) for i in range(len(self.average))]
        restore_optimizers(self.optimizers, saved.tensors)
        self.loss_sum.copy_(saved.tensors["loss_sum"])
        torch.set_rng_state(saved.tensors["random"])
        if self.loss_sum.is_cuda:
            torch.cuda.set_rng_state(saved.tensors["device_random"])
        self.epoch, self.step = saved.state["epoch"], saved.state["step"]
        self.epochs = [Epoch(**e) for e in saved.state["epochs"]]
        self.best_epoch = saved.state["best_epoch"]
        best = saved.state["best_value"]
        self.best_value = math.inf if best is None else best
