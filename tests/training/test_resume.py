"""A run killed at any moment goes on to the very same weights, and Ctrl-C costs nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bezant.training.config import TrainingConfig
from bezant.training.loop import train
from bezant.training.optimizers import LEARNING_RATES
from training_support import digest, interrupt_at, prepared

HERE = Path(__file__).parent
ENVIRONMENT = {
    **os.environ,
    "OMP_NUM_THREADS": "1",
    "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path]),
}


def killings(folder: Path, which: str) -> dict[str, dict[str, Any]]:
    """Kill trainings in a process of its own, which may fork; results by the moment of the kill."""
    done = subprocess.run(
        [sys.executable, str(HERE / "victim.py"), str(folder), which],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    said = [json.loads(line) for line in done.stdout.splitlines()]
    return {each.pop("name"): each for each in said}


@pytest.mark.slow
def test_a_training_killed_at_twenty_moments_ends_with_the_same_bits(tmp_path: Path) -> None:
    results = killings(tmp_path, "loop")
    wanted = results.pop("undisturbed")["digest"]
    assert len(wanted) == 64
    often = results.pop("killed over and over")
    assert often["kills"] >= 2
    assert often["digest"] == wanted
    assert len(results) >= 20
    for moment, result in results.items():
        assert result["ended_by"] == signal.SIGKILL, f"not killed {moment}"
        assert result["digest"] == wanted, f"other weights after a kill {moment}"
        assert result["left"] == ["run.safetensors"], f"remains of a kill {moment}"
    torn = [name for name, result in results.items() if any(f.endswith(".partial") for f in result["found"])]
    assert len(torn) >= 9  # these were killed with a checkpoint half written


@pytest.mark.slow
def test_a_fit_of_the_desk_killed_in_and_between_its_stages_ends_with_the_same_bits(tmp_path: Path) -> None:
    results = killings(tmp_path, "desk")
    wanted = results.pop("undisturbed")["digest"]
    assert len(results) == 3
    for moment, result in results.items():
        assert result["ended_by"] == signal.SIGKILL, f"not killed {moment}"
        assert result["digest"] == wanted, f"other weights or scores after a kill {moment}"
        assert result["left"] == ["final.safetensors", "held-out.safetensors"]
    assert results["between the stages"]["found"] == ["held-out.safetensors"]


@pytest.mark.parametrize("optimizer", LEARNING_RATES)
def test_every_optimizer_goes_on_exactly_in_the_middle_of_an_epoch(optimizer: str, tmp_path: Path) -> None:
    make, held_out = prepared(200)
    config = TrainingConfig(optimizer=optimizer, max_epochs=4, batch_size=40, checkpoint_seconds=0.0)
    network, rows = make()
    whole = train(network, rows, held_out, config)
    wanted = digest(network)
    steps = 4 if optimizer == "gd" else 16
    for stop in (1, steps // 2 + 1):
        network, rows = make()
        place = tmp_path / f"{stop}.safetensors"
        cut = train(network, rows, held_out, config, checkpoint=place, observe=interrupt_at(stop))
        assert cut.ended == "interrupted"
        network, rows = make()
        again = train(network, rows, held_out, config, checkpoint=place)
        assert digest(network) == wanted
        assert replace(again, rows_per_second=0.0) == replace(whole, rows_per_second=0.0)


def test_ctrl_c_keeps_the_best_weights_so_far_and_says_so(tmp_path: Path) -> None:
    make, held_out = prepared(200)
    config = TrainingConfig(max_epochs=6, batch_size=40)
    network, rows = make()
    shorter = train(network, rows, held_out, config, stop_after=3)
    wanted = digest(network)
    network, rows = make()
    place = tmp_path / "run.safetensors"
    cut = train(network, rows, held_out, config, checkpoint=place, observe=interrupt_at(3 * 4 + 2))
    assert digest(network) == wanted
    assert (cut.ended, cut.best_epoch, cut.epochs) == ("interrupted", shorter.best_epoch, shorter.epochs)
    assert cut.notes == ("Training was interrupted in epoch 4; the best weights so far were kept.",)
    assert [p.name for p in tmp_path.iterdir()] == ["run.safetensors"]


def test_ctrl_c_in_the_first_epoch_keeps_the_average_so_far() -> None:
    make, held_out = prepared(200)
    network, rows = make()
    before = digest(network)
    cut = train(network, rows, held_out, TrainingConfig(batch_size=40), observe=interrupt_at(2))
    assert (cut.ended, cut.best_epoch, cut.epochs) == ("interrupted", 0, ())
    assert digest(network) != before
    assert not network.training


@pytest.mark.parametrize("held_out", [True, False])
def test_ctrl_c_in_the_middle_of_a_checkpoint_leaves_a_whole_one(
    held_out: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, judged = prepared(200)
    config = TrainingConfig(max_epochs=3, batch_size=40, checkpoint_seconds=0.0)
    judged_or_not = judged if held_out else None
    network, rows = make()
    train(network, rows, judged_or_not, config)
    wanted = digest(network)
    seen, fsync = 0, os.fsync

    def synced(handle: int) -> None:
        nonlocal seen
        seen += 1
        if seen == 9:
            os.ftruncate(handle, 100)
            raise KeyboardInterrupt  # what Python makes of Ctrl-C
        fsync(handle)

    network, rows = make()
    place = tmp_path / "run.safetensors"
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", synced)
        assert train(network, rows, judged_or_not, config, checkpoint=place).ended == "interrupted"
    assert [p.name for p in tmp_path.iterdir()] == ["run.safetensors"]
    network, rows = make()
    assert train(network, rows, judged_or_not, config, checkpoint=place).ended == "finished"
    assert digest(network) == wanted


def test_a_finished_run_started_again_trains_nothing_and_gives_the_same(tmp_path: Path) -> None:
    make, held_out = prepared(200)
    config = TrainingConfig(max_epochs=3, batch_size=40)
    place = tmp_path / "run.safetensors"
    network, rows = make()
    first = train(network, rows, held_out, config, checkpoint=place)
    wanted = digest(network)
    network, rows = make()
    again = train(network, rows, held_out, config, checkpoint=place)
    assert digest(network) == wanted
    assert again.rows_per_second == 0.0
    assert again.epochs == first.epochs


@pytest.mark.slow
def test_two_runs_at_once_on_one_checkpoint_both_end_with_the_same_bits(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; import torch; torch.set_num_threads(1); import victim; "
        "print(victim.train_small(Path(sys.argv[1])))"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    both = [subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    digests = [each.communicate(timeout=300)[0] for each in both]
    assert [each.returncode for each in both] == [0, 0]
    make, held_out = prepared(400)
    network, rows = make()
    train(network, rows, held_out, TrainingConfig(max_epochs=4, batch_size=64, seed=3))
    assert digests == [f"{digest(network)}\n"] * 2
    assert [p.name for p in tmp_path.iterdir()] == ["run.safetensors"]
