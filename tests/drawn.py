"""Networks whose every weight is drawn, on real loans: no bend and no vector is 0 by chance of training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

from bezant.network.batch import Batch
from bezant.network.calibration import Calibrator
from bezant.network.fields.embedding import FieldConfig
from bezant.network.fields.encoding import learn_encoding
from bezant.network.model import NetworkConfig, learn_network
from bezant.network.scoring import TableModel
from bezant.schema import Field, Kind, Role, Schema
from training_support import loans

SHAPES = {
    "mixed": ("State", "NewExist", "NoEmp", "GrAppv", "SBA_Appv"),
    "numbers": ("NoEmp", "GrAppv", "SBA_Appv"),
    "categories": ("State", "Approval month"),
    "times": ("State", "GrAppv", "Opened"),
}
"""Columns of small models."""

CALIBRATORS = {
    "none": [],
    "temperature": [0.8, -0.3],
    "beta": [0.9, 1.2, 0.1],
    "isotonic": [[0.1, 0.3, 0.5, 0.51, 0.9], [0.05, 0.2, 0.2, 0.6, 0.95]],
    "linear": [-0.1, 1.3],
}
"""A calibrator of every method."""


def wide_loans(rows: int) -> tuple[pa.Table, Schema, np.ndarray]:
    """The loans with an opening day before 1970 or after, missing in some rows, and their month as text."""
    table, schema, y = loans(rows)
    stamps = table["ApprovalDate"].to_numpy().astype("datetime64[us]")
    opened = (
        stamps
        - (np.arange(rows) * 37 % 12_000).astype("timedelta64[D]")
        - np.timedelta64(12_345_678_901, "us")
    )
    gone = np.arange(rows) % 11 == 0
    table = table.append_column("Opened", pa.array(opened, pa.timestamp("us"), mask=gone))
    table = table.append_column("Approval month", pc.strftime(table["ApprovalDate"], format="%b"))
    more = (Field(name="Opened", kind=Kind.TIME), Field(name="Approval month", kind=Kind.CATEGORY))
    return table, Schema(fields=(*schema.fields, *more)), y


def drawn_model(
    shape: str = "mixed",
    *,
    rows: int = 400,
    paired: bool = False,
    timed: bool = True,
    calibrator: str = "none",
    fields: dict[str, Any] | None = None,
    **wished: Any,
) -> tuple[TableModel, pa.Table]:
    """A model of some columns, and typed rows such as it has seen and such as it has not."""
    table, schema, y = wide_loans(rows)
    chosen = tuple(f for f in schema.fields if f.name in SHAPES[shape] or (timed and f.role is Role.TIME))
    schema = Schema(fields=chosen)
    encoding = learn_encoding(table, schema, twins=("NoEmp",), min_count=2)
    arrays = encoding.encode(table)
    if paired:  # an outcome that no column tells alone
        amount, state = arrays.numbers[:, -1], arrays.codes[:, 0]
        y = ((amount > np.nanmedian(amount)) ^ (state % 2 == 0)).astype(np.float64)
    batch = Batch.of(arrays, target=torch.from_numpy(y.astype(np.float32)))
    sizes = encoding.cardinalities
    statistics = tuple(c for c, n in enumerate(sizes) if n > 8)
    embedded = tuple(c for c, n in enumerate(sizes) if n < 40)
    config = FieldConfig(
        n_bins=(), cardinalities=sizes, statistics=statistics, embedded=embedded, **(fields or {})
    )
    torch.manual_seed(0)
    whole = NetworkConfig(**{"size": "tiny", "fields": config, **wished})
    network, _ = learn_network(batch, torch.arange(rows) % 5, whole)
    for name, weights in network.named_parameters():
        scaling = name.endswith((".r", ".s"))
        torch.nn.init.normal_(weights, mean=float(scaling), std=0.2)
    network.eval()
    values = torch.tensor(CALIBRATORS[calibrator], dtype=torch.float64)
    return TableModel(schema, encoding, network, Calibrator(calibrator, values)), with_odd_rows(table)


def with_odd_rows(table: pa.Table) -> pa.Table:
    """The rows; then rows with nothing known, unknown texts, huge or tiny numbers, and shuffled columns."""
    parts = [table, pa.table({n: pa.nulls(3, table[n].type) for n in table.column_names})]
    generator = np.random.default_rng(0)
    odd = {}
    for name in table.column_names:
        column, kind = table[name], table[name].type
        if pa.types.is_floating(kind):
            few = [1e300, -1e300, 5e-324, 0.0, -0.0, 3.5, 1e39, -7.0]
            odd[name] = pa.array(generator.choice(few, table.num_rows))
        elif pa.types.is_string(kind):
            few = ["Atlantis", "münchen", "NY", "A b"]
            odd[name] = pa.array(generator.choice(few, table.num_rows))
        else:
            odd[name] = column
    shuffled = {n: table[n].take(generator.permutation(table.num_rows)) for n in table.column_names}
    return pa.concat_tables([*parts, pa.table(odd), pa.table(shuffled)]).combine_chunks()
