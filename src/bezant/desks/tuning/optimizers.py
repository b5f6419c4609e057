"""Compare optimizers on a user's own rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bezant.desks.estimators.intake import take_in
from bezant.desks.estimators.labels import as_events, read_labels, two_classes
from bezant.histories import read_table
from bezant.network.model import NetworkConfig
from bezant.network.sizes import SizeName
from bezant.training.comparison import OptimizerComparison, compare_on
from bezant.training.config import OptimizerName, TrainingConfig
from bezant.training.optimizers import LEARNING_RATES
from bezant.training.plan import TablePlan
from bezant.training.table import prepare_for_training
from bezant.types import Frame, InputError


def compare_optimizers(
    X: Frame,
    y: Any,
    *,
    time: str | None = None,
    optimizers: Sequence[OptimizerName] = tuple(LEARNING_RATES),
    size: SizeName = "tiny",
    epochs: int = 5,
    rows: int = 20_000,
    random_state: int = 0,
    observe: Callable[[str, float], None] | None = None,
) -> OptimizerComparison:
    """Train the same network under each optimizer with a small budget and recommend one.

    Each optimizer is tried at 0.3, 1 and 3 times its usual learning rate, so that none wins by a
    lucky setting.

    Parameters
    ----------
    X : frame with n rows
    y : array-like of shape (n,)
        The outcomes.
    time : str, optional
        Column that orders the rows; the latest are then held out.
    optimizers : sequence of str
        Which; all nine if not given.
    size : {"tiny", "small", "base", "large", "xl"}, default "tiny"
        Size of the network.
    epochs : int, default 5
        Passes over the rows for each.
    rows : int, default 20,000
        At most this many rows are used, drawn at random.
    random_state : int, default 0
        Draws rows, weights and batches.
    observe : callable, optional
        Told an optimizer's name and learning rate before each training.

    Returns
    -------
    OptimizerComparison
        Trials, best first, and a sentence; :func:`bezant.reports.optimizer_curves` draws it.
    """
    for name in optimizers:
        if name not in LEARNING_RATES:
            raise InputError(
                f"There is no optimizer {name!r}; the optimizers are {', '.join(LEARNING_RATES)}."
            )
    table = read_table(X)
    labels = read_labels(y, table.num_rows)
    events = as_events(labels, two_classes(labels))
    if table.num_rows > rows:
        kept = np.sort(np.random.default_rng(random_state).permutation(table.num_rows)[:rows])
        table, events = table.take(kept), events[kept]
    intake = take_in(table, events, time=time, schema=None, leaks="report", seed=random_state, holdout=0.2)
    training = TrainingConfig(seed=random_state, max_epochs=epochs, patience=epochs)
    plan = TablePlan(network=NetworkConfig(size=size), training=training)
    make, judged = prepare_for_training(intake.table, intake.schema, events, intake.held_out, plan)
    return compare_on(make, judged, training, optimizers=optimizers, observe=observe)
