"""Two real processes train what one trains, to rounding; and one alone is not disturbed."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

import shared_fit
from bezant.network.batch import Batch
from bezant.training.processes import Processes
from bezant.training.progress import shown

TESTS = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes found, one file each."""
    folder = tmp_path_factory.mktemp("two")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*command, str(TESTS / "shared_fit.py"), str(folder)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def found(folder: Path, place: int) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((folder / f"found-{place}.json").read_text())
    return read


@pytest.mark.parametrize("name", shared_fit.FITS)
def test_two_processes_end_with_the_weights_of_one(two: Path, name: str) -> None:
    weights, run = shared_fit.fitted(shared_fit.FITS[name])
    there = found(two, 0)[name]
    assert there["best_epoch"] == run.best_epoch
    assert there["ended"] == run.ended
    for mine, theirs in zip(run.epochs, there["epochs"], strict=True):
        assert math.isclose(mine.train_loss, theirs["train_loss"], rel_tol=1e-4)
        assert mine.held_out_loss is not None
        assert math.isclose(mine.held_out_loss, theirs["held_out_loss"], rel_tol=1e-4)
    place = list(shared_fit.FITS).index(name)
    shared = safetensors.torch.load_file(two / f"{place}.safetensors")
    assert shared.keys() == weights.keys()
    for key, value in weights.items():
        assert torch.allclose(shared[key], value, rtol=1e-3, atol=2e-4), key


def test_both_processes_end_alike_to_the_bit(two: Path) -> None:
    first, second = found(two, 0), found(two, 1)
    assert first["processes"] == second["processes"] == 2
    for i, name in enumerate(shared_fit.FITS):
        there = safetensors.torch.load_file(two / f"{i}.safetensors")
        assert second[name].pop("digest") == {k: float(v.double().sum()) for k, v in there.items()}
        for run in (first[name], second[name]):
            run.pop("rows_per_second")
        assert first[name] == second[name]


def test_two_processes_killed_go_on_to_the_same_bits(two: Path) -> None:
    ends = {end for place in (0, 1) for end in found(two, place)["resumed"]}
    assert len(ends) == 1


def test_the_main_process_alone_saves_a_model_and_the_other_waits_for_it(two: Path) -> None:
    assert [found(two, place)["saved"] for place in (0, 1)] == [0, 0]
    assert [each.name for each in two.glob("*model*")] == ["model"]


def test_no_bar_is_drawn_but_by_the_main_process(monkeypatch: pytest.MonkeyPatch) -> None:
    for rank, drawn in (("0", True), ("1", False)):
        monkeypatch.setenv("RANK", rank)
        with shown("Training", choice=True) as observe:
            assert (observe is not None) == drawn


def test_one_alone_has_all_rows_of_a_batch_at_full_weight() -> None:
    numbers = torch.arange(12.0).reshape(6, 2)
    rows = Batch(numbers, torch.zeros(6, 0, dtype=torch.int32), weight=torch.arange(6.0))
    alone = Processes()
    assert alone.alone and alone.main
    with alone.share_of(rows, torch.tensor([4, 1])) as (batch, share):
        assert batch.numbers.tolist() == [[8.0, 9.0], [2.0, 3.0]]
        assert share == 1.0
    assert alone.of_main(2.5) == 2.5
    assert float(alone.mean(torch.tensor(3.0))) == 3.0


def test_the_shares_of_a_batch_add_up_to_it() -> None:
    rows = Batch(torch.arange(7.0)[:, None], torch.zeros(7, 0, dtype=torch.int32), weight=torch.ones(7))
    part, places, shares = torch.tensor([6, 0, 3, 2, 5]), [], 0.0
    for place in range(3):
        one = Processes()
        one.place, one.number = place, 3
        with one.share_of(rows, part) as (batch, share):
            places.extend(batch.numbers[:, 0].tolist())
            shares += share / 3
    assert sorted(places) == [0, 2, 3, 5, 6]
    assert math.isclose(shares, 1.0, rel_tol=1e-6)
