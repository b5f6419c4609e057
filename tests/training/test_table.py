"""Fitting a table: held-out rows stay out of the first stage, and all rows train the last one."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from bezant.metrics.classification import log_loss
from bezant.network.batch import Batch
from bezant.network.fields import interactions
from bezant.network.model import NetworkConfig
from bezant.schema import Schema, infer_schema
from bezant.training import table as table_module
from bezant.training.config import TrainingConfig
from bezant.training.plan import TablePlan
from bezant.training.table import FittedTable, HeldOut, fit_table, prepare_for_training
from bezant.types import FloatArray
from common.rows import made_up, replaced

HELD_OUT = np.arange(360, 480)
PARTS = HeldOut(np.arange(360), HELD_OUT[::2], HELD_OUT[1::2])


def schema_of(X: pa.Table) -> Schema:
    return infer_schema(X, time="approved")


def plan(seed: int = 0, *, refit: bool = False, epochs: int = 3) -> TablePlan:
    training = TrainingConfig(max_epochs=epochs, patience=epochs, batch_size=64, seed=seed)
    return TablePlan(network=NetworkConfig(size="tiny"), training=training, refit=refit)


def fitted(X: pa.Table, y: FloatArray, wanted: TablePlan | None = None) -> FittedTable:
    quiet = contextlib.nullcontext
    return fit_table(X, schema_of(X), y, HELD_OUT, wanted or plan(), shown=lambda _: quiet(None))


def tensors(fit: FittedTable) -> dict[str, torch.Tensor]:
    return fit.model.network.state_dict()


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


@pytest.fixture(scope="module")
def first_stage() -> FittedTable:
    """A fit without the last one on all rows, and with parts that do not depend on the outcomes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HeldOut, "of", classmethod(lambda cls, *_: PARTS))
        return fitted(*made_up())


@pytest.fixture
def fixed_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HeldOut, "of", classmethod(lambda cls, *_: PARTS))


@pytest.mark.usefixtures("fixed_parts")
def test_outcomes_of_judging_rows_move_nothing_but_the_calibration(first_stage: FittedTable) -> None:
    X, y = made_up()
    y = y.copy()
    y[PARTS.judging] = 1 - y[PARTS.judging]
    other = fitted(X, y)
    assert same(tensors(first_stage), tensors(other))
    assert other.model.encoding == first_stage.model.encoding
    assert other.runs[0].epochs == first_stage.runs[0].epochs
    assert other.calibration is not None
    assert first_stage.calibration is not None
    assert other.calibration.log_losses != first_stage.calibration.log_losses


@pytest.mark.usefixtures("fixed_parts")
def test_values_of_judging_rows_move_no_statistic_vocabulary_or_weight(first_stage: FittedTable) -> None:
    X, y = made_up()
    judging = np.isin(np.arange(480), PARTS.judging)
    garbled = replaced(X, "bank", pa.array(np.where(judging, "NEW BANK", X["bank"].to_numpy())))
    garbled = replaced(
        garbled, "amount", pa.array(np.where(judging, 1e7, X["amount"].to_numpy()), from_pandas=True)
    )
    garbled = replaced(
        garbled, "state", pa.array(np.where(judging, "ZZ", np.array(X["state"].to_pylist(), object)).tolist())
    )
    other = fitted(garbled, y)
    assert other.model.encoding == first_stage.model.encoding
    assert same(tensors(first_stage), tensors(other))
    assert not np.array_equal(other.judged, first_stage.judged)


@pytest.mark.usefixtures("fixed_parts")
def test_outcomes_of_stopping_rows_choose_the_epoch_and_nothing_else(first_stage: FittedTable) -> None:
    X, y = made_up()
    y = y.copy()
    y[PARTS.stopping] = 1 - y[PARTS.stopping]
    other = fitted(X, y)
    learned = [k for k in tensors(other) if "statistics" in k or "scale" in k or "edges" in k]
    assert learned
    assert all(torch.equal(tensors(first_stage)[k], tensors(other)[k]) for k in learned)
    assert [e.train_loss for e in other.runs[0].epochs] == [e.train_loss for e in first_stage.runs[0].epochs]
    assert [e.held_out_loss for e in other.runs[0].epochs] != [
        e.held_out_loss for e in first_stage.runs[0].epochs
    ]


@pytest.mark.usefixtures("fixed_parts")
def test_outcomes_of_training_rows_do_matter(first_stage: FittedTable) -> None:
    X, y = made_up()
    y = y.copy()
    y[:20] = 1 - y[:20]
    assert not same(tensors(first_stage), tensors(fitted(X, y)))


def test_the_last_fit_is_on_all_rows_for_the_best_number_of_epochs() -> None:
    X, y = made_up()
    fit = fitted(X, y, plan(refit=True, epochs=5))
    assert len(fit.runs) == 2
    assert len(fit.runs[1].epochs) == fit.runs[0].best_epoch
    assert fit.calibration is not None
    assert fit.model.calibrator is fit.calibration.calibrator
    assert fit.model.encoding != fitted(X, y).model.encoding or not same(tensors(fit), tensors(fitted(X, y)))


def test_judged_are_the_first_networks_answers_on_the_judging_rows() -> None:
    X, y = made_up()
    fit = fitted(X, y)
    assert fit.calibration is not None
    raw = fit.model.raw_scores(fit.model.conform(X.take(fit.parts.judging)).table)
    if fit.model.calibrator.method == "none":
        np.testing.assert_allclose(fit.judged, raw, rtol=1e-6)
    assert fit.judged.shape == raw.shape == (len(fit.parts.judging),)
    wanted = -np.mean(
        y[fit.parts.judging] * np.log(fit.judged) + (1 - y[fit.parts.judging]) * np.log(1 - fit.judged)
    )
    assert fit.calibration.log_losses[fit.model.calibrator.method] == pytest.approx(wanted)


@pytest.mark.parametrize("seed", range(3))
def test_parts_are_disjoint_and_of_like_event_rates(seed: int) -> None:
    _, y = made_up()
    parts = HeldOut.of(HELD_OUT, y, seed)
    together = np.concatenate([parts.training, parts.stopping, parts.judging])
    assert sorted(together) == list(range(480))
    assert sorted([*parts.stopping, *parts.judging]) == list(HELD_OUT)
    assert abs(y[parts.stopping].sum() - y[parts.judging].sum()) <= 1


def test_too_few_held_out_events_hold_nothing_out() -> None:
    y = np.zeros(480)
    y[:100] = 1
    y[HELD_OUT[:19]] = 1
    parts = HeldOut.of(HELD_OUT, y, 0)
    assert len(parts.stopping) == len(parts.judging) == 0
    assert len(parts.training) == 480
    y[HELD_OUT[19]] = 1
    assert len(HeldOut.of(HELD_OUT, y, 0).judging) == 60


def test_the_callers_random_numbers_decide_nothing() -> None:
    X, y = made_up()
    torch.manual_seed(1)
    one = fitted(X, y)
    torch.manual_seed(2)
    other = fitted(X, y)
    assert same(tensors(one), tensors(other))
    assert not same(tensors(one), tensors(fitted(X, y, plan(seed=1))))


def test_a_comparison_gets_the_same_fresh_network_every_time() -> None:
    X, y = made_up()
    make, judged = prepare_for_training(X, schema_of(X), y, HELD_OUT, plan())
    (one, rows), (other, again) = make(), make()
    assert same(one.state_dict(), other.state_dict())
    assert one is not other
    assert len(rows) == 360
    assert len(judged) == 120
    assert rows.statistics is not None
    assert again.statistics is not None
    assert torch.equal(rows.statistics, again.statistics)
    assert judged.statistics is None  # held-out rows are looked up as they will be in use


def test_a_training_rows_own_outcome_is_not_in_its_own_statistics(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = made_up()
    dealt = np.arange(360) % table_module.FOLDS
    monkeypatch.setattr(table_module, "stratified_folds", lambda y, *_: dealt[: len(y)])

    def statistics(outcomes: FloatArray) -> tuple[Any, torch.Tensor]:
        wanted = plan().model_copy(update={"statistics_from": 10})
        make, _ = prepare_for_training(X, schema_of(X), outcomes, HELD_OUT, wanted)
        network, rows = make()
        assert isinstance(rows, Batch)
        assert rows.statistics is not None
        return network.fields.config, rows.statistics[:, : network.fields.statistics.width]

    _, before = statistics(y)
    flipped = y.copy()
    flipped[123] = 1 - flipped[123]
    _, after = statistics(flipped)
    assert torch.equal(before[123], after[123])
    assert not torch.equal(before, after)


@pytest.mark.parametrize("forced", [False, True], ids=["chosen pairs", "all pairs"])
def test_columns_of_many_values_that_say_nothing_do_not_make_a_network_sure_of_anything(
    forced: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Statistics that held a row's own outcome would: on new rows its answers would be sure and wrong.

    The AUC on new rows could not tell: it is near 0.5 whatever was learned from noise.
    """
    if forced:
        monkeypatch.setattr(interactions, "CHANCE", -np.inf)
    random = np.random.default_rng(0)

    def noise() -> tuple[pa.Table, FloatArray]:
        columns = {c: pa.array([f"{c}{v}" for v in random.integers(0, 200, 3000)]) for c in "abcd"}
        return pa.table(columns), (random.random(3000) < 0.3).astype(np.float64)

    (X, y), (new, outcomes) = noise(), noise()
    training = TrainingConfig(max_epochs=4, batch_size=256)
    wanted = TablePlan(network=NetworkConfig(size="tiny"), training=training)
    fit = fit_table(X, infer_schema(X), y, np.arange(0), wanted, shown=lambda _: contextlib.nullcontext(None))
    fields = fit.model.network.fields.config
    assert fields.statistics == (0, 1, 2, 3)
    assert len(fields.pairs) == (6 if forced else 0)
    p = fit.model.raw_scores(fit.model.conform(new).table)
    # A leak through the columns' statistics gives 0.10 and -0.10, one through the pairs' 0.13 and -0.61.
    assert log_loss(outcomes, p) - log_loss(outcomes, np.full(3000, outcomes.mean())) < 0.02
    assert fit.runs[0].epochs[-1].train_loss - log_loss(y, np.full(3000, y.mean())) > -0.02
