"""The training loop: repeatable, exact where it can be checked by hand, and honest when it fails."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bezant.network.batch import Batch
from bezant.training.config import TrainingConfig
from bezant.training.loop import Progress, TrainingRun, train
from bezant.training.optimizers import LEARNING_RATES, rate_at
from bezant.types import InputError
from training_support import digest, prepared

CONFIG = TrainingConfig(max_epochs=3, batch_size=40)


def trained(**changed: object) -> tuple[str, TrainingRun]:
    make, held_out = prepared(200)
    network, rows = make()
    run = train(network, rows, held_out, CONFIG.model_copy(update=changed))
    return digest(network), replace(run, rows_per_second=0.0)


# ------------------------------------------------------------------------------------- repeatability


def test_the_same_seed_and_rows_give_the_same_bits_and_another_seed_does_not() -> None:
    first = trained(seed=1)
    torch.rand(17)  # what the caller draws in between does not matter
    assert trained(seed=1) == first
    assert trained(seed=2)[0] != first[0]


def test_the_callers_random_numbers_and_rows_stay_as_they_were() -> None:
    make, held_out = prepared(200)
    network, rows = make()
    copies = [[None if t is None else t.clone() for t in part.tensors()] for part in (rows, held_out)]
    state = torch.get_rng_state()
    train(network, rows, held_out, CONFIG)
    assert torch.equal(torch.get_rng_state(), state)
    for part, copy in zip((rows, held_out), copies, strict=True):
        for now, before in zip(part.tensors(), copy, strict=True):
            assert (now is None) == (before is None)
            assert now is None or torch.equal(now.view(torch.uint8), before.view(torch.uint8))  # NaN too


def test_an_observer_changes_nothing_and_is_told_every_step() -> None:
    make, held_out = prepared(200)
    network, rows = make()
    seen: list[Progress] = []
    train(network, rows, held_out, CONFIG, observe=seen.append)
    assert digest(network) == trained()[0]
    assert [(p.epoch, p.step) for p in seen] == [(e, s) for e in (1, 2, 3) for s in (1, 2, 3, 4)]
    assert all(p.epochs == 3 and p.steps == 4 and p.seconds_left >= 0 for p in seen)
    assert seen[3].held_out_loss is None
    assert seen[4].held_out_loss is not None


# ------------------------------------------------------------------------------ which weights are kept


def test_stop_after_repeats_the_first_epochs_of_the_longer_run_exactly() -> None:
    make, _ = prepared(200)
    long, rows = make()
    marks: list[str] = []

    def mark(progress: Progress) -> None:
        if progress.epoch == 3 and progress.step == 1:  # trained weights, one step after the second epoch
            marks.append(digest(long))

    whole = train(long, rows, None, CONFIG.model_copy(update={"averaging": 0.0}), observe=mark)
    short, rows = make()
    part = train(short, rows, None, CONFIG.model_copy(update={"averaging": 0.0}), stop_after=2)
    assert part.epochs == whole.epochs[:2]
    assert part.ended == "finished"
    # One more step from there, under the schedule of the longer run, must arrive where it was.
    again, rows = make()
    reached: list[str] = []

    def stop(progress: Progress) -> None:
        if progress.epoch == 3:
            reached.append(digest(again))
            raise KeyboardInterrupt

    train(again, rows, None, CONFIG.model_copy(update={"averaging": 0.0}), observe=stop)
    assert reached == marks
    assert digest(short) != digest(long)


def test_without_held_out_rows_the_last_average_is_kept() -> None:
    make, _ = prepared(200)
    network, rows = make()
    run = train(network, rows, None, CONFIG)
    assert run.best_epoch == 3
    assert [e.held_out_loss for e in run.epochs] == [None] * 3
    assert run.ended == "finished"


def test_the_average_is_that_of_a_loop_by_hand() -> None:
    make, _ = prepared(200)
    network, rows = make()
    by_hand = [p.detach().double().clone() for p in network.parameters()]
    step = 0

    def observe(_: Progress) -> None:
        nonlocal step
        decay = min(0.9, (1 + step) / (10 + step))
        for mean, now in zip(by_hand, network.parameters(), strict=True):
            mean.mul_(decay).add_(now.detach().double(), alpha=1 - decay)
        step += 1

    config = TrainingConfig(max_epochs=8, batch_size=10, averaging=0.9)
    train(network, rows, None, config, observe=observe)
    assert step == 8 * 16 > 100  # enough for the decay to reach its end
    for mean, kept in zip(by_hand, network.parameters(), strict=True):
        torch.testing.assert_close(kept.detach().double(), mean, rtol=1e-5, atol=1e-6)


def test_the_best_epochs_weights_are_kept_and_training_stops_early() -> None:
    make, held_out = prepared(200)
    network, rows = make()
    config = TrainingConfig(max_epochs=60, batch_size=20, patience=3, learning_rate=0.02, averaging=0.0)
    run = train(network, rows, held_out, config)
    losses = [e.held_out_loss for e in run.epochs]
    assert run.ended == "early"
    assert run.best_epoch == losses.index(min(losses)) + 1
    assert len(losses) == run.best_epoch + 3
    assert network.judge(held_out) == pytest.approx(min(losses), abs=1e-9)


# ------------------------------------------------------------------------------ optimizers and schedules


@pytest.mark.parametrize("optimizer", LEARNING_RATES)
def test_every_optimizer_lowers_the_loss_on_real_rows(optimizer: str) -> None:
    make, held_out = prepared(400)
    network, rows = make()
    network.give_share(0.0)  # of the additive member, which is not trained by steps
    before = network.judge(rows), network.judge(held_out)
    epochs = 40 if optimizer == "gd" else 8
    config = TrainingConfig(optimizer=optimizer, max_epochs=epochs, batch_size=32, averaging=0.0)
    run = train(network, rows, None, config)
    assert network.judge(rows) < before[0] - 0.005
    assert run.epochs[-1].train_loss < run.epochs[0].train_loss
    assert math.isfinite(network.judge(held_out))


def test_gradient_descent_takes_one_step_an_epoch_over_all_rows() -> None:
    make, _ = prepared(200)
    network, rows = make()
    seen: list[Progress] = []
    config = TrainingConfig(optimizer="gd", max_epochs=5, batch_size=10)
    train(network, rows, None, config, observe=seen.append)
    assert [(p.epoch, p.step, p.steps) for p in seen] == [(e, 1, 1) for e in range(1, 6)]


def test_a_step_of_gradient_descent_is_the_one_by_hand() -> None:
    make, _ = prepared(200)
    network, rows = make()
    network.trunk.dropout = 0.0  # no chance in it
    network.train()
    network.loss(network(rows), rows).backward()
    gradients = [p.grad.clone() for p in network.parameters() if p.grad is not None]
    length = torch.stack([g.norm() for g in gradients]).norm()
    wanted = [
        p.detach() - 0.5 * p.grad * min(1.0, 0.01 / float(length))
        for p in network.parameters()
        if p.grad is not None
    ]
    network.zero_grad()
    moved = [p for p in network.parameters() if p.requires_grad]
    config = TrainingConfig(
        optimizer="gd", learning_rate=0.5, max_epochs=1, warmup=0.0, averaging=0.0, clip_norm=0.01,
        schedule="constant", precision="float32",
    )  # fmt: skip
    train(network, rows, None, config)
    for now, then in zip(moved, wanted, strict=True):
        torch.testing.assert_close(now.detach(), then, rtol=1e-4, atol=1e-6)


def slow_rate(step: int, steps: int, schedule: str, warmup: float) -> float:
    """The schedules as a person would draw them."""
    rising = math.ceil(warmup * steps)
    rise = (step + 1) / rising if step < rising else 1.0
    if schedule == "constant":
        return rise
    if schedule == "cosine":
        if step < rising:
            return rise
        return (1 + math.cos(math.pi * (step - rising) / max(steps - rising, 1))) / 2
    peak = max(0.3 * steps, 1)
    if step < peak:
        return rise * (0.04 + 0.96 * (1 - math.cos(math.pi * step / peak)) / 2)
    return 1e-4 + (1 - 1e-4) * (1 + math.cos(math.pi * (step - peak) / max(steps - peak, 1))) / 2


@given(
    st.integers(1, 300),
    st.sampled_from(["constant", "cosine", "one-cycle"]),
    st.floats(0, 0.29, allow_nan=False),
)
def test_the_schedules_follow_the_slow_formula(steps: int, schedule: str, warmup: float) -> None:
    rates = [rate_at(step, steps, schedule, warmup) for step in range(steps)]
    assert rates == pytest.approx([slow_rate(s, steps, schedule, warmup) for s in range(steps)], abs=1e-9)
    assert all(0 < rate <= 1 for rate in rates)


def test_the_schedules_have_the_ends_they_should() -> None:
    rates = {s: [rate_at(i, 1000, s, 0.1) for i in range(1000)] for s in ("constant", "cosine", "one-cycle")}
    assert [rates[s][0] for s in ("constant", "cosine")] == [0.01, 0.01]  # a hundred steps of warm-up
    assert rates["constant"][99:] == [1.0] * 901
    assert max(rates["cosine"]) == rates["cosine"][100] == 1.0
    assert rates["cosine"][-1] < 1e-5
    assert max(rates["one-cycle"]) == rates["one-cycle"][300] == 1.0
    assert rates["one-cycle"][0] == pytest.approx(0.04 * 0.01)
    assert rates["one-cycle"][-1] < 2e-4


# --------------------------------------------------------------------------------------- weighted rows


def test_weighted_rows_equal_repeated_rows_in_the_loss() -> None:
    make, _ = prepared(200)
    network, rows = make()
    network.eval()
    draw = torch.Generator().manual_seed(0)
    times = torch.randint(0, 4, (len(rows),), generator=draw)
    weighted = replace(rows, weight=times.float())
    repeated = rows.rows(torch.repeat_interleave(torch.arange(len(rows)), times))
    alike = network.loss(network(repeated), repeated)
    torch.testing.assert_close(network.loss(network(weighted), weighted), alike)
    assert network.judge(weighted) == pytest.approx(network.judge(repeated), rel=1e-6)
    assert network.judge(weighted) != pytest.approx(network.judge(rows), rel=1e-4)


# -------------------------------------------------------------------------------------------- failures


def test_no_rows_are_refused_in_one_sentence() -> None:
    make, _ = prepared(200)
    network, rows = make()
    with pytest.raises(InputError, match=r"^There are no rows to train on\.$"):
        train(network, rows.rows(slice(0, 0)), None, CONFIG)


@pytest.mark.parametrize("epochs", [1, 3])
def test_a_loss_that_is_no_longer_a_number_is_one_sentence(epochs: int) -> None:
    make, held_out = prepared(200)
    network, rows = make()
    wild = TrainingConfig(
        optimizer="sgd", learning_rate=1e30, clip_norm=0.0, warmup=0.0, max_epochs=epochs, batch_size=40
    )
    with pytest.raises(
        InputError,
        match=r"^The training loss is no longer a number in epoch 1; lower the learning rate of sgd\.$",
    ):
        train(network, rows, held_out, wild)


@pytest.mark.parametrize("with_held_out", [True, False])
def test_weights_ruined_by_the_last_step_are_not_kept(with_held_out: bool) -> None:
    # With one step an epoch its loss is still fine: only the weights after it are not.
    make, held_out = prepared(200)
    network, rows = make()

    def ruin(_: Progress) -> None:
        with torch.no_grad():
            next(network.parameters()).fill_(math.nan)

    one_step = TrainingConfig(max_epochs=2, batch_size=1000)
    with pytest.raises(InputError, match="no longer a number in epoch 2; lower the learning rate of adamw"):
        train(network, rows, held_out if with_held_out else None, one_step, observe=ruin)


def test_a_run_that_makes_its_weights_infinite_in_its_only_step_is_refused() -> None:
    make, _ = prepared(200)
    network, rows = make()
    wild = TrainingConfig(
        optimizer="gd", learning_rate=3e38, clip_norm=0.0, warmup=0.0, max_epochs=1, averaging=0.0,
        weight_decay=3e38,
    )  # fmt: skip
    with pytest.raises(InputError, match="no longer a number in epoch 1; lower the learning rate of gd"):
        train(network, rows, None, wild)


def test_rows_of_a_batch_without_any_row_to_spare_still_make_a_step() -> None:
    make, _ = prepared(200)
    network, rows = make()
    one: Batch = rows.rows(slice(0, 1))
    run = train(network, one, None, TrainingConfig(max_epochs=2, batch_size=256))
    assert len(run.epochs) == 2
