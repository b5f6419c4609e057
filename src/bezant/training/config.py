"""How a network is trained, in one configuration that travels with the model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bezant.types import InputError

OptimizerName = Literal["gd", "sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw", "muon"]
ScheduleName = Literal["constant", "cosine", "one-cycle"]
PrecisionName = Literal["auto", "float32", "bfloat16"]


class TrainingConfig(BaseModel):
    """How a network is trained; unknown keys are refused.

    Parameters
    ----------
    optimizer : {"gd", "sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw", "muon"}
        What turns gradients into steps; "gd" takes all rows at once.
    learning_rate : float, optional
        Highest learning rate; the optimizer's usual one if not given.
    weight_decay : float, optional
        Decoupled for adamw and muon (0.03 if not given), an L2 penalty for the others (0).
    batch_size : int, optional
        Rows a step; 32 to 512 by the number of rows if not given.
    max_epochs : int, optional
        Passes over the rows at most; the schedule is laid over all of them. If not given, as many as
        make at least 800 steps, 8 to 200; under 20,000 rows 250 steps, 9 to 200 passes.
    patience : int, optional
        Stop after this many epochs without a better held-out loss; a sixth of the epochs, but at
        least 4, if not given.
    schedule : {"constant", "cosine", "one-cycle"}, default "cosine"
        How the learning rate moves after the warm-up.
    warmup : float, default 0.05
        Share of the steps over which the learning rate rises from zero.
    clip_norm : float, default 1.0
        Gradients longer than this are shortened to it; 0 leaves them.
    averaging : float, default 0.998
        Decay of the exponential average of the weights that is judged and kept; 0 keeps the last.
    precision : {"auto", "float32", "bfloat16"}, default "auto"
        Of the trunk's matrix products in training. "auto" takes bfloat16 where the device has
        matrix units for it. Weights, embeddings, losses and all scoring stay in single precision.
    seed : int, default 0
        Draws of weights, batches and dropout.
    checkpoint_seconds : float, default 30.0
        Least time between two checkpoints inside an epoch; each epoch ends with one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    optimizer: OptimizerName = "adamw"
    learning_rate: float | None = Field(default=None, gt=0)
    weight_decay: float | None = Field(default=None, ge=0)
    batch_size: int | None = Field(default=None, ge=1)
    max_epochs: int | None = Field(default=None, ge=1)
    patience: int | None = Field(default=None, ge=1)
    schedule: ScheduleName = "cosine"
    warmup: float = Field(default=0.05, ge=0, lt=1)
    clip_norm: float = Field(default=1.0, ge=0)
    averaging: float = Field(default=0.998, ge=0, lt=1)
    precision: PrecisionName = "auto"
    seed: int = 0
    checkpoint_seconds: float = Field(default=30.0, ge=0)

    def resolved(self, rows: int) -> TrainingConfig:
        """Return the configuration with batch size, epochs and patience that suit a number of rows.

        Steps, not epochs, are what training needs: a small table is gone through more often and in
        smaller batches.
        """
        batch = self.batch_size or min(max(2 ** round(math.log2(max(rows, 2) / 128)), 32), 512)
        steps, least = (250, 9) if rows < 20_000 else (800, 8)
        epochs = self.max_epochs or min(max(round(steps * batch / max(rows, 1)), least), 200)
        patience = self.patience or max(4, epochs // 6)
        return self.model_copy(update={"batch_size": batch, "max_epochs": epochs, "patience": patience})


def read_config(given: Mapping[str, Any]) -> TrainingConfig:
    """Return the configuration of a mapping; an InputError names what is unknown or out of range."""
    try:
        return TrainingConfig.model_validate(dict(given))
    except (ValidationError, TypeError, ValueError) as error:
        first = error.errors()[0] if isinstance(error, ValidationError) else None
        where = ".".join(map(str, first["loc"])) if first else "training"
        what = first["msg"] if first else str(error)
        known = ", ".join(TrainingConfig.model_fields)
        raise InputError(f"training: {where!r}: {what}; the settings are {known}.") from error
