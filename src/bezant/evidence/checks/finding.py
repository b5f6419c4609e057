"""What a check says: a finding is one plain sentence with its numbers, a report is all of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

Severity = Literal["refuse", "warn", "note"]
"""``refuse``: no model should be fitted before this is mended; ``warn``: probably wrong, look at it;
``note``: worth knowing."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong or worth knowing about a table.

    Parameters
    ----------
    code : str
        What was found, such as ``"identifier"``; stable, for scripts.
    severity : {"refuse", "warn", "note"}
    columns : tuple of str
        The columns it is about; empty where it is about the rows.
    sentence : str
        One sentence that names the columns, the number of rows, and what to do.
    evidence : mapping of str to number
        The figures behind the sentence.

    Raises
    ------
    ValueError
        If the severity is unknown or the sentence does not end in a full stop.
    """

    code: str
    severity: Severity
    columns: tuple[str, ...]
    sentence: str
    evidence: Mapping[str, float]

    def __post_init__(self) -> None:
        if self.severity not in get_args(Severity):
            raise ValueError(f"severity is one of {get_args(Severity)}, not {self.severity!r}")
        if not self.sentence.endswith(".") or "\n" in self.sentence:
            raise ValueError(f"a finding is one sentence, not {self.sentence!r}")
        object.__setattr__(
            self, "evidence", MappingProxyType({k: float(v) for k, v in self.evidence.items()})
        )


@dataclass(frozen=True)
class CheckReport:
    """All findings about a table, the gravest first.

    Parameters
    ----------
    findings : tuple of Finding
        In any order; kept sorted by severity.
    """

    findings: tuple[Finding, ...]

    def __post_init__(self) -> None:
        order = get_args(Severity)
        object.__setattr__(
            self, "findings", tuple(sorted(self.findings, key=lambda f: order.index(f.severity)))
        )

    @property
    def by_severity(self) -> dict[Severity, tuple[Finding, ...]]:
        """The findings of each severity, the gravest first; every severity has an entry."""
        return {s: tuple(f for f in self.findings if f.severity == s) for s in get_args(Severity)}

    def about(self, column: str) -> tuple[Finding, ...]:
        """Return the findings that name this column."""
        return tuple(f for f in self.findings if column in f.columns)

    def to_json(self) -> str:
        """Return the findings as indented JSON."""
        return json.dumps(
            [
                {
                    "code": f.code,
                    "severity": f.severity,
                    "columns": list(f.columns),
                    "sentence": f.sentence,
                    "evidence": dict(f.evidence),
                }
                for f in self.findings
            ],
            indent=2,
        )

    @classmethod
    def from_json(cls, text: str) -> CheckReport:
        """Return the report written by :meth:`to_json`."""
        return cls(tuple(Finding(**{**f, "columns": tuple(f["columns"])}) for f in json.loads(text)))

    def __str__(self) -> str:
        if not self.findings:
            return "Nothing found."
        return "\n".join(f"{f.severity:>6}  {f.sentence}" for f in self.findings)


def named(columns: Iterable[str], most: int = 8) -> str:
    """Write "Column 'a'" or "Columns 'a', 'b' and 3 more", for the start of a sentence."""
    columns = list(columns)
    shown = [repr(c) for c in columns[:most]]
    if len(columns) > most:
        shown.append(f"{len(columns) - most} more")
    text = shown[0] if len(shown) == 1 else ", ".join(shown[:-1]) + " and " + shown[-1]
    return f"Column{'s' if len(columns) > 1 else ''} {text}"


def of_rows(part: int, whole: int) -> str:
    """Write "12 of 1,000 rows", or "all 1,000 rows"."""
    if part == whole:
        return f"all {whole:,} rows"
    return f"{part:,} of {whole:,} rows"
