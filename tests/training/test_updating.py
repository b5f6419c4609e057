"""An update goes on from the old weights, is judged on rows that nobody saw, and is kept only if better."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

import training_support
from bezant.metrics.classification import log_loss
from bezant.network.model import NetworkConfig
from bezant.network.recalibration import Recalibration
from bezant.network.scoring import TableModel
from bezant.training import updating
from bezant.training.config import TrainingConfig
from bezant.training.table import TablePlan, fit_table
from bezant.training.updating import UpdatedTable, gentle, update_table

ROWS, OLD = 4000, 2000
TRAINING = TrainingConfig(max_epochs=3, patience=3, batch_size=64)


def quiet(_: str):
    return contextlib.nullcontext()


@cache
def fitted() -> TableModel:
    table, schema, y = training_support.loans(ROWS)
    plan = TablePlan(network=NetworkConfig(size="tiny"), training=TRAINING)
    held_out = np.arange(1500, OLD)
    return fit_table(table.slice(0, OLD), schema, y[:OLD], held_out, plan, shown=quiet).model


def updated(
    y: np.ndarray | None = None, *, model: TableModel | None = None, relearn: bool = True
) -> UpdatedTable:
    table, _, outcomes = training_support.loans(ROWS)
    y = outcomes if y is None else y
    training = gentle(TRAINING.model_copy(update={"seed": 0}), ROWS, 2)
    return update_table(
        model or fitted(), table, y, np.arange(3000, ROWS), training, relearn=relearn, shown=quiet
    )


def reversed_before_the_last() -> np.ndarray:
    """Outcomes that teach the opposite of what the latest rows show."""
    y = training_support.loans(ROWS)[2].copy()
    p = fitted().score_typed(training_support.loans(ROWS)[0])
    y[:3000] = p[:3000] < np.median(p)
    y[3000:] = np.random.default_rng(0).random(1000) < p[3000:]
    return y


def test_what_is_kept_has_the_least_loss_of_the_candidates_on_the_judging_rows() -> None:
    found = updated()
    assert min(found.log_losses, key=found.log_losses.__getitem__) == found.kept
    y = training_support.loans(ROWS)[2]
    for name, p in found.judged.items():
        assert found.log_losses[name] == pytest.approx(log_loss(y[found.parts.judging], p))


def test_the_old_model_is_judged_as_it_answers() -> None:
    found = updated()
    table = training_support.loans(ROWS)[0].take(found.parts.judging)
    np.testing.assert_array_equal(found.judged["old"], fitted().score_typed(table))


def test_an_update_that_would_be_worse_is_not_kept() -> None:
    before = training_support.digest(fitted().network)
    found = updated(reversed_before_the_last())
    assert found.kept != "trained"
    assert found.log_losses["trained"] > found.log_losses[found.kept]
    assert training_support.digest(found.model.network) == before


def test_a_kept_update_is_trained_on_the_latest_rows_too_and_leaves_the_old_model_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = training_support.digest(fitted().network)
    sizes = []
    whole = updating.train
    monkeypatch.setattr(
        updating, "train", lambda n, rows, *a, **k: sizes.append(len(rows)) or whole(n, rows, *a, **k)
    )
    found = updated(model=replace(fitted(), recalibration=Recalibration(shift=2.0, method="level")))
    assert sizes[0] == 3000
    if found.kept == "trained":
        assert sizes[1] == ROWS
        assert training_support.digest(found.model.network) != before
    assert found.kept != "old"
    assert found.model.recalibration.method == "none"
    assert training_support.digest(fitted().network) == before


def test_codes_bins_and_scales_keep_their_meaning() -> None:
    found = updated(relearn=True)
    assert found.model.encoding == fitted().encoding
    old, new = (m.network.state_dict() for m in (fitted(), found.model))
    for name in ("fields.scale.centre", "fields.scale.scale", "fields.numbers.edges", "fields.numbers.low"):
        if name in old:
            assert torch.equal(old[name], new[name])
    assert "fields.scale.centre" in old
    assert found.model.network.config.fields.pairs == fitted().network.config.fields.pairs


def test_too_few_rows_to_judge_change_nothing() -> None:
    table, _, y = training_support.loans(ROWS)
    found = update_table(
        fitted(), table, y, np.arange(ROWS - 10, ROWS), gentle(TRAINING, ROWS, 2), relearn=True, shown=quiet
    )
    assert found.kept == "old" and found.model is fitted() and not found.log_losses and not found.runs


def test_the_rate_is_a_share_of_the_first_one() -> None:
    assert gentle(TrainingConfig(learning_rate=0.01), 1000, None).learning_rate == pytest.approx(
        0.01 * updating.RATE
    )
    assert gentle(TrainingConfig(), 1000, None).max_epochs == updating.EPOCHS
