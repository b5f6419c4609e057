"""``bezant plan`` from what is typed to what is printed."""

from __future__ import annotations

import json

import pytest

from bezant.network.planning import history_config, plan_pretraining
from loans import run


def test_the_plan_of_a_billion_parameters_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("plan", "--size", "xl", "--events", "1000000", "--tflops", "400") == 0
    printed = capsys.readouterr().out
    count = plan_pretraining(history_config(size="xl")).parameters
    assert f"{count:,}" in printed and count > 1_000_000_000
    for word in ("gradients", "optimizer", "activations", "elsewhere, 400 TFLOP/s"):
        assert word in printed


def test_the_plan_as_json_adds_up(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--size", "tiny", "--category", "50", "--numbers", "1", "--tflops", "1", "--share", "0.5")
    assert run("plan", *words, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    parts = 2 * said["weight_bytes"] + said["optimizer_bytes"] + said["average_bytes"]
    assert said["total_bytes"] == parts + said["activation_bytes"]
    assert said["hours"]["elsewhere, 1 TFLOP/s"] == pytest.approx(said["flops"] / 0.5e12 / 3600)


def test_a_share_above_one_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("plan", "--share", "2") == 2
    assert "--share" in capsys.readouterr().err
