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
from bezant.network.model import Network, NetworkConfig
from bezant.network.recalibration import Recalibration
from bezant.network.scoring import TableModel
from bezant.training import updating
from bezant.training.config import TrainingConfig
from bezant.training.plan import TablePlan
from bezant.training.table import fit_table
from bezant.training.updating import UpdatedTable, brief, update_table

ROWS, OLD = 4000, 2000
NEW = np.arange(OLD, ROWS)
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
    y: np.ndarray | None = None,
    *,
    model: TableModel | None = None,
    relearn: bool = True,
    days: np.ndarray | None = None,
) -> UpdatedTable:
    table, _, outcomes = training_support.loans(ROWS)
    y = outcomes if y is None else y
    return update_table(
        model or fitted(),
        table,
        y,
        np.arange(3000, ROWS),
        plan(2),
        new=NEW,
        days=days,
        relearn=relearn,
        shown=quiet,
    )


def interrupted_in(title: str, monkeypatch: pytest.MonkeyPatch) -> list[Network]:
    """Let Ctrl-C come in the second step of a run and a checkpoint fail in each; return what was trained."""
    whole, trained = updating.train, []

    def train(network, rows, held_out, *a, **k):
        now = (held_out is None) == (title == "all")
        k["observe"] = training_support.interrupt_at(2) if now else None
        run = whole(network, rows, held_out, *a, **k)
        trained.append(network)
        return replace(run, notes=(f"Checkpoint failed with {len(rows)} rows.", *run.notes))

    monkeypatch.setattr(updating, "train", train)
    return trained


def plan(epochs: int | None) -> TablePlan:
    whole = TablePlan(network=NetworkConfig(size="tiny")).resolved(ROWS)
    return whole.model_copy(update={"training": brief(TRAINING, ROWS, epochs)})


def reversed_before_the_last() -> np.ndarray:
    """Outcomes that teach the opposite of what the latest rows show."""
    y = training_support.loans(ROWS)[2].copy()
    p = fitted().score_typed(training_support.loans(ROWS)[0])
    y[:3000] = p[:3000] < np.median(p)
    y[3000:] = np.random.default_rng(0).random(1000) < p[3000:]
    return y


def test_the_trained_one_is_kept_unless_another_is_better_by_more_than_chance() -> None:
    found = updated()
    y = training_support.loans(ROWS)[2][found.parts.judging]
    for name, p in found.judged.items():
        assert found.log_losses[name] == pytest.approx(log_loss(y, p))
    assert found.kept == "trained"
    rng = np.random.default_rng(0)
    y = (rng.random(1000) < 0.3).astype(float)
    best, near, far = (np.where(y == 1, 0.3 + d, 0.3 - d) for d in (0.02, 0.0, -0.1))
    towards = np.where(np.arange(1000) % 2, 0.01, -0.01)  # as often better as worse, which costs a little
    uncertain = best + np.where(y == 1, towards, -towards)
    for trained, kept in ((uncertain, "trained"), (near, "old"), (far, "old")):
        judged = {"old": best, "calibrated": near, "trained": trained}
        losses = {name: log_loss(y, p) for name, p in judged.items()}
        assert losses["old"] < losses["trained"]
        assert updating._chosen(y, judged, losses) == kept


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


def test_codes_bins_and_scales_keep_their_meaning_unless_they_are_learned_again() -> None:
    old = fitted().network.state_dict()
    names = ("fields.scale.centre", "fields.scale.scale", "fields.numbers.low")
    for relearn in (False, True):
        found = updated(relearn=relearn)
        new = found.model.network.state_dict()
        assert found.kept == "trained"
        assert (found.model.encoding == fitted().encoding) is not relearn
        for name in names:
            same = old[name].shape == new[name].shape and torch.equal(old[name], new[name])
            assert same is not relearn


def test_the_answers_are_those_of_the_level_as_it_was_moved() -> None:
    days = np.linspace(10_000, 13_000, ROWS)
    found = updated(days=days)
    moved = found.model.recalibration
    wanted = moved.apply(found.judged[found.kept], days[found.parts.judging])
    np.testing.assert_allclose(found.answers, wanted)
    plain = updated()
    np.testing.assert_array_equal(plain.answers, plain.judged[plain.kept])


def test_too_few_rows_to_judge_change_nothing() -> None:
    table, _, y = training_support.loans(ROWS)
    found = update_table(
        fitted(), table, y, np.arange(ROWS - 10, ROWS), plan(2), new=NEW, relearn=True, shown=quiet
    )
    assert found.kept == "old" and found.model is fitted() and not found.log_losses and not found.runs


def test_an_update_takes_few_epochs_of_larger_steps() -> None:
    first, now = TrainingConfig().resolved(1000), brief(TrainingConfig(), 1000, None)
    assert now.max_epochs == updating.EPOCHS
    assert now.batch_size == updating.BATCHES * first.batch_size
    assert brief(TrainingConfig(), 1000, 7).max_epochs == 7


def test_the_level_is_that_of_the_new_rows() -> None:
    table, _, y = training_support.loans(ROWS)
    y = y.copy()
    y[OLD:] = np.maximum(y[OLD:], np.random.default_rng(0).random(ROWS - OLD) < 0.4)  # a crisis
    found = updated(y)
    assert found.kept == "trained"
    raw = found.model.raw_scores(table.slice(OLD))
    assert raw.mean() == pytest.approx(y[OLD:].mean(), abs=0.05)
    assert raw.mean() > y.mean() + 0.1


def crisis() -> np.ndarray:
    """Outcomes whose level has risen in the new rows."""
    y = training_support.loans(ROWS)[2].copy()
    y[OLD:] = np.maximum(y[OLD:], np.random.default_rng(0).random(ROWS - OLD) < 0.4)
    return y


def test_an_interruption_keeps_the_better_of_the_whole_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    interrupted_in("first", monkeypatch)
    found = updated(crisis())
    assert found.interrupted and list(found.log_losses) == ["old", "calibrated"]
    assert found.log_losses["calibrated"] < found.log_losses["old"]
    assert found.kept == "calibrated"
    assert training_support.digest(found.model.network) == training_support.digest(fitted().network)
    assert found.model.calibrator is not fitted().calibrator
    assert len(found.learned) == 0
    monkeypatch.setattr(updating, "log_loss", lambda y, p: 0.0)  # of equals, the one that changes least
    assert updated(crisis()).model is fitted()


def test_an_interruption_with_all_rows_keeps_the_network_that_was_judged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert len(updated(crisis()).learned) == ROWS
    networks = interrupted_in("all", monkeypatch)
    found = updated(crisis())
    assert found.kept == "trained" and found.interrupted
    np.testing.assert_array_equal(found.learned, np.arange(3000))
    assert len(networks) == 2 and found.model.network is networks[0]
    assert found.notes == ("Checkpoint failed with 3000 rows.", "Checkpoint failed with 4000 rows.")
