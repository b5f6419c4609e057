"""The exact state of a training run in one file, written whole or not at all.

A checkpoint is a safetensors file: weights, their average, the best so far, the optimizers' state and
the random generator's as tensors, everything else as JSON in its header, and a hash over both. A run
killed at any moment goes on from the last one to bit-identical weights.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor
from torch.optim import Optimizer

from bezant.artifacts import left_behind, write_whole
from bezant.types import ArtifactError, InputError


@dataclass(frozen=True)
class Checkpoint:
    """What is saved.

    Attributes
    ----------
    tensors : mapping of str to Tensor
        Names are paths such as ``model/trunk.layers.0.weight``.
    state : mapping
        JSON-ready values.
    """

    tensors: Mapping[str, Tensor]
    state: Mapping[str, Any]


def write(path: Path, checkpoint: Checkpoint, fingerprint: str) -> None:
    """Write a checkpoint; an OSError (a full disk) leaves the previous one as it was."""
    tensors = {k: v.detach().cpu().contiguous() for k, v in sorted(checkpoint.tensors.items())}
    state = json.dumps(dict(checkpoint.state), sort_keys=True)
    digest = _digest(tensors, fingerprint + state)
    data = safetensors.torch.save(tensors, {"run": fingerprint, "state": state, "sha256": digest})
    write_whole(path, data)


def read(path: Path, fingerprint: str) -> Checkpoint | None:
    """Read the checkpoint of this very run; None if there is none.

    Raises
    ------
    InputError
        If the file belongs to a run with other data or other settings.
    ArtifactError
        If it is damaged.
    """
    for left in left_behind(path, "partial"):  # by a kill in mid-writing
        left.unlink(missing_ok=True)
    if not path.exists():
        return None
    try:
        data = path.read_bytes()
        tensors = safetensors.torch.load(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
        run, state, digest = header["run"], header["state"], header["sha256"]
        sound = _digest(tensors, run + state) == digest
    except (OSError, ValueError, KeyError, TypeError, RecursionError, safetensors.SafetensorError):
        sound, run, state = False, "", ""
    if not sound:
        raise ArtifactError(f"The checkpoint {str(path)!r} is damaged; delete it to train from the start.")
    if run != fingerprint:
        raise InputError(
            f"The checkpoint {str(path)!r} belongs to a run with other rows or other settings; delete it or "
            "name another file."
        )
    return Checkpoint(tensors, json.loads(state))


def fingerprint(tensors: Iterable[Tensor | None], settings: str) -> str:
    """Return a hash of the rows and settings that make a run what it is."""
    digest = hashlib.sha256(settings.encode())
    for tensor in tensors:
        if tensor is not None:
            digest.update(f"{tuple(tensor.shape)}{tensor.dtype}".encode())
            digest.update(_bytes(tensor))
    return digest.hexdigest()


def optimizer_tensors(optimizers: list[Optimizer]) -> dict[str, Tensor]:
    """Return the state of the optimizers as named tensors."""
    found: dict[str, Tensor] = {}
    for i, optimizer in enumerate(optimizers):
        for index, entries in optimizer.state_dict()["state"].items():
            for key, value in entries.items():
                if value is not None:
                    found[f"optimizer/{i}/{index}/{key}"] = torch.as_tensor(value)
    return found


def restore_optimizers(optimizers: list[Optimizer], tensors: Mapping[str, Tensor]) -> None:
    """Put the state back; learning rates are set anew at every step, so they need no saving."""
    for i, optimizer in enumerate(optimizers):
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in tensors.items():
            kind, *rest = name.split("/")
            if kind == "optimizer" and int(rest[0]) == i:
                state.setdefault(int(rest[1]), {})[rest[2]] = value.clone()
        groups = optimizer.state_dict()["param_groups"]
        optimizer.load_state_dict({"state": state, "param_groups": groups})


def _digest(tensors: Mapping[str, Tensor], state: str) -> str:
    digest = hashlib.sha256(state.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
        digest.update(_bytes(tensor))
    return digest.hexdigest()


def _bytes(tensor: Tensor) -> memoryview:
    """Return a tensor's bytes without copying those of a contiguous one."""
    flat = tensor.detach().cpu().contiguous().flatten().view(torch.uint8)
    return flat.numpy().data
