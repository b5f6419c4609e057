"""The folded network gives the network's own answers, whatever its fields are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from bezant.network import folding
from bezant.network.batch import Batch
from bezant.network.calibration import Calibrator
from bezant.network.fields.embedding import FieldConfig
from bezant.network.fields.encoding import Encoding, learn_encoding
from bezant.network.folding import FoldedNetwork
from bezant.network.model import Network, NetworkConfig, learn_network
from bezant.network.scoring import TableModel
from training_support import loans


def drawn_network(rows: int = 400, *, paired: bool = False, **wished: Any) -> tuple[Network, Batch, Encoding]:
    """A network whose every weight is drawn, so that no bend and no vector is 0 by chance of training."""
    table, schema, y = loans(rows)
    encoding = learn_encoding(table, schema, twins=("NoEmp",), min_count=2)
    arrays = encoding.encode(table)
    if paired:  # an outcome that no column tells alone
        amount, state = arrays.numbers[:, -1], arrays.codes[:, 0]
        y = ((amount > np.nanmedian(amount)) ^ (state % 2 == 0)).astype(np.float64)
    batch = Batch.of(arrays, target=torch.from_numpy(y.astype(np.float32)))
    sizes = encoding.cardinalities
    fields = FieldConfig(
        n_bins=(),
        cardinalities=sizes,
        statistics=tuple(c for c, n in enumerate(sizes) if n > 8),
        embedded=tuple(c for c, n in enumerate(sizes) if n < 40),
        **wished.pop("fields", {}),
    )
    torch.manual_seed(0)
    config = NetworkConfig(**{"size": "tiny", "fields": fields, **wished})
    network, _ = learn_network(batch, torch.arange(rows) % 5, config)
    for name, weights in network.named_parameters():
        scaling = name.endswith((".r", ".s"))
        torch.nn.init.normal_(weights, mean=float(scaling), std=0.2)
    network.eval()
    return network, Batch(*odd_rows(batch)), encoding


def odd_rows(batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """The rows, then such as no training has: no number known, huge ones, codes of other rows."""
    numbers, codes = batch.numbers, batch.codes
    huge = torch.full_like(numbers, 3e38)
    shuffled = codes[torch.randperm(len(codes), generator=torch.Generator().manual_seed(1))]
    none = torch.full_like(numbers, torch.nan)
    return torch.cat([numbers, none, huge, -huge, numbers]), torch.cat(
        [codes, codes * 0, codes, codes, shuffled]
    )


@pytest.mark.parametrize("trunk", ["tabm", "mlp"])
@pytest.mark.parametrize("kind", ["piecewise", "periodic", "both"])
def test_answers_are_those_of_the_network(trunk: str, kind: str) -> None:
    network, rows, _ = drawn_network(800, paired=True, trunk=trunk, fields={"number_embedding": kind})
    assert network.fields.interactions is not None
    folded = FoldedNetwork.of(network)
    expected = network.predict(rows)
    assert float(expected.logit().std()) > 0.2
    torch.testing.assert_close(folded.predict(rows), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("tables", [0, 60_000])
@pytest.mark.parametrize("dense", [0, 3_000])
def test_less_memory_changes_no_answer(tables: int, dense: int, monkeypatch: pytest.MonkeyPatch) -> None:
    network, rows, _ = drawn_network(1200, paired=True)
    monkeypatch.setattr(folding, "TABLE_BYTES", tables)
    monkeypatch.setattr("bezant.network.fields.folding.DENSE_CELLS", dense)
    folded = FoldedNetwork.of(network)
    assert folded.mixed and folded.fields.cells is not None and None in folded.fields.cells.starts
    torch.testing.assert_close(folded.predict(rows), network.predict(rows), rtol=0, atol=1e-6)


def test_no_row_has_no_answer() -> None:
    network, rows, _ = drawn_network()
    assert FoldedNetwork.of(network).predict(rows.rows(slice(0, 0))).shape == (0,)


def test_a_network_that_was_trained_further_is_folded_again() -> None:
    network, _, encoding = drawn_network()
    table, schema, _ = loans(400)
    model = TableModel(schema, encoding, network, Calibrator("none", torch.empty(0)))
    before = model.score_typed(table)
    assert model.folded() is model.folded()
    with torch.no_grad():
        network.head.unit.bias += 1.0
    batch = Batch.of(encoding.encode(table))
    np.testing.assert_allclose(model.score_typed(table), network.predict(batch).numpy(), atol=1e-6)
    assert (model.score_typed(table) > before).all()
