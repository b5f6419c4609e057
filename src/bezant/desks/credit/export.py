"""A fitted model as one ONNX file, for systems without bezant."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

from bezant.network.onnx import onnx_model
from bezant.network.scoring import TableModel
from bezant.types import InputError


def export_onnx(model: TableModel, path: str | Path, *, kind: str, event: Any) -> Path:
    """Write a fitted model as one ONNX file, whole or not at all.

    Parameters
    ----------
    model : TableModel
        Trained.
    path : path
        File to write, ending in ``.onnx``.
    kind : str
        Kind of the estimator, for the metadata.
    event : label
        The label whose probability the answer is, for the metadata.

    Raises
    ------
    InputError
        If the path is a folder or lies in none, or the model cannot be written (see
        :func:`bezant.network.onnx.onnx_model`, and none that reads records can).
    MissingExtraError
        If the package onnx is not installed.
    """
    if model.schema.records is not None:
        raise InputError(
            "A model that reads records cannot be written as ONNX; use the folder it is saved to."
        )
    path = Path(path)
    if path.is_dir() or not path.parent.is_dir():
        raise InputError(f"{str(path)!r} is no file in an existing folder; name one, such as model.onnx.")
    said = {"bezant": version("bezant"), "kind": kind, "event": str(event)}
    content = onnx_model(model, said).SerializeToString()
    begun = path.with_name(f".{path.name}.part")
    try:
        begun.write_bytes(content)
        begun.replace(path)
    finally:
        begun.unlink(missing_ok=True)
    return path
