"""A saved model is believed only if every byte is as it was written; it is written whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import bezant
from bezant.artifacts import FORMAT_VERSION, MANIFEST, TENSORS, _sealed, load_folder, save_folder, write_whole
from bezant.datasets import load
from bezant.desks.credit.credit_risk import CreditRisk
from bezant.types import ArtifactError, InputError

TRIES = 1000
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}


@pytest.fixture(scope="module")
def pristine() -> Path:
    """The kept model: it has every kind of file, the traditional models among them."""
    return Path(__file__).parent / "artifacts" / f"credit-{FORMAT_VERSION}"


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return load("sba-sample")[["ApprovalDate", "State", "NewExist", "GrAppv", "default"]].iloc[::30]


@pytest.fixture
def saved(pristine: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(pristine, tmp_path / "sba"))


def refusal(place: Path, opened: Callable[[Path], Any] = load_folder) -> str:
    """What is said when a model is not opened: one sentence, which ends in what to do."""
    with pytest.raises(ArtifactError) as caught:
        opened(place)
    said = str(caught.value)
    assert "\n" not in said
    assert said.endswith(".")
    assert ". " not in said
    return said


# -------------------------------------------------------------------------------------- what was changed


def damages(folder: Path, tries: int) -> Iterator[tuple[str, bytes]]:
    """Files with one byte changed, or cut short; every file as often as the others."""
    draw = random.Random(0)
    files = {p.name: p.read_bytes() for p in sorted(folder.iterdir())}
    names = sorted(files)
    for i in range(tries):
        name = names[i % len(names)]
        data = files[name]
        if i % 5 == 4:
            yield name, data[: draw.randrange(len(data))]
        else:
            at = draw.randrange(len(data))
            yield name, data[:at] + bytes([data[at] ^ draw.randrange(1, 256)]) + data[at + 1 :]


def test_a_thousand_flipped_bytes_and_truncations_are_all_refused_by_name(saved: Path) -> None:
    whole = {p.name: p.read_bytes() for p in saved.iterdir()}
    assert set(whole) >= {MANIFEST, TENSORS, "model.json", "evidence.json", "benchmarks.json"}
    start = time.process_time()
    refused = 0
    for name, data in damages(saved, TRIES):
        (saved / name).write_bytes(data)
        assert repr(name) in refusal(saved)
        (saved / name).write_bytes(whole[name])
        refused += 1
    assert refused == TRIES
    assert time.process_time() - start < 30
    load_folder(saved)  # and whole again it opens


def test_the_way_everybody_takes_refuses_them_too(saved: Path) -> None:
    whole = {p.name: p.read_bytes() for p in saved.iterdir()}
    for name, data in damages(saved, 35):
        (saved / name).write_bytes(data)
        assert repr(name) in refusal(saved, bezant.load)
        (saved / name).write_bytes(whole[name])
    bezant.load(saved)


def test_a_longer_file_is_refused(saved: Path) -> None:
    for name in (TENSORS, "model.json", MANIFEST):
        whole = (saved / name).read_bytes()
        (saved / name).write_bytes(whole + b" ")
        assert repr(name) in refusal(saved)
        (saved / name).write_bytes(whole)


def test_a_missing_file_is_named(saved: Path) -> None:
    for path in sorted(saved.iterdir()):
        whole = path.read_bytes()
        path.unlink()
        assert repr(path.name) in refusal(saved)
        path.write_bytes(whole)


@pytest.mark.parametrize("name", ["extra.json", "model.pkl", ".hidden"])
def test_a_file_too_many_is_named(saved: Path, name: str) -> None:
    (saved / name).write_bytes(b"{}")
    assert f"{name!r} does not belong to" in refusal(saved)


def test_a_folder_too_many_is_named(saved: Path) -> None:
    (saved / "__pycache__").mkdir()
    assert "'__pycache__' does not belong to" in refusal(saved)


def test_swapped_files_are_refused(saved: Path) -> None:
    one, other = saved / "model.json", saved / "record.json"
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)
    assert "'model.json'" in refusal(saved)


def test_a_file_of_another_model_is_refused(saved: Path, tmp_path: Path) -> None:
    tensors, documents = load_folder(saved)
    save_folder(tmp_path / "other", {k: v + 1 for k, v in tensors.items()}, documents)
    shutil.copy(tmp_path / "other" / TENSORS, saved / TENSORS)
    assert repr(TENSORS) in refusal(saved)


@pytest.mark.parametrize("name", [MANIFEST, TENSORS, "model.json"])
def test_a_link_in_place_of_a_file_is_refused_even_if_it_leads_to_the_same_bytes(
    saved: Path, tmp_path: Path, name: str
) -> None:
    (saved / name).rename(tmp_path / "elsewhere")
    (saved / name).symlink_to(tmp_path / "elsewhere")
    assert repr(name) in refusal(saved)


@pytest.mark.parametrize("name", [MANIFEST, TENSORS, "model.json"])
def test_a_folder_or_a_pipe_in_place_of_a_file_is_refused(saved: Path, name: str) -> None:
    (saved / name).unlink()
    (saved / name).mkdir()
    assert repr(name) in refusal(saved)
    (saved / name).rmdir()
    os.mkfifo(saved / name)  # reading it would wait for ever
    assert repr(name) in refusal(saved)


@pytest.mark.parametrize(
    "change",
    [{"format_version": 2}, {"format_version": "1"}, {"format": "another"}, {"files": []}],
    ids=lambda c: next(iter(c)),
)
def test_a_manifest_of_another_format_or_version_is_refused(saved: Path, change: dict[str, Any]) -> None:
    manifest = json.loads((saved / MANIFEST).read_bytes())
    del manifest["sha256"]
    (saved / MANIFEST).write_bytes(_sealed({**manifest, **change}))
    assert "install a newer bezant" in refusal(saved)


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b"null", b"7", b"[" * 100_000, b"\xff\xfe", b"not JSON"])
def test_a_manifest_of_nonsense_is_refused(saved: Path, text: bytes) -> None:
    (saved / MANIFEST).write_bytes(text)
    assert repr(MANIFEST) in refusal(saved)


def test_a_manifest_that_was_made_to_fit_foreign_files_does_not_get_past_the_parsers(saved: Path) -> None:
    import hashlib

    for name in (TENSORS, "model.json"):
        whole = (saved / name).read_bytes(), (saved / MANIFEST).read_bytes()
        data = b"\x80\x04." + whole[0][:50]
        manifest = json.loads(whole[1])
        del manifest["sha256"]
        manifest["files"][name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        (saved / name).write_bytes(data)
        (saved / MANIFEST).write_bytes(_sealed(manifest))
        assert "was not written by bezant" in refusal(saved)
        (saved / name).write_bytes(whole[0])
        (saved / MANIFEST).write_bytes(whole[1])


def test_no_folder_and_a_file_for_a_folder_are_refused(tmp_path: Path) -> None:
    assert "There is no saved model at" in refusal(tmp_path / "nowhere")
    (tmp_path / "file").write_bytes(b"")
    assert "There is no saved model at" in refusal(tmp_path / "file")
    (tmp_path / "empty").mkdir()
    assert repr(MANIFEST) in refusal(tmp_path / "empty")


def test_a_model_of_an_unknown_kind_is_refused(saved: Path, tmp_path: Path) -> None:
    tensors, documents = load_folder(saved)
    documents["model"]["kind"] = "Oracle"
    save_folder(tmp_path / "oracle", tensors, documents)
    assert "the kind 'Oracle'" in refusal(tmp_path / "oracle", bezant.load)


# -------------------------------------------------------------------------------------------- nothing is run


@pytest.mark.slow
def test_loading_and_scoring_reach_no_pickle_no_socket_and_no_generated_code(pristine: Path) -> None:
    program = """
import sys

IMPORTING = ("<frozen importlib._bootstrap>", "<frozen importlib._bootstrap_external>")
wanted, seen = False, []

def importing():
    frame = sys._getframe(2)
    while frame is not None:
        if frame.f_code.co_filename in IMPORTING:
            return True
        frame = frame.f_back
    return False

def hook(event, arguments):
    if not wanted:
        return
    if event.startswith(("pickle.", "socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn")):
        seen.append((event, repr(arguments)[:200]))
    if event in ("marshal.loads", "marshal.load", "exec", "compile") and not importing():
        seen.append((event, repr(arguments)[:200]))

sys.addaudithook(hook)
import pickle
import bezant
import bezant.desks.loading
from bezant.datasets import load
from bezant.histories import read_table

def forbidden(*_, **__):
    raise AssertionError("pickle was asked to load something")

frame = load("sba-sample").iloc[:200]
pickle.load = pickle.loads = pickle.Unpickler = pickle._Unpickler = forbidden
wanted = True
risk = bezant.load(sys.argv[1])
p = risk.predict_proba(frame)
q = [b.score_table(risk.model_.conform(read_table(frame)).table) for b in risk.benchmarks_]
wanted = False
print(len(q), p.shape == (200, 2), all(len(x) == 200 for x in q), seen)

wanted = True
for attempt in (lambda: eval("1"), lambda: __import__("socket").socket().close()):
    attempt()
wanted = False
print([event for event, _ in seen])
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(pristine)],
        env=ENVIRONMENT, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    clean, planted = done.stdout.strip().splitlines()
    assert clean == "2 True True []"
    assert "exec" in planted  # the hook does see what it looks for
    assert "socket.__new__" in planted


# ----------------------------------------------------------------------------------------------------- saving


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
    assert "There is no saved model at" in refusal(tmp_path / "m")
    save_folder(tmp_path / "m", TENSOR, DOCUMENT)
    assert other.exists()


def test_written_files_are_for_everybody_the_users_mask_allows(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        write_whole(tmp_path / "file", b"x")
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o644
