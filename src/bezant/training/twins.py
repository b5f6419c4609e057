"""Numbers that are read as categories too: where the exact value says more than its neighbourhood."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from bezant.metrics.target_statistics import exact_value_gain
from bezant.network.fields.encoding import to_float
from bezant.schema import Kind, Schema
from bezant.types import FloatArray

TWIN_GAIN = 2e-4
"""Least out-of-fold gain in log loss, of exact values over quantile bins, for a categorical twin."""

SMALL_TWIN_GAIN = 4.0
"""The same for all rows of a small table together, so that the two meet at 20,000 rows."""


def choose_twins(table: pa.Table, schema: Schema, labels: FloatArray, *, small: bool) -> tuple[str, ...]:
    """Return the number fields whose exact values say more about the target than their bins do.

    In a large table a number of up to ten values gets a twin anyway. In a small one it must earn it: bins as
    narrow as its values say the same, and a second set of weights is one more way to learn the noise.
    """
    chosen = []
    for field in schema.inputs:
        if field.kind is not Kind.NUMBER:
            continue
        values = to_float(table[field.name])
        known = values[~np.isnan(values)]
        distinct = len(np.unique(known))
        if distinct < 3 or distinct > len(known) / 5 or np.any(known != np.round(known)):
            continue
        found = exact_value_gain(values, labels)
        gain = found.log_loss_bins - found.log_loss_exact
        few = distinct <= 10 and not small
        if gain > (SMALL_TWIN_GAIN / len(labels) if small else TWIN_GAIN) or few:
            chosen.append(field.name)
    return tuple(chosen)
