"""Writes docs/command-line.md from the commands themselves: ``python -m bezant.cli.reference FILE``."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_type_hints

import typer.main

from bezant.cli.app import app

_OR = " \\| "  # a bar would end the cell

HEADER = """# The command line

Every command answers `--help`. Results go to stdout, everything else to stderr.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | `bezant check` found something with which no model should be fitted |
| 2 | the input cannot be used; one sentence on stderr says why, and the mend |
| 130 | stopped by Ctrl-C; no output is left half written |

Wherever `FILE` stands, a CSV (any usual separator and encoding), Parquet (one file, a folder, a pattern), the
name of a data set (`bezant datasets`) or a database address will do:
`'duckdb:///loans.db?query=SELECT * FROM loans'`, `'postgresql://user@host/database?query=SELECT ...'`.

This page is written by `make docs`.
"""


def reference() -> str:
    """Return the reference of all commands as Markdown."""
    root = typer.main.get_command(app)
    parts = [HEADER, *(_section(path, command) for path, command in _commands(root, "bezant"))]
    return "\n".join(parts)


def _commands(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield every command that does something, with all its words."""
    inner = getattr(command, "commands", {})
    if not inner:
        yield path, command
    for name, child in inner.items():
        yield from _commands(child, f"{path} {name}")


def _section(path: str, command: Any) -> str:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and p.name != "help"]
    choices = _choices(command.callback)
    usage = " ".join([path, *(p.metavar or p.name.upper() for p in arguments), "[OPTIONS]"])
    lines = [f"## {path}", "", inspect.cleandoc(command.help or ""), "", "```", usage, "```", ""]
    if arguments or options:
        lines += ["| | |", "|---|---|"]
        lines += [_row(f"`{p.metavar or p.name.upper()}`", p) for p in arguments]
        lines += [_row(_words(p, choices.get(p.name)), p) for p in options]
        lines.append("")
    if command.epilog:
        lines += [command.epilog.replace("Example: ", "Example: `") + "`", ""]
    return "\n".join(lines)


def _words(option: Any, choices: list[str] | None) -> str:
    """Write an option as it is typed: ``--target``, ``-t`` COLUMN."""
    words = ", ".join(f"`{word}`" for word in [*option.opts, *option.secondary_opts])
    if option.is_flag:
        return words
    if choices:
        return f"{words} {_OR.join(choices)}"
    return f"{words} {option.metavar or 'NUMBER'}"


def _choices(function: Any) -> dict[str, list[str]]:
    """Return the values of every parameter that is an enumeration, by the parameter's name."""
    found: dict[str, list[str]] = {}
    for name, hint in get_type_hints(function).items():
        parts = [hint, *get_args(hint)]
        parts += [inner for part in parts for inner in get_args(part)]  # list[Optimizer] | None
        kinds = [k for k in parts if isinstance(k, type) and issubclass(k, Enum)]
        if kinds:
            found[name] = [str(member.value) for member in kinds[0]]
    return found


def _row(words: str, parameter: Any) -> str:
    said = " ".join((parameter.help or "").split())
    default = getattr(parameter.default, "value", parameter.default)
    if parameter.required and parameter.param_type_name == "option":
        said += " Required."
    elif default not in (None, False, (), []) and not callable(default):
        said += f" Default: {'on' if default is True else default}."
    return f"| {words} | {said.strip()} |"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(reference(), encoding="utf-8")
