"""The settings of CustomerDemand, checked: horizons, backbones, days, and columns of the right type."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, get_args

import numpy as np
import pyarrow as pa
from pydantic import ValidationError

from bezant.histories.moments import read_moment
from bezant.network.backbones import BackboneConfig, BackboneKind
from bezant.schema import Role, infer_schema
from bezant.types import InputError

WEEKS = {"D": 1 / 7, "W": 1.0, "M": 365.25 / 12 / 7, "Y": 365.25 / 7}
"""Weeks in a unit of the horizon."""

Backbone = BackboneConfig | Mapping[str, Any] | BackboneKind | None
Moment = str | np.datetime64 | Any


def read_horizon(given: str | float) -> float:
    """Return a horizon in weeks; an InputError says what one looks like."""
    if isinstance(given, str):
        found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([DWMY])\s*", given.upper())
        weeks = float(found[1]) * WEEKS[found[2]] if found else 0.0
    else:
        weeks = float(given) if isinstance(given, int | float) and not isinstance(given, bool) else 0.0
    if not 1 / 7 <= weeks < 5_000:
        raise InputError(f"horizon is a time of at least a day such as '39W', '90D' or '6M', not {given!r}.")
    return weeks


def read_backbone(given: Backbone, size: str) -> BackboneConfig | None:
    """Return the backbone's configuration; an InputError says what it may be."""
    if given is None or isinstance(given, BackboneConfig):
        return given
    kinds = get_args(BackboneKind)
    if isinstance(given, str) and given not in kinds:
        raise InputError(f"backbone is one of {', '.join(map(repr, kinds))} or None, not {given!r}.")
    said = {"kind": given} if isinstance(given, str) else dict(given)
    try:
        return BackboneConfig.model_validate({"size": size, **said})
    except ValidationError as error:
        raise InputError(f"backbone: {error.errors()[0]['msg']}.") from error


def read_day(name: str, given: Moment) -> np.datetime64:
    """Return a day; an InputError names the parameter."""
    day: np.datetime64 = read_moment(given, name).astype("datetime64[D]")
    return day


def typed_times(table: pa.Table, time: str, amount: str | None) -> pa.Table:
    """Return events whose times, and amounts that came as text, are of their type."""
    for name, role in ((time, "time"), (amount, "amount")):
        if name is None or not _is_text(table[name].type):
            if role == "time" and not pa.types.is_temporal(table[name].type):
                raise InputError(
                    f"Column {name!r} holds {table[name].type} in its {table.num_rows} rows where times are "
                    "needed; turn it into dates first."
                )
            continue
        only = table.select([name])
        meaning = infer_schema(only, time=name) if role == "time" else infer_schema(only)
        roles = [Role.TIME] if role == "time" else [Role.INPUT]
        column = meaning.conform(only, roles=roles).table[name]
        table = table.set_column(table.column_names.index(name), name, column)
    return table


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
