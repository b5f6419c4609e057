"""What a column is: its kind, its role, how its text is read."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict

DEFAULT_MISSING_MARKERS = (
    "", "NA", "N/A", "na", "n/a", "NaN", "nan", "None", "none", "NULL", "null", "<NA>", "NaT",
    "inf", "-inf", "+inf", "Inf", "-Inf", "INF", "-INF", "infinity", "-infinity", "Infinity", "-Infinity",
    "?", "#N/A",
)  # fmt: skip
"""Texts that mean "not known"; compared after trimming white space."""

ISO_8601 = "iso8601"
"""Dates and times as in 2004-01-31, 2004-01-31 10:20:30.5 or 2004-01-31T10:20:30+02:00 (kept as UTC)."""

YEAR = "year"
"""Whole years such as 1997; tried only for a column that is said to be a time."""

UNIX_SECONDS, UNIX_MILLISECONDS = "unix seconds", "unix milliseconds"
"""Time since 1970 such as 881250949; tried last, only for a column that is said to be a time."""

TIME_FORMATS = (
    ISO_8601, "%Y/%m/%d", "%d-%b-%y", "%d-%b-%Y", "%d %b %Y", "%b %d, %Y", "%d.%m.%Y", "%m/%d/%Y",
    "%d/%m/%Y", "%m/%d/%y", "%d/%m/%y", "%d.%m.%y", "%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%d-%m-%Y",
    "%m-%d-%Y", "%b-%Y", "%b-%y", "%Y-%m", "%Y%m%d",
)  # fmt: skip
"""Formats tried in this order for times written as text; the first that reads most rows wins."""

HIGH_CARDINALITY = 64
"""A text column with more distinct values than this is :attr:`Kind.TEXT` rather than CATEGORY."""

UNREADABLE_TOLERANCE = 0.05
"""Up to this share of the filled rows of a number or time column may be unreadable text."""


class Kind(StrEnum):
    """What the values of a column are."""

    NUMBER = "number"
    CATEGORY = "category"
    TEXT = "text"  # a category of very many values: names, places, banks, postcodes
    TIME = "time"


class Role(StrEnum):
    """What a column is for."""

    INPUT = "input"
    TARGET = "target"
    TIME = "time"  # orders the rows; not an input unless asked for: it extrapolates
    IDENTIFIER = "identifier"
    IGNORED = "ignored"


class NumberFormat(StrEnum):
    """How numbers stand in text."""

    PLAIN = "plain"  # 1234.5
    US = "us"  # $1,234.50 and (1,234.50) for negative
    EUROPEAN = "european"  # 1.234,5


class Field(BaseModel):
    """One column of a table.

    Parameters
    ----------
    name : str
        The column's name.
    kind : Kind
        What its values are.
    role : Role, default INPUT
        What it is for.
    number_format : NumberFormat, default PLAIN
        How a NUMBER is read where it comes as text.
    time_format : str, optional
        How a TIME that comes as text is read: a ``strptime`` format, :data:`ISO_8601`, :data:`YEAR`,
        :data:`UNIX_SECONDS` or :data:`UNIX_MILLISECONDS`.
    century_pivot : int, default 2030
        Two-digit years that would lie after this year belong to the century before.
    note : str, default ""
        What was recognised or decided about the column, in words.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    kind: Kind
    role: Role = Role.INPUT
    number_format: NumberFormat = NumberFormat.PLAIN
    time_format: str | None = None
    century_pivot: int = 2030
    note: str = ""
