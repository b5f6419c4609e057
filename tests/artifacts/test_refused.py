"""A saved model is believed only if every byte is as it was written; nothing in it is run."""

from __future__ import annotations

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

import pytest

import bezant
from bezant.artifacts import MANIFEST, TENSORS, _sealed, load_folder, save_folder
from bezant.types import ArtifactError

TRIES = 1000
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}


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
