"""Files that are written whole or not at all, and verified before they are believed.

A saved model is a folder: ``model.safetensors`` (every tensor), JSON files (configuration, schema,
figures) and ``manifest.json`` with the size and SHA-256 of each. Nothing in it is ever executed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor

from bezant.types import ArtifactError, InputError

FORMAT = "bezant-model"
FORMAT_VERSION = 1
MANIFEST, TENSORS = "manifest.json", "model.safetensors"


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that at every moment either the old or the new one is there.

    Raises
    ------
    OSError
        If it cannot be written (a full disk, say); the old file stays as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def save_folder(path: str | Path, tensors: Mapping[str, Tensor], documents: Mapping[str, Any]) -> None:
    """Write a model's folder, whole or not at all; an older model at the place is replaced.

    Parameters
    ----------
    path : path
        The folder.
    tensors : mapping of str to Tensor
        Every tensor of the model.
    documents : mapping of str to JSON-ready value
        One JSON file each, by name without suffix.

    Raises
    ------
    InputError
        If the place is taken by something that is not a saved model, or the disk is full.
    """
    path = Path(path).absolute()
    _refuse_foreign_folder(path)
    partial = path.parent / f".{path.name}.{os.getpid()}.partial"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path)
        partial.mkdir()
        files = {f"{name}.json": _json(value) for name, value in documents.items()}
        files[TENSORS] = safetensors.torch.save({k: v.contiguous() for k, v in sorted(tensors.items())})
        manifest = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "files": {name: _fingerprint(data) for name, data in sorted(files.items())},
        }
        for name, data in (*files.items(), (MANIFEST, _sealed(manifest))):
            write_whole(partial / name, data)
        _swap(partial, path)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise InputError(
            f"The model could not be saved to {str(path)!r} ({error.strerror or error}); nothing was left there, "
            "make room or name another place and save again."
        ) from error
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def load_folder(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a model's folder after checking every byte of it.

    Returns
    -------
    tensors, documents
        What :func:`save_folder` was given.

    Raises
    ------
    ArtifactError
        If a file is missing, foreign or changed by as little as one byte; it names the file.
    """
    path = Path(path)
    if not path.is_dir():
        raise ArtifactError(f"There is no saved model at {str(path)!r}; name the folder that was saved.")
    manifest = _manifest(path)
    found = {p.name for p in path.iterdir()} - {MANIFEST}
    expected = set(manifest["files"])
    for name in sorted(found ^ expected):
        what = "is missing from" if name in expected else "does not belong to"
        raise ArtifactError(
            f"The file {name!r} {what} the saved model at {str(path)!r}; save the model again."
        )
    contents: dict[str, bytes] = {}
    for name, wanted in sorted(manifest["files"].items()):
        contents[name] = (path / name).read_bytes()
        if _fingerprint(contents[name]) != wanted:
            raise ArtifactError(
                f"The file {name!r} of the saved model at {str(path)!r} was changed or damaged after it was "
                "saved (its SHA-256 differs from the manifest); restore it from a copy."
            )
    tensors = safetensors.torch.load(contents.pop(TENSORS))
    return tensors, {name.removesuffix(".json"): json.loads(data) for name, data in contents.items()}


def _manifest(path: Path) -> dict[str, Any]:
    """Read the manifest, which carries the hash of itself."""
    broken = ArtifactError(
        f"The file {MANIFEST!r} of the saved model at {str(path)!r} is missing, changed or damaged; restore it "
        "from a copy."
    )
    try:
        text = (path / MANIFEST).read_bytes()
        manifest = json.loads(text)
        if text != _sealed({k: v for k, v in manifest.items() if k != "sha256"}):
            raise broken
    except (OSError, ValueError, AttributeError, TypeError, RecursionError) as error:
        raise broken from error
    if manifest.get("format") != FORMAT or manifest.get("format_version") != FORMAT_VERSION:
        raise ArtifactError(
            f"The folder {str(path)!r} holds {manifest.get('format')!r} in version "
            f"{manifest.get('format_version')!r}, and this version of bezant reads {FORMAT!r} version "
            f"{FORMAT_VERSION}; install a newer bezant."
        )
    return manifest  # type: ignore[no-any-return]


def _sealed(manifest: Mapping[str, Any]) -> bytes:
    """Return the manifest's bytes with a hash over all of it, so that no byte of it can change either."""
    body = _json(dict(manifest))
    return _json({**manifest, "sha256": hashlib.sha256(body).hexdigest()})


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _fingerprint(data: bytes) -> dict[str, Any]:
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def _refuse_foreign_folder(path: Path) -> None:
    if path.exists() and not (path.is_dir() and ((path / MANIFEST).exists() or not any(path.iterdir()))):
        raise InputError(
            f"{str(path)!r} exists and is not a saved model, so it is not overwritten; name another place."
        )


def _swap(partial: Path, path: Path) -> None:
    """Put the finished folder in place of the old one."""
    if not path.exists():
        os.rename(partial, path)
    else:
        old = path.parent / f".{path.name}.{os.getpid()}.old"
        os.rename(path, old)
        os.rename(partial, path)
        shutil.rmtree(old, ignore_errors=True)
    _sync_folder(path.parent)


def _sweep(path: Path) -> None:
    """Mend what a killed run left: put an old model back if no new one came, remove the rest."""
    for old in path.parent.glob(f".{path.name}.*.old"):
        if path.exists():
            shutil.rmtree(old, ignore_errors=True)
        else:
            os.rename(old, path)
    for partial in path.parent.glob(f".{path.name}.*.partial"):
        if partial.is_dir():
            shutil.rmtree(partial, ignore_errors=True)


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
