"""Trainings that are killed with SIGKILL and started again; run as a script by test_resume.py.

``python victim.py FOLDER {loop,desk}`` prints one line of JSON a kill. The process itself never computes
anything, so that it may fork: each training is a child of its own, and imports are paid for once.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

import bezant.training.table
import training_support
from bezant.datasets import load
from bezant.desks.credit.credit_risk import CreditRisk
from bezant.training.config import TrainingConfig
from bezant.training.loop import Progress, train

Moment = Callable[[Path], None]
"""Sets the process up to kill itself; given the checkpoint's place."""


def die(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def nth(count: int, call: Callable[..., Any], before: Callable[..., None]) -> Callable[..., Any]:
    """The same function, but before its so-manieth call something happens."""
    seen = 0

    def counted(*args: Any, **kwargs: Any) -> Any:
        nonlocal seen
        seen += 1
        if seen == count:
            before(*args)
        return call(*args, **kwargs)

    return counted


def at_step(count: int) -> Moment:
    def moment(_: Path) -> None:
        network = training_support.Network
        network.loss = nth(count, network.loss, die)  # type: ignore[method-assign]

    return moment


def writing(count: int, share: float) -> Moment:
    """Only a share of a checkpoint's bytes are on the disk when the process dies."""

    def cut(handle: int, *_: Any) -> None:
        os.ftruncate(handle, int(os.fstat(handle).st_size * share))
        die()

    def moment(_: Path) -> None:
        os.fsync = nth(count, os.fsync, cut)

    return moment


def before_replacing(count: int) -> Moment:
    def moment(_: Path) -> None:
        os.replace = nth(count, os.replace, die)

    return moment


def after_replacing(count: int) -> Moment:
    def moment(_: Path) -> None:
        replace = os.replace

        def replaced(*places: Any) -> None:
            replace(*places)
            die()

        os.replace = nth(count, replace, replaced)

    return moment


def in_judging(count: int) -> Moment:
    """The averaged weights stand in the network for a moment: they must not be taken for the trained."""

    def moment(_: Path) -> None:
        network = training_support.Network
        network.judge = nth(count, network.judge, die)  # type: ignore[method-assign]

    return moment


def before_refit(_: Path) -> None:
    table = bezant.training.table
    table.refit = nth(1, table.refit, die)


def first_write_of(name: str, share: float) -> Moment:
    """Dies in the middle of the so-named file's first writing."""

    def moment(_: Path) -> None:
        fsync = os.fsync

        def synced(handle: int) -> None:
            if name in os.readlink(f"/proc/self/fd/{handle}"):
                os.ftruncate(handle, int(os.fstat(handle).st_size * share))
                die()
            fsync(handle)

        os.fsync = synced

    return moment


LOOP: dict[str, Moment] = {
    "before the first step": at_step(1),
    "in the first epoch": at_step(3),
    "at the last step of an epoch": at_step(5),
    "at the first step of an epoch": at_step(6),
    "in the third epoch": at_step(13),
    "at the very last step": at_step(20),
    "writing the first checkpoint, no byte yet": writing(1, 0.0),
    "writing the first checkpoint, a tenth": writing(1, 0.1),
    "writing the first checkpoint, all but the last bytes": writing(1, 0.9999),
    # Every checkpoint takes two calls, one for the file and one for its folder.
    "writing a later checkpoint, a third": writing(9, 0.33),
    "writing a later checkpoint, half": writing(15, 0.5),
    "writing the last checkpoint, half": writing(39, 0.5),
    "before the first checkpoint takes its place": before_replacing(1),
    "before a later checkpoint takes its place": before_replacing(7),
    "before the last checkpoint takes its place": before_replacing(20),
    "after the first checkpoint took its place": after_replacing(1),
    "after a later checkpoint took its place": after_replacing(11),
    "after the last checkpoint took its place": after_replacing(20),
    "while the first epoch is judged": in_judging(1),
    "while a later epoch is judged": in_judging(3),
}

DESK: dict[str, Moment] = {
    "writing the checkpoint of the first stage": writing(3, 0.6),
    "between the stages": before_refit,
    "writing the checkpoint of the second stage": first_write_of("final.safetensors", 0.4),
}


def train_small(place: Path, observe: Callable[[Progress], None] | None = None) -> str:
    make, held_out = training_support.prepared(400)
    network, rows = make()
    config = TrainingConfig(max_epochs=4, batch_size=64, checkpoint_seconds=0.0, seed=3)
    train(network, rows, held_out, config, checkpoint=place / "run.safetensors", observe=observe)
    return training_support.digest(network)


def fit_desk(place: Path) -> str:
    frame = load("sba-sample")[list(training_support.COLUMNS)].iloc[::20]
    training = TrainingConfig(max_epochs=3, batch_size=256)
    risk = CreditRisk(
        time="ApprovalDate", size="tiny", training=training, benchmark=False, checkpoint=place, progress=False
    )
    risk.fit(frame.drop(columns="default"), frame["default"])
    assert len(risk.history_) == 2, "both stages must have run"
    scores = risk.predict_proba(frame)
    return training_support.digest(risk.model_.network) + np.ascontiguousarray(scores).tobytes()[-64:].hex()


def in_child(work: Callable[[Path], str], place: Path, moment: Moment | None) -> tuple[int, str]:
    """Do work in a fork; return the signal that ended it (0 for none) and what it found."""
    reading, writing_end = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(reading)
        try:
            if moment is not None:
                moment(place)
            os.write(writing_end, work(place).encode())
            os._exit(0)
        finally:
            os._exit(1)
    os.close(writing_end)
    with os.fdopen(reading, "rb") as pipe:
        found = pipe.read().decode()
    _, status = os.waitpid(pid, 0)
    return (os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0), found


def killed_from_outside(place: Path, steps: int, seconds: float) -> bool:
    """Kill a training a moment after so many of its steps, wherever it then is; say whether it still ran."""
    reading, writing_end = os.pipe()
    pid = os.fork()
    if not pid:
        train_small(place, lambda _: os.write(writing_end, b"."))
        os._exit(0)
    os.close(writing_end)
    for _ in range(steps):
        os.read(reading, 1)
    time.sleep(seconds)
    os.kill(pid, signal.SIGKILL)
    os.close(reading)
    _, status = os.waitpid(pid, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def tell(name: str, **said: Any) -> None:
    print(json.dumps({"name": name, **said}), flush=True)


def main(folder: Path, which: str) -> None:
    torch.set_num_threads(1)
    work, moments = {"loop": (train_small, LOOP), "desk": (fit_desk, DESK)}[which]
    train_small(folder / "warm")  # what is imported and read now, no child has to
    tell("undisturbed", digest=in_child(work, folder / "undisturbed", None)[1])
    for i, (name, moment) in enumerate(moments.items()):
        place = folder / str(i)
        ended_by, _ = in_child(work, place, moment)
        found = sorted(p.name for p in place.iterdir()) if place.exists() else []
        _, digest = in_child(work, place, None)
        left = sorted(p.name for p in place.iterdir())
        tell(name, ended_by=ended_by, found=found, digest=digest, left=left)
    if which == "loop":
        # One training, killed over and over at moments nobody chose, until it comes to its end.
        place, draw = folder / "many", random.Random(5)
        kills = sum(killed_from_outside(place, 4, draw.uniform(0, 0.01)) for _ in range(4))
        tell("killed over and over", kills=kills, digest=in_child(work, place, None)[1])


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
