"""A trained model as one ONNX graph: typed columns in, the calibrated answer out, without bezant."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from bezant.network.onnx.columns import column_types, read_columns
from bezant.network.onnx.graph import Graph
from bezant.network.onnx.network import calibrate, compute, recalibrate
from bezant.network.scoring import TableModel

if TYPE_CHECKING:
    from onnx import ModelProto

OUTPUT = "probability"
"""Name of the graph's output, float64 (rows,)."""


def onnx_model(model: TableModel, metadata: Mapping[str, str]) -> ModelProto:
    """Return a model as an ONNX graph.

    Its inputs are the typed columns by name, each of shape (rows,), at least one row: numbers as float64
    with NaN where missing, categories as text with the empty text where missing, times as int64
    microseconds since 1970-01-01 with the smallest integer where missing (what NumPy makes of NaT). Texts
    must stand as the schema reads them: without white space around them, ``3`` for ``3.0``, ``true`` for
    ``True``.

    Parameters
    ----------
    model : TableModel
        Trained; one answer a row.
    metadata : mapping of str to str
        Written into the file beside ``inputs``, which lists each column's kind and type as JSON.

    Raises
    ------
    InputError
        If the model has several answers a row, or knows the empty text as a value.
    MissingExtraError
        If the package onnx is not installed.
    """
    graph = Graph()
    types = column_types(model.encoding, model.schema, timed=model.recalibration.needs_times)
    numbers, codes = read_columns(graph, model.encoding, model.schema, types)
    answers = calibrate(graph, model.calibrator, compute(graph, model.network, numbers, codes))
    answers = recalibrate(graph, model.recalibration, answers, model.schema.time or "")
    inputs = {
        name: {"kind": model.schema.field(name).kind.value, "type": kind} for name, kind in types.items()
    }
    return graph.model(answers, OUTPUT, {**metadata, "inputs": json.dumps(inputs)})


__all__ = ["OUTPUT", "column_types", "onnx_model"]
