"""Comparing optimizers: fair, sorted, and the recommended one really is the best."""

from __future__ import annotations

import math
from xml.etree import ElementTree

import pytest

import bezant as bz
from bezant.reports import optimizer_curves
from bezant.training.comparison import RATE_FACTORS, OptimizerComparison, OptimizerTrial
from bezant.training.loop import TrainingRun
from bezant.training.optimizers import LEARNING_RATES
from bezant.training.state import Epoch
from bezant.types import InputError
from common.rows import made_up, real

NAMES = ("sgd", "adagrad", "adamw")


@pytest.fixture(scope="module")
def told() -> list[tuple[str, float]]:
    return []


@pytest.fixture(scope="module")
def comparison(told: list[tuple[str, float]]) -> OptimizerComparison:
    X, y = real(2000)
    return bz.compare_optimizers(
        X, y, time="ApprovalDate", optimizers=NAMES, epochs=2, observe=lambda *said: told.append(said)
    )


def losses(trial: OptimizerTrial) -> list[float]:
    return [e.held_out_loss for e in trial.run.epochs if e.held_out_loss is not None]


def test_trials_are_sorted_and_the_recommended_has_the_lowest_held_out_loss(
    comparison: OptimizerComparison,
) -> None:
    found = [t.best_loss for t in comparison.trials]
    assert found == sorted(found)
    assert {t.optimizer for t in comparison.trials} == set(NAMES)
    for trial in comparison.trials:
        assert trial.best_loss == min(losses(trial))
    lowest = min(min(losses(t)) for t in comparison.trials)
    assert min(losses(comparison.recommended)) == lowest


def test_every_optimizer_gets_the_same_chances(
    comparison: OptimizerComparison, told: list[tuple[str, float]]
) -> None:
    assert told == [(n, f * LEARNING_RATES[n]) for n in NAMES for f in RATE_FACTORS]
    assert {len(t.run.epochs) for t in comparison.trials} == {comparison.epochs} == {2}
    assert comparison.rows == 1600
    for trial in comparison.trials:
        assert (trial.optimizer, trial.learning_rate) in told


def test_the_sentence_names_the_figures(comparison: OptimizerComparison) -> None:
    first, second = comparison.trials[:2]
    said = comparison.sentence
    for part in (
        f"Use {first.optimizer}",
        f"{first.learning_rate:.2g}",
        f"{first.best_loss:.4f}",
        f"{second.best_loss:.4f} for {second.optimizer}",
        "2 passes over 1,600 rows",
    ):
        assert part in said
    assert said.endswith(".")


def test_the_picture_is_svg_that_names_every_optimizer(comparison: OptimizerComparison) -> None:
    svg = optimizer_curves(comparison)
    root = ElementTree.fromstring(svg)
    assert root.tag.endswith("svg")
    text = " ".join(root.itertext())
    for trial in comparison.trials:
        assert f"{trial.optimizer} {trial.best_loss:.4f}" in text


def test_a_comparison_repeats_itself(comparison: OptimizerComparison) -> None:
    X, y = real(2000)
    again = bz.compare_optimizers(X, y, time="ApprovalDate", optimizers=("adamw",), epochs=2)
    (before,) = [t for t in comparison.trials if t.optimizer == "adamw"]
    assert again.recommended.run.epochs == before.run.epochs
    assert "next best" not in again.sentence


def test_an_unknown_optimizer_is_one_sentence_with_the_names_there_are() -> None:
    X, y = made_up()
    with pytest.raises(InputError, match=r"no optimizer 'lion'; the optimizers are gd, .*muon") as caught:
        bz.compare_optimizers(X, y, optimizers=("lion",), epochs=1)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_an_unknown_optimizer_is_found_before_any_is_tried() -> None:
    X, y = made_up()
    tried: list[str] = []
    with pytest.raises(InputError, match="'lion'"):
        bz.compare_optimizers(
            X,
            y,
            optimizers=("sgd", "lion"),  # type: ignore[arg-type]
            epochs=1,
            observe=lambda name, _: tried.append(name),
        )
    assert tried == []


def test_no_more_rows_than_asked_for_are_used() -> None:
    X, y = made_up()
    small = bz.compare_optimizers(X, y, optimizers=("adamw",), epochs=1, rows=200)
    assert small.rows == 160


def test_a_comparison_in_which_all_diverged_is_refused() -> None:
    lost = OptimizerTrial("sgd", 9.0, TrainingRun((), 0, "finished", 0.0), math.inf)
    with pytest.raises(InputError, match="No optimizer could train"):
        OptimizerComparison((lost,), 10, 1)
    with pytest.raises(InputError):
        OptimizerComparison((), 10, 1)


def test_one_that_diverged_stands_last_and_has_no_curve() -> None:
    won = OptimizerTrial("adam", 0.1, TrainingRun((Epoch(1, 0.5, 0.4),), 1, "finished", 1.0), 0.4)
    lost = OptimizerTrial("sgd", 9.0, TrainingRun((), 0, "finished", 0.0), math.inf)
    comparison = OptimizerComparison((won, lost), 10, 1)
    shown = " ".join(ElementTree.fromstring(optimizer_curves(comparison)).itertext())
    assert "adam 0.4000" in shown
    assert "sgd inf" not in shown
    assert comparison.recommended is won
