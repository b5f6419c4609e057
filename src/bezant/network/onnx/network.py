"""From numbers and codes to the calibrated answer, as :mod:`bezant.network.folding` computes it."""

from __future__ import annotations

from math import pi

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bezant.network.calibration import Calibrator
from bezant.network.fields.encoding import MICROSECONDS_A_DAY
from bezant.network.fields.folding import Cells, Curves, FoldedFields, fold_fields
from bezant.network.heads.binary import BinaryHead
from bezant.network.heads.severity import SeverityHead
from bezant.network.model import Network
from bezant.network.onnx.columns import NO_TIME
from bezant.network.onnx.graph import Graph
from bezant.network.recalibration import DAMPING, YEAR, Recalibration
from bezant.types import InputError

_BITS = 40
"""Bits of a cell's number within its pair."""


@torch.no_grad()
def compute(graph: Graph, network: Network, numbers: str, codes: str) -> str:
    """Add a network and return its answers, float32 (rows,).

    Raises
    ------
    InputError
        If its head has more than one answer a row.
    """
    head = network.head
    if not isinstance(head, BinaryHead | SeverityHead):
        raise InputError(
            f"A network with the head {network.config.head!r} cannot be written as ONNX; only those with one "
            "answer a row (binary, severity) can."
        )
    fields = fold_fields(network.fields)
    (first, shift), *others = network.trunk.folded()
    members, width = shift.shape
    matrix = first[:, :, fields.order].flatten(0, 1).T
    x = graph.add("MatMul", _vectors(graph, fields, numbers, codes), _tensor(graph, matrix))
    x = graph.add("Relu", graph.add("Add", x, _tensor(graph, shift.flatten())))
    x = graph.add("Transpose", graph.reshaped(x, -1, members, width), perm=[1, 0, 2])  # (K, B, W)
    for weights, bias in others:
        x = graph.add("MatMul", x, _tensor(graph, weights.transpose(1, 2)))
        x = graph.add("Relu", graph.add("Add", x, _tensor(graph, bias[:, None])))
    x = graph.add("MatMul", x, _tensor(graph, head.unit.weight[..., None]))  # (K, B, 1)
    x = graph.add("Sigmoid", graph.add("Add", x, _tensor(graph, head.unit.bias[:, None, None])))
    answers = graph.reshaped(graph.add("ReduceMean", x, axes=[0], keepdims=0), -1)
    return answers if network.additive is None else _mixed(graph, network, answers, numbers, codes)


def _mixed(graph: Graph, network: Network, answers: str, numbers: str, codes: str) -> str:
    """Give the additive member its share of the answers."""
    member = network.additive
    assert member is not None
    fields = fold_fields(member.as_fields(network.fields))
    axis = graph.constant([1], np.int64)
    odds = graph.add("ReduceSum", _vectors(graph, fields, numbers, codes), axis, keepdims=0)
    own = graph.add("Sigmoid", graph.add("Add", odds, _tensor(graph, member.intercept)))
    further = graph.add("Mul", graph.add("Sub", own, answers), _tensor(graph, member.share))
    return graph.add("Add", answers, further)


def calibrate(graph: Graph, calibrator: Calibrator, answers: str) -> str:
    """Add a calibrator and return the calibrated answers, float64 (rows,)."""

    def number(value: float) -> str:
        return graph.constant(value, np.float64)

    p = graph.add("Clip", graph.cast(answers, np.float64), number(1e-7), number(1 - 1e-7))
    values = calibrator.values.numpy()
    if calibrator.method == "none":
        return p
    if calibrator.method == "linear":
        line = graph.add("Add", number(values[0]), graph.add("Mul", number(values[1]), p))
        return graph.add("Clip", line, number(0.0), number(1.0))
    if calibrator.method == "isotonic":
        return _isotonic(graph, p, values)
    log_p, log_q = graph.add("Log", p), graph.add("Log", graph.add("Sub", number(1.0), p))
    a, b, c = (values[0], values[0], values[1]) if calibrator.method == "temperature" else values
    logit = graph.add("Sub", graph.add("Mul", log_p, number(a)), graph.add("Mul", log_q, number(b)))
    return graph.add("Sigmoid", graph.add("Add", logit, number(c)))


def recalibrate(graph: Graph, moved: Recalibration, p: str, time: str) -> str:
    """Add a recalibration and return the moved answers; NaN where a trend meets a missing time."""

    def number(value: float) -> str:
        return graph.constant(value, np.float64)

    p = graph.add("Clip", p, number(1e-7), number(1 - 1e-7))
    odds = graph.add("Sub", graph.add("Log", p), graph.add("Log", graph.add("Sub", number(1.0), p)))
    x = graph.add("Add", graph.add("Mul", odds, number(moved.slope)), number(moved.shift))
    if moved.needs_times:
        years = graph.add("Sub", graph.cast(time, np.float64), number(moved.reference * MICROSECONDS_A_DAY))
        years = graph.add("Div", years, number(YEAR * MICROSECONDS_A_DAY))
        rate = -np.log(DAMPING)
        later = graph.add("Max", years, number(0.0))
        damped = graph.add("Sub", number(1.0), graph.add("Exp", graph.add("Mul", later, number(-rate))))
        after = graph.add("Greater", years, number(0.0))
        years = graph.add("Where", after, graph.add("Div", damped, number(rate)), years)
        gone = graph.add("Equal", time, graph.constant(NO_TIME, np.int64))
        years = graph.add("Where", gone, number(np.nan), years)
        x = graph.add("Add", x, graph.add("Mul", years, number(moved.trend)))
    return graph.add("Sigmoid", x)


def _isotonic(graph: Graph, p: str, values: npt.NDArray[np.float64]) -> str:
    x, y = (graph.constant(part, np.float64) for part in values)
    below = graph.add("Less", x, graph.add("Unsqueeze", p, graph.constant([1], np.int64)))  # (B, knots)
    one, last = (graph.constant(place, np.int64) for place in (1, values.shape[1] - 1))
    right = graph.add("Min", graph.add("Max", graph.counted(below, 1), one), last)
    left = graph.add("Sub", right, one)
    x0, x1, y0, y1 = (graph.add("Gather", v, place) for v in (x, y) for place in (left, right))
    share = graph.add("Div", graph.add("Sub", p, x0), graph.add("Sub", x1, x0))
    share = graph.add("Clip", share, graph.constant(0.0, np.float64), graph.constant(1.0, np.float64))
    return graph.add("Add", y0, graph.add("Mul", share, graph.add("Sub", y1, y0)))


def _vectors(graph: Graph, fields: FoldedFields, numbers: str, codes: str) -> str:
    """Return the rows' vectors (B, D), their places in the order of the folded fields."""
    parts = []
    raw = _with_ratios(graph, numbers, fields.ratios)
    if fields.curves is not None:
        parts.append(_curves(graph, fields.curves, raw))
    if fields.cells is not None:
        parts.append(_cells(graph, fields.cells, raw, codes))
    for column, table in zip(fields.codes, fields.tables, strict=True):
        code = graph.add("Gather", codes, graph.constant(column, np.int64), axis=1)
        parts.append(graph.add("Gather", _tensor(graph, table), code))
    return graph.add("Concat", *parts, axis=1)


def _with_ratios(graph: Graph, numbers: str, ratios: Tensor) -> str:
    if not ratios.numel():
        return numbers
    amounts = [graph.add("Gather", numbers, _tensor(graph, side), axis=1) for side in ratios]
    sides = [graph.cast(amount, np.float64) for amount in amounts]
    nought = graph.constant(0.0, np.float64)
    defined = graph.add("And", *(graph.add("Greater", side, nought) for side in sides))
    logs = [graph.add("Log", side) for side in sides]
    found = graph.add("Where", defined, graph.add("Sub", *logs), graph.constant(np.nan, np.float64))
    return graph.add("Concat", numbers, graph.cast(found, np.float32), axis=1)


def _curves(graph: Graph, curves: Curves, raw: str) -> str:
    def number(value: float) -> str:
        return graph.constant(value, np.float32)

    width = curves.missing.numel()
    gone = graph.add("IsNaN", raw)
    x = graph.add("Div", graph.add("Sub", raw, _tensor(graph, curves.centre)), _tensor(graph, curves.scale))
    x = graph.add("Where", gone, number(0.0), x)
    x = graph.add("Clip", x, number(-1e9), number(1e9))
    third = graph.add("Div", x, number(3.0))
    x = graph.add("Div", x, graph.add("Sqrt", graph.add("Add", number(1.0), graph.add("Mul", third, third))))
    x = graph.add("Min", graph.add("Max", x, _tensor(graph, curves.low)), _tensor(graph, curves.high))
    parts = [p for p in (_piecewise(graph, curves, x), _periodic(graph, curves, x)) if p is not None]
    vectors = parts[0] if len(parts) == 1 else graph.add("Add", *parts)
    gone = graph.add("Unsqueeze", gone, graph.constant([2], np.int64))
    return graph.reshaped(graph.add("Where", gone, _tensor(graph, curves.missing), vectors), -1, width)


def _piecewise(graph: Graph, curves: Curves, x: str) -> str | None:
    if curves.edges is None or curves.knots is None:
        return None
    columns, most = curves.edges.shape
    deeper, one = graph.constant([2], np.int64), graph.constant(1, np.int64)
    below = graph.add("Less", _tensor(graph, curves.edges[None]), graph.add("Unsqueeze", x, deeper))
    place = graph.add("Max", graph.counted(below, 2), one)  # (B, Q)
    high = graph.add("Add", place, graph.constant(np.arange(columns) * most, np.int64))
    low = graph.add("Sub", high, one)
    edges, knots = _tensor(graph, curves.edges.flatten()), _tensor(graph, curves.knots)
    x0, x1, y0, y1 = (graph.add("Gather", v, place) for v in (edges, knots) for place in (low, high))
    share = graph.add("Div", graph.add("Sub", x, x0), graph.add("Sub", x1, x0))
    rise = graph.add("Mul", graph.add("Unsqueeze", share, deeper), graph.add("Sub", y1, y0))
    return graph.add("Add", y0, rise)  # (B, Q, D)


def _periodic(graph: Graph, curves: Curves, x: str) -> str | None:
    if curves.frequencies is None or curves.mix is None or curves.shift is None:
        return None
    x = graph.add("Unsqueeze", x, graph.constant([2], np.int64))
    angle = graph.add("Mul", x, _tensor(graph, 2 * pi * curves.frequencies))  # (B, Q, F)
    waves = graph.add("Concat", graph.add("Cos", angle), graph.add("Sin", angle), axis=2)
    mixed = graph.add("MatMul", graph.add("Transpose", waves, perm=[1, 0, 2]), _tensor(graph, curves.mix))
    mixed = graph.add("Transpose", mixed, perm=[1, 0, 2])
    return graph.add("Relu", graph.add("Add", mixed, _tensor(graph, curves.shift)))


def _cells(graph: Graph, cells: Cells, raw: str, codes: str) -> str:
    sources = [codes] if codes else []
    if len(cells.binned):
        sources.append(_bins(graph, cells, raw))
    source = graph.add("Concat", *sources, axis=1) if len(sources) > 1 else sources[0]
    left, right = (
        graph.add("Gather", source, _tensor(graph, side), axis=1) for side in (cells.left, cells.right)
    )
    key = graph.add("Add", graph.add("Mul", left, _tensor(graph, cells.across)), right)
    pairs = np.arange(len(cells.keys), dtype=np.int64)
    key = graph.add("Add", key, graph.constant(pairs << _BITS, np.int64))  # (B, pairs)
    keys = np.concatenate([known.numpy() + (p << _BITS) for p, known in enumerate(cells.keys)])
    rows = np.concatenate(
        [first + np.arange(len(k)) for first, k in zip(cells.first, cells.keys, strict=True)]
    )
    found = graph.looked_up(key, keys, rows, -1)
    unseen = graph.add("Less", found, graph.constant(0, np.int64))
    place = graph.add("Where", unseen, graph.constant(pairs, np.int64), found)
    vectors = graph.add("Gather", _tensor(graph, cells.vectors), place)
    return graph.reshaped(vectors, -1, len(pairs) * cells.vectors.shape[1])


def _bins(graph: Graph, cells: Cells, raw: str) -> str:
    """Quantile bins of the numbers that take part, (B, U), from 1 on; 0 is a missing number."""
    x = graph.add("Gather", raw, _tensor(graph, cells.binned), axis=1)
    deep = graph.add("Unsqueeze", x, graph.constant([2], np.int64))
    reached = graph.add("LessOrEqual", _tensor(graph, cells.edges[None]), deep)
    bins = graph.add("Add", graph.counted(reached, 2), graph.constant(1, np.int64))
    return graph.add("Where", graph.add("IsNaN", x), graph.constant(0, np.int64), bins)


def _tensor(graph: Graph, values: Tensor) -> str:
    array = values.detach().numpy()
    return graph.constant(array, array.dtype)
