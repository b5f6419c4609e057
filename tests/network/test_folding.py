"""The folded network gives the network's own answers, whatever its fields are."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from bezant.network import folding
from bezant.network.batch import Batch
from bezant.network.folding import FoldedNetwork
from drawn import SHAPES, drawn_model


def compared(model, table) -> tuple[torch.Tensor, torch.Tensor]:
    """The folded network's answers and the network's own."""
    batch = Batch.of(model.encoding.encode(table))
    return FoldedNetwork.of(model.network).predict(batch), model.network.predict(batch)


@pytest.mark.parametrize("trunk", ["tabm", "mlp"])
@pytest.mark.parametrize("kind", ["piecewise", "periodic", "both"])
def test_answers_are_those_of_the_network(trunk: str, kind: str) -> None:
    model, table = drawn_model(rows=800, paired=True, trunk=trunk, fields={"number_embedding": kind})
    assert model.network.fields.interactions is not None
    assert model.network.config.fields.ratios
    found, expected = compared(model, table)
    assert float(expected.logit().std()) > 0.2
    torch.testing.assert_close(found, expected, rtol=0, atol=3e-6)  # float32, by another order of sums


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("head", ["binary", "severity"])
def test_tables_of_one_kind_of_column_fold_too(shape: str, head: str) -> None:
    found, expected = compared(*drawn_model(shape, head=head))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("tables", [0, 60_000])
@pytest.mark.parametrize("dense", [0, 1 << 22])
def test_less_memory_changes_no_answer(tables: int, dense: int, monkeypatch: pytest.MonkeyPatch) -> None:
    model, table = drawn_model(rows=1200, paired=True)
    monkeypatch.setattr(folding, "TABLE_BYTES", tables)
    monkeypatch.setattr("bezant.network.fields.folding.DENSE_CELLS", dense)
    folded = FoldedNetwork.of(model.network)
    assert folded.mixed and folded.fields.cells is not None
    assert bool(folded.fields.cells.halved) == (dense == 0)
    torch.testing.assert_close(*compared(model, table), rtol=0, atol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["piecewise", "periodic"])
def test_an_additive_member_folds_too(shape: str, kind: str) -> None:
    model, table = drawn_model(
        shape, rows=800, paired=shape == "mixed", additive=True, fields={"number_embedding": kind}
    )
    found, expected = compared(model, table)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
    model.network.give_share(0.0)
    assert float((found - model.folded().predict(Batch.of(model.encoding.encode(table)))).abs().max()) > 0.02


def test_one_row_is_scored_as_among_many() -> None:
    model, table = drawn_model(rows=800, paired=True)
    batch = Batch.of(model.encoding.encode(table))
    folded = FoldedNetwork.of(model.network)
    apart = torch.cat([folded.predict(batch.rows(slice(i, i + 1))) for i in range(0, len(batch), 40)])
    torch.testing.assert_close(apart, folded.predict(batch)[::40], rtol=0, atol=1e-6)


def test_no_row_has_no_answer() -> None:
    model, table = drawn_model()
    assert compared(model, table.slice(0, 0))[0].shape == (0,)


def test_a_network_that_was_trained_further_is_folded_again() -> None:
    model, table = drawn_model()
    before = model.score_typed(table)
    assert model.folded() is model.folded()
    with torch.no_grad():
        model.network.head.unit.bias += 1.0
    expected = model.network.predict(Batch.of(model.encoding.encode(table))).numpy()
    np.testing.assert_allclose(model.score_typed(table), expected, atol=1e-6)
    assert (model.score_typed(table) > before).all()


def test_a_copy_of_a_model_leaves_the_folded_network_behind() -> None:
    model, table = drawn_model()
    expected = model.score_typed(table)
    twin = copy.deepcopy(model)
    assert "_folded" not in twin.__dict__
    np.testing.assert_array_equal(twin.score_typed(table), expected)
