"""What the commands print, and how they end: results on stdout, everything else on stderr."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from bezant.types import InputError

EXIT_INPUT = 2
"""The input cannot be used; stderr has one sentence."""

EXIT_INTERRUPTED = 130
"""Ctrl-C: 128 + SIGINT, as shells have it."""


WIDE = 160
"""Columns of a table that goes into a file or a pipe: nobody's terminal cuts it."""


def out() -> Console:
    """Return the console of results (stdout)."""
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = WIDE
    return console


def say(sentence: str, style: str = "") -> None:
    """Print one sentence on stderr, whole on one line where nobody's terminal wraps it."""
    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    console.print(Text(sentence, style=style), soft_wrap=not console.is_terminal)


def show(text: str = "", style: str = "") -> None:
    """Print one line of the result on stdout."""
    console = out()
    console.print(Text(text, style=style), soft_wrap=not console.is_terminal)


def print_json(value: Any) -> None:
    """Print a value as JSON on stdout; what is not a number (NaN) becomes null."""
    print(json.dumps(_plain(value), indent=2, ensure_ascii=False, allow_nan=False))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, str | int | bool | None) else str(value)


def refuse_unwritable(path: Path, *, source: str | None = None) -> Path:
    """Return the path if a file can be written there; say so before hours are spent.

    Parameters
    ----------
    path : Path
        Where a file will be written; its folder is made if need be.
    source : str, optional
        The file that is read, which must not be the one that is written.

    Raises
    ------
    InputError
        If the folder cannot be made or written to, or the path is the source itself, a folder or a device.
    """
    from bezant.histories.readers.writing import refuse_taken

    _refuse_source(path, source)
    refuse_taken(path)
    _probe(path)
    return path


def refuse_unsavable(path: Path, *, source: str | None = None) -> Path:
    """Return the path if a model's folder can be written there; say so before hours are spent.

    Parameters
    ----------
    path : Path
        Where the folder will be; the one around it is made if need be.
    source : str, optional
        The file that is read, which must not be what is written.

    Raises
    ------
    InputError
        If the folder cannot be made, or something is there that is no saved model and would be lost.
    """
    _refuse_source(path, source)
    if path.exists():
        from bezant.artifacts import refuse_foreign_folder  # which takes seconds to import

        refuse_foreign_folder(path.resolve())  # a link stays, and what it points to is replaced
    _probe(path)
    return path


def _refuse_source(path: Path, source: str | None) -> None:
    if source is not None and Path(source).exists() and path.resolve() == Path(source).resolve():
        raise InputError(f"{str(path)!r} is the file that is read; give another name for the output.")


def _probe(path: Path) -> None:
    """Make a file beside the path and take it away again."""
    folder = path.parent
    probe = folder / f".bezant-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InputError(
            f"Cannot write {str(path)!r} ({error.strerror or error}); choose a folder that can be written to."
        ) from error
