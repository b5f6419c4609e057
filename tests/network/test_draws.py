"""Shared draws: each process's rows of what one process would draw, and generators that stay in step."""

from __future__ import annotations

import pytest
import torch

from bezant.network.draws import drawn, rows_of_batch
from bezant.network.fields.categories import CategoryEmbedding
from bezant.network.trunks.mlp import MLPTrunk


def draw(rows: int) -> torch.Tensor:
    return torch.rand(rows, 3)


def test_alone_it_draws_for_its_own_rows() -> None:
    torch.manual_seed(1)
    expected = torch.rand(4, 3)
    torch.manual_seed(1)
    assert torch.equal(drawn(draw, 4), expected)


@pytest.mark.parametrize("number", [2, 3])
def test_processes_draw_what_one_draws_and_stay_in_step(number: int) -> None:
    torch.manual_seed(1)
    expected, after = torch.rand(7, 3), torch.rand(1)
    for place in range(number):
        torch.manual_seed(1)
        places = torch.arange(place, 7, number)
        with rows_of_batch(7, places):
            assert torch.equal(drawn(draw, len(places)), expected[places])
        assert torch.equal(torch.rand(1), after)


@pytest.mark.parametrize("what", ["dropout", "hidden codes"])
def test_a_layer_gives_a_processs_rows_what_one_process_gives_them(what: str) -> None:
    layer = (
        MLPTrunk(5, width=8, depth=2, dropout=0.4)
        if what == "dropout"
        else CategoryEmbedding((4, 6), width=3, hide=0.5)
    )
    rows = torch.randn(9, 5) if what == "dropout" else torch.randint(2, 4, (9, 2))
    torch.manual_seed(2)
    whole = layer(rows)
    whole = whole[0] if what == "dropout" else whole
    places = torch.arange(1, 9, 2)
    torch.manual_seed(2)
    with rows_of_batch(9, places):
        part = layer(rows[places])
    part = part[0] if what == "dropout" else part
    torch.testing.assert_close(part, whole[places])
    layer.eval()
    assert not torch.allclose(part, layer(rows[places])[0] if what == "dropout" else layer(rows[places]))
