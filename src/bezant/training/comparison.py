"""Which optimizer? The same network, rows and budget under each, and a recommendation with figures."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bezant.network.batch import Batch
from bezant.training.config import OptimizerName, TrainingConfig
from bezant.training.loop import Trainable, TrainingRun, train
from bezant.training.optimizers import LEARNING_RATES
from bezant.types import InputError

RATE_FACTORS = (0.3, 1.0, 3.0)
"""Shares of an optimizer's usual learning rate that are tried; each optimizer gets the same chances."""


@dataclass(frozen=True)
class OptimizerTrial:
    """One optimizer at the learning rate that suited it best.

    Attributes
    ----------
    optimizer : str
        Its name.
    learning_rate : float
        The best of those tried.
    run : TrainingRun
        Losses by epoch; without epochs if every learning rate diverged.
    best_loss : float
        Lowest held-out loss, with the binary head after recalibration; infinite if every learning rate
        diverged.
    """

    optimizer: OptimizerName
    learning_rate: float
    run: TrainingRun
    best_loss: float


@dataclass(frozen=True)
class OptimizerComparison:
    """Optimizers on the same rows, the best first.

    Attributes
    ----------
    trials : tuple of OptimizerTrial
        Sorted by held-out loss.
    rows, epochs : int
        The budget of each: training rows, and passes over them.
    """

    trials: tuple[OptimizerTrial, ...]
    rows: int
    epochs: int

    def __post_init__(self) -> None:
        if not self.trials or not math.isfinite(self.trials[0].best_loss):
            raise InputError("No optimizer could train this network; look at the rows with bezant check.")

    @property
    def recommended(self) -> OptimizerTrial:
        """The trial with the lowest held-out loss."""
        return self.trials[0]

    @property
    def sentence(self) -> str:
        """The recommendation in one sentence."""
        best = self.recommended
        said = f"Use {best.optimizer} with a learning rate of {best.learning_rate:.2g}: held-out loss "
        said += f"{best.best_loss:.4f}"
        if len(self.trials) > 1:
            second = self.trials[1]
            said += f", against {second.best_loss:.4f} for {second.optimizer}, the next best"
        return f"{said}, after {self.epochs} pass{'es' * (self.epochs > 1)} over {self.rows:,} rows."


def compare_on(
    make: Callable[[], tuple[Trainable, Batch]],
    held_out: Batch,
    config: TrainingConfig,
    *,
    optimizers: Sequence[OptimizerName] = tuple(LEARNING_RATES),
    observe: Callable[[str, float], None] | None = None,
) -> OptimizerComparison:
    """Train the same network under each optimizer, at several learning rates each.

    Parameters
    ----------
    make : callable
        Gives the same fresh network, and its training rows, at every call.
    held_out : Batch
        Rows on which the optimizers are compared.
    config : TrainingConfig
        The budget and everything else; its optimizer and learning rate are replaced.
    optimizers : sequence of str
        Which; all nine if not given.
    observe : callable, optional
        Told an optimizer's name and learning rate before each training.
    """
    trials = []
    _, rows = make()
    for name in optimizers:
        if name not in LEARNING_RATES:
            known = ", ".join(LEARNING_RATES)
            raise InputError(f"There is no optimizer {name!r}; the optimizers are {known}.")
        rates = [factor * LEARNING_RATES[name] for factor in RATE_FACTORS]
        found = [_trial(make, held_out, config, name, rate, observe) for rate in rates]
        trials.append(min(found, key=lambda t: t.best_loss))
    ranked = tuple(sorted(trials, key=lambda t: t.best_loss))
    return OptimizerComparison(ranked, len(rows), config.resolved(len(rows)).max_epochs or 0)


def _trial(
    make: Callable[[], tuple[Trainable, Batch]],
    held_out: Batch,
    config: TrainingConfig,
    name: OptimizerName,
    rate: float,
    observe: Callable[[str, float], None] | None,
) -> OptimizerTrial:
    if observe is not None:
        observe(name, rate)
    network, rows = make()
    asked = config.model_copy(update={"optimizer": name, "learning_rate": rate})
    try:
        run = train(network, rows, held_out, asked)
    except InputError:  # diverged: too high a rate for this optimizer, which is an answer too
        return OptimizerTrial(name, rate, TrainingRun((), 0, "finished", 0.0), math.inf)
    losses = [e.held_out_loss for e in run.epochs if e.held_out_loss is not None]
    return OptimizerTrial(name, rate, run, min((x for x in losses if math.isfinite(x)), default=math.inf))
