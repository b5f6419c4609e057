"""What a column means: its kind, its role, how its text is read; inferred, checked, saved as JSON.

A :class:`Schema` is the contract between the rows a user has and the arrays a network reads. It is
inferred once (:func:`infer_schema`), may be edited (:meth:`Schema.with_role`,
:meth:`Schema.with_kind`), travels inside every saved model, and turns any later table into the same
typed columns (:meth:`Schema.conform`).
"""

from bezant.schema.fields import (
    DEFAULT_MISSING_MARKERS,
    TIME_FORMATS,
    Field,
    Kind,
    NumberFormat,
    Role,
)
from bezant.schema.inference import infer_schema
from bezant.schema.records import RECORDS, flattened, has_records, listed_again
from bezant.schema.schema import Conformed, Schema
from bezant.schema.values import without_infinities
from bezant.schema.words import nearest, refuse_duplicate_names, unknown_column

__all__ = [
    "DEFAULT_MISSING_MARKERS",
    "RECORDS",
    "TIME_FORMATS",
    "Conformed",
    "Field",
    "Kind",
    "NumberFormat",
    "Role",
    "Schema",
    "flattened",
    "has_records",
    "infer_schema",
    "listed_again",
    "nearest",
    "refuse_duplicate_names",
    "unknown_column",
    "without_infinities",
]
