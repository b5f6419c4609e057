"""Training by several processes: who has which rows of a batch, and what all of them agree on.

The batch of a step is the same whatever the number of processes; each takes every so-manieth row of it. Their
gradients are averaged with the share that each one's rows have in the whole, so that a step is that of a
single process, to rounding, also where rows have weights or do not divide evenly. Start such a fit with

    python -m torch.distributed.run --nproc-per-node 2 fit.py

(``accelerate launch --multi_gpu`` does the same on GPUs; on processors it needs MPI to start more than one).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.utils import broadcast, reduce
from torch import Tensor

from bezant.network.batch import Batch
from bezant.network.draws import rows_of_batch


class Processes:
    """The processes of a training run; one alone is the usual case and costs nothing.

    Attributes
    ----------
    place, number : int
        This one's place, and how many there are.
    device : torch.device
        Where this one computes.
    """

    def __init__(self) -> None:
        # Every process learned the same statistics from the same rows: nothing to send at every step.
        alike = DistributedDataParallelKwargs(broadcast_buffers=False)
        self.accelerator = Accelerator(cpu=not torch.cuda.is_available(), kwargs_handlers=[alike])
        self.place: int = self.accelerator.process_index
        self.number: int = self.accelerator.num_processes
        self.device: torch.device = self.accelerator.device

    @property
    def alone(self) -> bool:
        """Whether this is the only one."""
        return self.number == 1

    @property
    def main(self) -> bool:
        """Whether this is the one that saves and shows."""
        return bool(self.accelerator.is_main_process)

    @contextmanager
    def share_of(self, rows: Batch, part: Tensor) -> Iterator[tuple[Batch, float]]:
        """Yield this process's rows of a batch, and the weight of their mean loss in its gradient.

        Parameters
        ----------
        rows : Batch
            All training rows.
        part : int64 tensor, shape (B,)
            Places of the batch's rows, the same in all processes.
        """
        if self.alone:
            yield rows.rows(part), 1.0
            return
        own = torch.arange(self.place, len(part), self.number, device=part.device)
        share = len(own) / len(part)
        if not len(own):  # it still has to take part in the exchange of gradients, with a weight of zero
            own = torch.zeros(1, dtype=torch.int64, device=part.device)
        batch = rows.rows(part.index_select(0, own))
        if rows.weight is not None and batch.weight is not None and share:
            share = float(batch.weight.sum() / rows.weight.index_select(0, part).sum())
        if not share:
            batch = replace(batch, weight=None)
        with rows_of_batch(len(part), own):
            yield batch, share * self.number  # gradients are averaged over the processes

    def mean(self, value: Tensor) -> Tensor:
        """Return the mean of a number over the processes, the same in all of them."""
        return value if self.alone else reduce(value, "mean")

    def of_main(self, value: float) -> float:
        """Return the main process's number in all of them."""
        if self.alone:
            return value
        return float(broadcast(torch.tensor(value, dtype=torch.float64, device=self.device)))

    def prepared(self, network: Any) -> Any:
        """Return the network whose gradients are exchanged."""
        with warnings.catch_warnings():  # accelerate hands the old name on; torch knows both
            warnings.filterwarnings("ignore", "`broadcast_buffers` is deprecated", FutureWarning)
            return self.accelerator.prepare_model(network)
