"""Files that are written whole or not at all, and verified before they are believed.

A saved model is a folder: ``model.safetensors`` (every tensor), JSON files (configuration, schema,
figures) and ``manifest.json`` with the size and SHA-256 of each. Nothing in it is ever executed.
"""

from __future__ import annotations

import errno
import glob
import hashlib
import json
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import Tensor

from bezant.histories.readers.writing import naming, refuse_taken
from bezant.types import ArtifactError, InputError

FORMAT = "bezant-model"
FORMAT_VERSION = 1
MANIFEST, TENSORS = "manifest.json", "model.safetensors"

READINGS = 100
"""Times a folder is read again if it was replaced by another save while it was read."""


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that at every moment either the old or the new one is there.

    Raises
    ------
    InputError
        If the name is one of a device or a folder, which the file would take the place of.
    OSError
        If it cannot be written (a full disk, say); it names the file, and the old one stays as it was.
    """
    refuse_taken(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with naming(path):
        _write_whole(path, data)


def _write_whole(path: Path, data: bytes) -> None:
    partial = beside(path, "partial")
    try:
        # Not tempfile's: those are for the owner's eyes only, and a service may run as another user.
        with partial.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def beside(path: Path, kind: str) -> Path:
    """Return a fresh hidden name beside a file or folder, which says whose process it belongs to."""
    return path.parent / f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.{kind}"


def left_behind(path: Path, kind: str) -> Iterator[Path]:
    """Yield what killed processes left beside a file or folder; a living one's work is not touched."""
    for found in path.parent.glob(f".{glob.escape(path.name)}.*.{kind}"):
        # The whole of the star: what lies beside "model.new" is not "model"'s.
        named = re.fullmatch(r"(\d+)-[0-9a-f]{8}", found.name[len(path.name) + 2 : -len(kind) - 1])
        if named and not _alive(int(named[1])):
            yield found


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's, so it lives
        return True
    return True


def is_main_process() -> bool:
    """Tell whether this is the process that writes and shows, where several share a fit."""
    return os.environ.get("RANK", "0") == "0"  # what every launcher of torch sets


@contextmanager
def _main_alone() -> Iterator[bool]:
    """Yield whether this is the main process; the others go on when it is done."""
    together = torch.distributed.is_available() and torch.distributed.is_initialized()
    try:
        yield not together or is_main_process()
    finally:
        if together:
            torch.distributed.barrier()


def save_folder(path: str | Path, tensors: Mapping[str, Tensor], documents: Mapping[str, Any]) -> None:
    """Write a model's folder, whole or not at all; an older model at the place is replaced.

    Where several processes share a fit, the main one writes and the others wait for it.

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
    with _main_alone() as main:
        if main:
            _save_folder(Path(path).resolve(), tensors, documents)  # a link stays, its target is replaced


def _save_folder(path: Path, tensors: Mapping[str, Tensor], documents: Mapping[str, Any]) -> None:
    for _ in range(READINGS):
        before = _place(path)
        try:
            refuse_foreign_folder(path)
            break
        except InputError:
            if _place(path) == before:
                raise  # it was not another save that came in between
    partial = beside(path, "partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _put_back(path)
        for left in (*left_behind(path, "partial"), *left_behind(path, "old")):
            shutil.rmtree(left, ignore_errors=True)
        partial.mkdir()
        files = {f"{name}.json": _json(value) for name, value in documents.items()}
        files[TENSORS] = safetensors.torch.save({k: v.contiguous() for k, v in sorted(tensors.items())})
        manifest = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "files": {name: _fingerprint(data) for name, data in sorted(files.items())},
        }
        for name, data in (*files.items(), (MANIFEST, _sealed(manifest))):
            _write_whole(partial / name, data)
        _swap(partial, path)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise InputError(
            f"The model could not be saved to {str(path)!r} ({error.strerror or error}); what was there "
            "before is unchanged, so make room or name another place and save again."
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
    for _ in range(READINGS):
        _put_back(path)
        before = _place(path)
        try:
            return _read_folder(path)
        except ArtifactError as error:
            found = error
            # Asked first: once the old one is gone too, the new one is in its place.
            between = before is None and any(path.parent.glob(f".{glob.escape(path.name)}.*.old"))
            if _place(path) == before and not between:
                break  # nobody has saved another model there, or is about to put one there
            time.sleep(0.01)
    raise found


def _read_folder(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    if not path.is_dir():
        raise ArtifactError(f"There is no saved model at {str(path)!r}; name the folder that was saved.")
    files = _manifest(path)["files"]
    found = _names(path) - {MANIFEST}
    for name in sorted(found ^ set(files)):
        what = "is missing from" if name in files else "does not belong to"
        raise ArtifactError(
            f"The file {name!r} {what} the saved model at {str(path)!r}; restore the folder from a copy."
        )
    contents = {name: _verified(path, name, wanted) for name, wanted in sorted(files.items())}
    try:
        tensors = safetensors.torch.load(contents.pop(TENSORS))
        return tensors, {name.removesuffix(".json"): json.loads(data) for name, data in contents.items()}
    except (KeyError, ValueError, RecursionError, safetensors.SafetensorError) as error:
        raise ArtifactError(
            f"The saved model at {str(path)!r} is whole, but it was not written by bezant ({error}); "
            "restore it from a copy."
        ) from error


def _verified(path: Path, name: str, wanted: Any) -> bytes:
    """Read a file that must be what the manifest says."""
    try:
        data = _read_regular(path / name)
    except OSError as error:
        raise ArtifactError(
            f"The file {name!r} of the saved model at {str(path)!r} cannot be read "
            f"({error.strerror or error}); restore it from a copy."
        ) from error
    if _fingerprint(data) != wanted:
        raise ArtifactError(
            f"The file {name!r} of the saved model at {str(path)!r} was changed or damaged after it was "
            "saved (its SHA-256 differs from the manifest); restore it from a copy."
        )
    return data


def _read_regular(path: Path) -> bytes:
    """Read a file, but not through a link: what it points to may change without the folder changing."""
    if not stat.S_ISREG(os.lstat(path).st_mode):
        raise OSError(errno.EINVAL, "it is a link or no plain file")
    return path.read_bytes()


def _manifest(path: Path) -> dict[str, Any]:
    """Read the manifest, which carries the hash of itself."""
    broken = ArtifactError(
        f"The file {MANIFEST!r} of the saved model at {str(path)!r} is missing, changed or damaged; "
        "restore it from a copy."
    )
    try:
        text = _read_regular(path / MANIFEST)
        manifest = json.loads(text)
        if text != _sealed({k: v for k, v in manifest.items() if k != "sha256"}):
            raise broken
        known = isinstance(manifest["files"], dict)
    except (OSError, ValueError, AttributeError, KeyError, TypeError, RecursionError) as error:
        raise broken from error
    if not known or manifest.get("format") != FORMAT or manifest.get("format_version") != FORMAT_VERSION:
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
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False, default=_plain)
    return f"{text}\n".encode()


def _plain(value: Any) -> Any:
    """Return the Python number in a NumPy one: ``random_state=np.int64(7)`` is a fair thing to ask for."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"a value of the type {type(value).__name__} cannot be saved")


def _fingerprint(data: bytes) -> dict[str, Any]:
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def refuse_foreign_folder(path: Path) -> None:
    """Refuse to replace anything but a saved model with nothing of the user's in it: replacing deletes.

    Raises
    ------
    InputError
        If something else is there, or something of the user's lies in the model's folder.
    """
    if not path.exists() or (path.is_dir() and not _names(path)):
        return
    ours: set[str] = set()
    try:
        manifest = json.loads((path / MANIFEST).read_bytes())
        if manifest["format"] == FORMAT:
            ours = {MANIFEST, *manifest["files"]}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        ours = set()
    if not ours:
        raise InputError(
            f"{str(path)!r} exists and is not a saved model, so it is not overwritten; name another place."
        )
    foreign = sorted(_names(path) - ours)
    if foreign:
        raise InputError(
            f"The saved model at {str(path)!r} is not overwritten, because {foreign[0]!r} in its folder "
            "does not belong to it and would be lost; move that away or name another place."
        )


def _names(path: Path) -> set[str]:
    """Return the names in a folder: none if another save is just taking it away."""
    try:
        return set(os.listdir(path))
    except FileNotFoundError:
        return set()


def _swap(partial: Path, path: Path) -> None:
    """Put the finished folder in place of the old one; of several at once, the last to come stays."""
    aside: list[Path] = []
    try:
        while True:
            try:
                os.rename(partial, path)
                break
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
            aside.append(beside(path, "old"))
            try:
                os.rename(path, aside[-1])
            except FileNotFoundError:  # another process has just done so
                aside.pop()
    except BaseException:
        if aside and not path.exists():
            os.rename(aside.pop(), path)
        raise
    finally:
        for old in aside:
            shutil.rmtree(old, ignore_errors=True)
    _sync_folder(path.parent)


def _put_back(path: Path) -> None:
    """Mend what a process killed in the middle of :func:`_swap` left: the old model stays if no new came."""
    if not path.exists():
        for old in left_behind(path, "old"):
            with suppress(OSError):  # a folder that is only for reading
                os.rename(old, path)
                return


def _place(path: Path) -> tuple[int, int] | None:
    """Return what tells one folder at a place from the next."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_ctime_ns


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
