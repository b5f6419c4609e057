"""A folder of Arrow files with a manifest; written beside its place and renamed, so never half there."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import ValidationError

from bezant.schema import Schema
from bezant.types import ArtifactError, InputError

FORMAT = "bezant-histories"
VERSION = 1
MANIFEST = "manifest.json"

Arrays = dict[str, npt.NDArray[Any]]


def write_folder(
    path: Path,
    tables: Mapping[str, pa.Table | pa.RecordBatchReader],
    schemas: Mapping[str, Schema],
    arrays: Mapping[str, Any],
) -> None:
    """Write tables, schemas and arrays under their names, with a manifest of sizes and hashes.

    A table may come in pieces, as a reader, and is then never held whole.

    Raises
    ------
    InputError
        If the path exists and is not such a folder, or its parent does not exist.
    """
    if path.exists() and not (path / MANIFEST).is_file():
        raise InputError(f"{str(path)!r} exists and holds no saved histories; name another folder.")
    if not path.parent.is_dir():
        raise InputError(
            f"There is no folder {str(path.parent)!r} to write {path.name!r} into; make it first."
        )
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    part.mkdir()
    try:
        _fill(part, tables, schemas, arrays)
        _put_in_place(part, path)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _fill(
    folder: Path,
    tables: Mapping[str, pa.Table | pa.RecordBatchReader],
    schemas: Mapping[str, Schema],
    arrays: Mapping[str, Any],
) -> None:
    for name, table in tables.items():
        with (
            pa.OSFile(str(folder / f"{name}.arrow"), "wb") as sink,
            pa.ipc.new_file(sink, table.schema) as out,
        ):
            for batch in table if isinstance(table, pa.RecordBatchReader) else table.to_batches():
                out.write_batch(batch)
    for name, schema in schemas.items():
        schema.save(folder / f"{name}_schema.json")
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array, allow_pickle=False)
    files = {f.name: {"bytes": f.stat().st_size, "sha256": _sha256(f)} for f in sorted(folder.iterdir())}
    manifest = {"format": FORMAT, "version": VERSION, "files": files}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    for file in folder.iterdir():
        _sync(file)
    _sync(folder)


def _put_in_place(part: Path, path: Path) -> None:
    if not path.exists():
        os.rename(part, path)
        return
    old = part.with_suffix(".old")
    os.rename(
        path, old
    )  # a full folder cannot be renamed over; the old one stays whole until the new one stands
    try:
        os.rename(part, path)
    except OSError:
        os.rename(old, path)
        raise
    shutil.rmtree(old)


def read_folder(path: Path, *, verify: bool) -> tuple[dict[str, pa.Table], dict[str, Schema], Arrays]:
    """Read what :func:`write_folder` wrote; tables are memory-mapped.

    Raises
    ------
    ArtifactError
        If a file is missing, has another size or hash, or the manifest is of another version.
    """
    files = _verified(path, verify)
    try:
        tables = {Path(n).stem: _mapped(path / n) for n in files if n.endswith(".arrow")}
        schemas = {
            n.removesuffix("_schema.json"): Schema.load(path / n) for n in files if n.endswith("_schema.json")
        }
        arrays = {Path(n).stem: np.load(path / n, allow_pickle=False) for n in files if n.endswith(".npy")}
    except (pa.ArrowInvalid, ValidationError, ValueError, OSError) as error:
        raise ArtifactError(f"The saved histories {str(path)!r} are damaged; save them again.") from error
    if "profile" not in tables or "profile" not in schemas or "offsets" not in arrays:
        raise ArtifactError(f"The saved histories {str(path)!r} lack profile or offsets; save them again.")
    return tables, schemas, arrays


def _verified(path: Path, verify: bool) -> list[str]:
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        ours = manifest["format"] == FORMAT and manifest["version"] == VERSION
        files = {str(name): (int(f["bytes"]), str(f["sha256"])) for name, f in manifest["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArtifactError(
            f"{str(path)!r} holds no saved histories; name a folder that save wrote."
        ) from error
    if not ours:
        raise ArtifactError(f"The manifest of {str(path)!r} is of a format this version cannot read.")
    for name, (size, digest) in files.items():
        file = path / name
        if Path(name).name != name or not file.is_file() or file.stat().st_size != size:
            raise ArtifactError(f"The file {name!r} of {str(path)!r} is missing or cut short; save it again.")
        if verify and _sha256(file) != digest:
            raise ArtifactError(
                f"The file {name!r} of {str(path)!r} was changed after saving; save it again."
            )
    return list(files)


def _mapped(file: Path) -> pa.Table:
    with pa.ipc.open_file(pa.memory_map(str(file))) as reader:
        return reader.read_all()


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
