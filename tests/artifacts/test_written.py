"""A model's folder is written whole or not at all, whatever comes in between."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import bezant
from bezant.artifacts import MANIFEST, TENSORS, load_folder, save_folder, write_whole
from bezant.datasets import load
from bezant.desks.credit.credit_risk import CreditRisk
from bezant.types import ArtifactError, InputError

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return load("sba-sample")[["ApprovalDate", "State", "NewExist", "GrAppv", "default"]].iloc[::30]


TENSOR = {"w": torch.arange(5000.0)}
DOCUMENT = {"model": {"kind": "none", "number": 1}}


def contents(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir()}


def test_what_is_saved_is_loaded_and_scores_alike(frame: pd.DataFrame, tmp_path: Path) -> None:
    training = {"max_epochs": 2, "seed": np.int64(3)}
    risk = CreditRisk(
        time="ApprovalDate", size="tiny", training=training, benchmark=False, random_state=np.int64(3)
    )
    risk.fit(frame.drop(columns="default"), frame["default"])
    back = bezant.load(risk.save(tmp_path / "m"))
    np.testing.assert_array_equal(back.predict_proba(frame), risk.predict_proba(frame))
    assert back.notes_ == risk.notes_
    assert [run.epochs for run in back.history_] == [run.epochs for run in risk.history_]
    assert back.random_state == 3


def test_a_model_saved_twice_is_the_same_to_the_byte(pristine: Path, tmp_path: Path) -> None:
    # A later version may write keys that the first one did not know: from then on nothing changes.
    bezant.load(pristine).save(tmp_path / "first")
    bezant.load(tmp_path / "first").save(tmp_path / "again")
    again, first = contents(tmp_path / "again"), contents(tmp_path / "first")
    assert again[TENSORS] == first[TENSORS] == contents(pristine)[TENSORS]
    assert again["model.json"] == first["model.json"]
    assert again["benchmarks.json"] == first["benchmarks.json"]


def test_numbers_of_numpy_are_saved_as_numbers_and_what_is_not_json_is_refused_whole(tmp_path: Path) -> None:
    save_folder(tmp_path / "m", TENSOR, {"model": {"seed": np.int64(7), "share": np.float32(0.5)}})
    assert load_folder(tmp_path / "m")[1]["model"] == {"seed": 7, "share": 0.5}
    before = contents(tmp_path / "m")
    for bad in (object(), float("nan")):
        with pytest.raises((TypeError, ValueError)):
            save_folder(tmp_path / "m", TENSOR, {"model": bad})
    assert contents(tmp_path / "m") == before
    assert [p.name for p in tmp_path.iterdir()] == ["m"]


@pytest.mark.parametrize("old", [True, False])
@pytest.mark.parametrize("call", ["fsync", "replace", "rename"])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_full_disk_leaves_the_old_model_or_nothing(
    old: bool, call: str, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "m"
    if old:
        save_folder(place, TENSOR, DOCUMENT)
    before = contents(place) if old else None
    seen, real = 0, getattr(os, call)

    def full(*arguments: Any, **named: Any) -> Any:
        nonlocal seen
        seen += 1
        if seen == count:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*arguments, **named)

    with monkeypatch.context() as patched:
        patched.setattr(os, call, full)
        said = ""
        try:
            save_folder(place, TENSOR, {"model": {"kind": "new"}})
        except InputError as error:
            said = str(error)
    if call == "rename" and count > (3 if old else 1):
        assert not said  # so many renamings are not made
    else:
        assert "(No space left on device)" in said
        assert ". " not in said
        assert (contents(place) if place.exists() else None) == before
    assert [p.name for p in tmp_path.iterdir()] == (["m"] if place.exists() else [])


def test_a_real_limit_on_the_size_of_files_leaves_the_old_model(tmp_path: Path) -> None:
    place = tmp_path / "m"
    save_folder(place, TENSOR, DOCUMENT)
    before = contents(place)
    program = """
import resource, sys
import torch
from bezant.artifacts import save_folder
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    save_folder(sys.argv[1], {"w": torch.arange(9000.0)}, {"model": 2})
except ValueError as error:
    print(type(error).__name__, error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(place)],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("InputError The model could not be saved to ")
    assert "(File too large)" in done.stdout
    assert contents(place) == before
    assert [p.name for p in tmp_path.iterdir()] == ["m"]


def test_ctrl_c_while_saving_leaves_the_old_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "m"
    save_folder(place, TENSOR, DOCUMENT)
    before = contents(place)

    def pressed(handle: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", pressed)
        with pytest.raises(KeyboardInterrupt):
            save_folder(place, TENSOR, {"model": 2})
    assert contents(place) == before
    assert [p.name for p in tmp_path.iterdir()] == ["m"]


def test_a_save_killed_anywhere_leaves_the_old_or_the_new_model_and_the_next_one_tidies_up(
    tmp_path: Path,
) -> None:
    program = """
import os, signal, sys
import torch
from bezant.artifacts import load_folder, save_folder

place = sys.argv[1]
for call in ("fsync", "replace", "rename"):
    for count in range(1, 12):
        save_folder(place, {"w": torch.zeros(9)}, {"model": "old"})
        pid = os.fork()
        if not pid:
            real, seen = getattr(os, call), 0
            def killing(*arguments):
                global seen
                seen += 1
                if seen == count:
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(*arguments)
            setattr(os, call, killing)
            save_folder(place, {"w": torch.ones(9)}, {"model": "new"})
            os._exit(0)
        killed = os.WIFSIGNALED(os.waitpid(pid, 0)[1])
        tensors, documents = load_folder(place)
        assert float(tensors["w"][0]) == {"old": 0.0, "new": 1.0}[documents["model"]]
        assert killed or documents["model"] == "new"
        beside = sorted(os.listdir(os.path.dirname(place)))
        save_folder(place, {"w": torch.zeros(9)}, {"model": "last"})
        after = os.listdir(os.path.dirname(place))
        print(call, count, killed, documents["model"], len(beside) > 1, after)
"""
    place = tmp_path / "alone" / "m"
    done = subprocess.run(
        [sys.executable, "-c", program, str(place)],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    lines = [line.split(" ", 5) for line in done.stdout.splitlines()]
    killed = [line for line in lines if line[2] == "True"]
    assert len(killed) >= 12
    assert {line[3] for line in killed} == {"old", "new"}
    assert all(line[5] == "['m']" for line in lines)
    assert sum(line[4] == "True" for line in killed) >= 8  # the kill did leave something to tidy up


@pytest.mark.slow
def test_two_saves_at_once_leave_one_whole_model_and_readers_see_nothing_else(tmp_path: Path) -> None:
    program = """
import sys
import torch
from bezant.artifacts import save_folder
number = float(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
for _ in range(40):
    save_folder(sys.argv[1], {"w": torch.full((20000,), number)}, {"model": number, "more": [number] * 500})
"""
    place = tmp_path / "alone" / "m"
    save_folder(place, {"w": torch.full((20000,), 0.0)}, {"model": 0.0, "more": [0.0] * 500})
    savers = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(place), str(n)],
            env=ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for n in (1, 2, 3)
    ]  # fmt: skip
    for saver in savers:
        assert saver.stdout is not None
        assert saver.stdin is not None
        saver.stdout.readline()
        saver.stdin.write("go\n")
        saver.stdin.flush()
    readings = set()
    while any(saver.poll() is None for saver in savers):
        tensors, documents = load_folder(place)
        assert set(documents["more"]) == {documents["model"]}
        assert set(tensors["w"].tolist()) == {documents["model"]}
        readings.add(documents["model"])
    for saver in savers:
        _, said = saver.communicate()
        assert saver.returncode == 0, said
    assert load_folder(place)[1]["model"] in (1.0, 2.0, 3.0)
    assert len(readings) > 1
    assert [p.name for p in place.parent.iterdir()] == ["m"]


def test_what_is_not_a_saved_model_is_never_replaced(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"mine")
    with pytest.raises(InputError, match="exists and is not a saved model"):
        save_folder(file, TENSOR, DOCUMENT)
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / MANIFEST).write_text('{"name": "another program\'s manifest"}')
    (folder / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match="exists and is not a saved model"):
        save_folder(folder, TENSOR, DOCUMENT)
    assert (folder / "thesis.tex").read_text() == "years of work"
    place = tmp_path / "m"
    save_folder(place, TENSOR, DOCUMENT)
    (place / "notes.txt").write_text("why this model was approved")
    with pytest.raises(
        InputError, match=r"'notes.txt' in its folder does not belong to it and would be lost"
    ):
        save_folder(place, TENSOR, DOCUMENT)
    assert (place / "notes.txt").exists()


def test_an_empty_folder_and_a_link_to_a_model_may_be_saved_to(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    save_folder(tmp_path / "empty", TENSOR, DOCUMENT)
    (tmp_path / "current").symlink_to(tmp_path / "empty")
    save_folder(tmp_path / "current", TENSOR, {"model": 2})
    assert (tmp_path / "current").is_symlink()
    assert load_folder(tmp_path / "empty")[1] == load_folder(tmp_path / "current")[1] == {"model": 2}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["current", "empty"]


def test_what_lies_beside_a_model_of_a_longer_name_is_not_taken_for_ones_own(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    other = tmp_path / f".m.new.{gone.pid}-0123abcd.old"
    other.mkdir()
    with pytest.raises(ArtifactError, match="There is no saved model at"):
        load_folder(tmp_path / "m")
    save_folder(tmp_path / "m", TENSOR, DOCUMENT)
    assert other.exists()


def test_written_files_are_for_everybody_the_users_mask_allows(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        write_whole(tmp_path / "file", b"x")
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o644
