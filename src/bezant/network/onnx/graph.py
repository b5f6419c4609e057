"""Write a graph node by node; only what every version of onnxruntime for a processor can compute."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bezant.types import MissingExtraError

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET, ML_OPSET, IR_VERSION = 17, 4, 9
"""Versions of the operators and of the format; onnxruntime reads them from 1.16 on."""


def onnx_package() -> Any:
    """Return the package onnx.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise MissingExtraError("onnx", "onnx", "Writing a model as ONNX") from error
    return onnx


class Graph:
    """Nodes and constants in the order they are computed; values are known by their names."""

    def __init__(self) -> None:
        self._onnx = onnx_package()
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._inputs: list[Any] = []
        self._names = 0

    def input(self, name: str, dtype: str) -> str:
        """Declare a column of the table: one value a row, of "float64", "int64" or "string"."""
        kinds = {"float64": "DOUBLE", "int64": "INT64", "string": "STRING"}
        kind = getattr(self._onnx.TensorProto, kinds[dtype])
        self._inputs.append(self._onnx.helper.make_tensor_value_info(name, kind, ["rows"]))
        return name

    def constant(self, values: npt.ArrayLike, dtype: npt.DTypeLike) -> str:
        """Add an array and return its name."""
        name = self._name("constant")
        array = np.ascontiguousarray(values, dtype=dtype)
        self._constants.append(self._onnx.numpy_helper.from_array(array.reshape(np.shape(values)), name))
        return name

    def add(self, operator: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Add a node with one output and return the output's name."""
        name = self._name(operator.lower())
        node = self._onnx.helper.make_node(operator, list(inputs), [name], domain=domain, **attributes)
        self._nodes.append(node)
        return name

    def cast(self, value: str, dtype: npt.DTypeLike) -> str:
        """Return a value in another type."""
        kind = self._onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return self.add("Cast", value, to=kind)

    def looked_up(self, value: str, keys: npt.NDArray[Any], found: npt.NDArray[np.int64], other: int) -> str:
        """Return, for each value, what belongs to its key; ``other`` where there is none."""
        tensor = self._onnx.numpy_helper.from_array
        strings = keys.dtype.kind in "OU"
        known = {"keys_strings": keys.tolist()} if strings else {"keys_tensor": tensor(keys, "keys")}
        given: dict[str, Any] = (
            {"values_int64s": found.tolist(), "default_int64": other}
            if strings or keys.dtype == np.int64
            else {
                "values_tensor": tensor(found, "values"),
                "default_tensor": tensor(np.array([other]), "other"),
            }
        )
        if keys.dtype == np.int64:
            known = {"keys_int64s": keys.tolist()}
        return self.add("LabelEncoder", value, domain="ai.onnx.ml", **known, **given)

    def counted(self, truths: str, axis: int) -> str:
        """Return how many are true along an axis, int64."""
        return self.add("ReduceSum", self.cast(truths, np.int64), self.constant([axis], np.int64), keepdims=0)

    def reshaped(self, value: str, *shape: int) -> str:
        """Return a value in another shape; -1 is what is left, 0 what it was."""
        return self.add("Reshape", value, self.constant(shape, np.int64))

    def model(self, output: str, name: str, metadata: Mapping[str, str]) -> ModelProto:
        """Return the whole as a checked model whose only output, float64 (rows,), has this name."""
        helper = self._onnx.helper
        self._nodes.append(helper.make_node("Identity", [output], [name]))
        result = helper.make_tensor_value_info(name, self._onnx.TensorProto.DOUBLE, ["rows"])
        graph = helper.make_graph(self._nodes, "bezant", self._inputs, [result], self._constants)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="bezant")
        helper.set_model_props(model, dict(metadata))
        self._onnx.checker.check_model(model)
        return model

    def _name(self, kind: str) -> str:
        self._names += 1
        return f"{kind}.{self._names}"
