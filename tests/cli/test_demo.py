"""``bezant demo`` without a network, and ``bezant compare-optimizers``."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import numpy as np
import pytest

from bezant.cli import demo, sources
from loans import loans, run, write


def test_optimizers_are_compared_and_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, picture = write(tmp_path / "loans.csv", loans()), tmp_path / "optimizers.svg"
    words = ("compare-optimizers", path, "-t", "default", "--epochs", "1", "--out", str(picture), "--json")
    assert run(*words, "--optimizer", "adamw", "--optimizer", "sgd") == 0
    printed = json.loads(capsys.readouterr().out)
    assert {t["optimizer"] for t in printed["trials"]} == {"adamw", "sgd"}
    assert "<svg" in picture.read_text()[:500]


def small_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the demo learn from a few of its loans, without the traditional models."""
    read, make = demo.read_labelled, demo.make_risk

    def few(*words: str | None) -> sources.Labelled:
        rows = read(*words)  # type: ignore[arg-type]
        return rows.take(np.arange(0, len(rows.y), 40))

    monkeypatch.setattr(demo, "read_labelled", few)
    monkeypatch.setattr(demo, "make_risk", lambda rows, **settings: make(rows, **settings, benchmark=False))


def test_the_demo_opens_no_socket_and_ends_with_the_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*given: object) -> None:
        raise AssertionError(f"a socket was connected to {given[1:]}")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    small_demo(monkeypatch)
    assert run("demo", "--out", str(tmp_path / "out"), "--size", "tiny", "--epochs", "1") == 0
    lines = capsys.readouterr().out.rstrip().splitlines()
    assert lines[-1].endswith(str(tmp_path / "out" / "report.html"))
    assert (tmp_path / "out" / "report.html").exists()
    figures = json.loads((tmp_path / "out" / "demo.json").read_text())
    assert list(figures["figures"]) == ["bezant"]
    assert (tmp_path / "out" / "model" / "manifest.json").exists()


def test_the_refused_socket_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("connected")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    with socket.socket() as one, pytest.raises(AssertionError, match="connected"):
        one.connect(("127.0.0.1", 9))
