"""A checkpoint is written whole or not at all, and believed only if every byte is its run's."""

from __future__ import annotations

import errno
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from bezant.training.checkpoint import Checkpoint, fingerprint, read, write
from bezant.training.config import TrainingConfig
from bezant.training.loop import train
from bezant.types import ArtifactError, InputError
from training_support import digest, prepared

STATE = {"epoch": 3, "best_value": 0.25}
CONFIG = TrainingConfig(max_epochs=2, batch_size=40, checkpoint_seconds=0.0)


def some(seed: int = 0) -> Checkpoint:
    torch_random = torch.Generator().manual_seed(seed)
    tensors = {
        "weight/0": torch.randn(3, 4, generator=torch_random),
        "optimizer/0/0/step": torch.tensor(5.0),
        "random": torch.arange(16, dtype=torch.uint8),
        "empty": torch.empty(0, 2),
    }
    return Checkpoint(tensors, STATE)


def test_what_is_written_is_read_to_the_bit(tmp_path: Path) -> None:
    place = tmp_path / "a new folder" / "run [1].safetensors"
    write(place, some(), "run")
    back = read(place, "run")
    assert back is not None
    assert back.state == STATE
    assert set(back.tensors) == set(some().tensors)
    for name, tensor in some().tensors.items():
        assert back.tensors[name].dtype == tensor.dtype
        assert torch.equal(back.tensors[name], tensor)


def test_without_a_file_there_is_no_checkpoint(tmp_path: Path) -> None:
    assert read(tmp_path / "nowhere" / "run.safetensors", "run") is None


def test_every_flipped_byte_and_every_truncation_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "run.safetensors"
    write(place, some(), "run")
    whole = place.read_bytes()
    damaged = [whole[:length] for length in range(len(whole))]
    draw = random.Random(0)
    for at in range(len(whole)):
        flipped = bytearray(whole)
        flipped[at] ^= draw.randrange(1, 256)
        damaged.append(bytes(flipped))
    accepted, said = 0, set()
    for data in damaged:
        place.write_bytes(data)
        try:
            back = read(place, "run")
        except ArtifactError as error:
            said.add(str(error))
        else:  # a byte without meaning, such as a space between the header's words
            assert back is not None
            assert back.state == STATE
            assert all(torch.equal(back.tensors[k], v) for k, v in some().tensors.items())
            accepted += 1
    assert said == {f"The checkpoint {str(place)!r} is damaged; delete it to train from the start."}
    assert accepted < 10


def test_the_checkpoint_of_another_run_is_refused_in_one_sentence(tmp_path: Path) -> None:
    make, held_out = prepared(200)
    place = tmp_path / "run.safetensors"
    network, rows = make()
    train(network, rows, held_out, CONFIG, checkpoint=place)
    before = place.read_bytes()
    others: list[dict[str, Any]] = [
        {"config": CONFIG.model_copy(update={"learning_rate": 0.01})},
        {"config": CONFIG.model_copy(update={"seed": 1})},
        {"rows": rows.rows(torch.arange(len(rows) - 1))},
        {"held_out": None},
        {"stop_after": 1},
    ]
    for other in others:
        asked = {"rows": rows, "held_out": held_out, "config": CONFIG, **other}
        network, _ = make()
        with pytest.raises(
            InputError, match=r"belongs to a run with other rows or other settings; delete it"
        ):
            train(network, checkpoint=place, **asked)
        assert place.read_bytes() == before


def test_the_fingerprint_tells_rows_shapes_types_and_settings_apart() -> None:
    x = torch.arange(6.0)
    settings = "adamw"
    all_of_them = [
        fingerprint([x], settings),
        fingerprint([x + 1], settings),
        fingerprint([x.reshape(2, 3)], settings),
        fingerprint([x.view(torch.int32)], settings),
        fingerprint([x], "sgd"),
        fingerprint([x, x], settings),
    ]
    assert len(set(all_of_them)) == len(all_of_them)
    assert fingerprint([x.clone(), None], settings) == all_of_them[0]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_checkpoint_and_training_goes_on_with_a_note(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, held_out = prepared(200)
    network, rows = make()
    train(network, rows, held_out, CONFIG)
    wanted = digest(network)
    place = tmp_path / "run.safetensors"
    contents: list[bytes] = []
    real = getattr(os, call)

    def full(*arguments: Any) -> None:
        if place.exists():
            contents.append(place.read_bytes())
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(*arguments)

    network, rows = make()
    with monkeypatch.context() as patched:
        patched.setattr(os, call, full)
        run = train(network, rows, held_out, CONFIG, checkpoint=place)
    assert digest(network) == wanted
    assert run.notes == (
        f"A checkpoint could not be written to {str(place)!r} (No space left on device); training went on.",
    )
    assert len(contents) >= 3
    assert set(contents) == {place.read_bytes()}  # the first one, untouched to the end
    assert [p.name for p in tmp_path.iterdir()] == ["run.safetensors"]
    network, rows = make()
    train(network, rows, held_out, CONFIG, checkpoint=place)
    assert digest(network) == wanted


def test_a_real_limit_on_the_size_of_files_costs_only_the_checkpoint(tmp_path: Path) -> None:
    program = """
import resource, sys
from pathlib import Path
from training_support import digest, prepared
from bezant.training.config import TrainingConfig
from bezant.training.loop import train
make, held_out = prepared(200)
network, rows = make()
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
config = TrainingConfig(max_epochs=2, batch_size=40)
run = train(network, rows, held_out, config, checkpoint=Path(sys.argv[1]))
print(digest(network), len(run.notes), run.notes[0])
"""
    place = tmp_path / "run.safetensors"
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    command = [sys.executable, "-c", program, str(place)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    make, held_out = prepared(200)
    network, rows = make()
    train(network, rows, held_out, TrainingConfig(max_epochs=2, batch_size=40))
    hashed, notes, note = done.stdout.strip().split(" ", 2)
    assert (hashed, notes) == (digest(network), "1")
    assert note == f"A checkpoint could not be written to {str(place)!r} (File too large); training went on."
    assert not any(tmp_path.iterdir())


def test_what_a_living_process_is_writing_is_left_alone(tmp_path: Path) -> None:
    place = tmp_path / "run.safetensors"
    write(place, some(), "run")
    mine = tmp_path / f".run.safetensors.{os.getpid()}-0123abcd.partial"
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    left = tmp_path / f".run.safetensors.{gone.pid}-0123abcd.partial"
    other = tmp_path / f".run.safetensors.new.{gone.pid}-0123abcd.partial"
    for file in (mine, left, other):
        file.write_bytes(b"half")
    assert read(place, "run") is not None
    assert {p.name for p in tmp_path.iterdir()} == {place.name, mine.name, other.name}
