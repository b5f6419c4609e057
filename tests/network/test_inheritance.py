"""A new network answers as the old one did, as far as their inputs are the same."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch

import training_support
from bezant.network.batch import Batch
from bezant.network.fields.encoding import Encoding
from bezant.network.inheritance import _numbers, inherit
from bezant.network.model import Network, NetworkConfig
from bezant.training.config import TrainingConfig
from bezant.training.loop import train
from bezant.training.plan import TablePlan
from bezant.training.table import batch_of, prepare

ROWS = 3000
TRUNKS = {"tabm": {"groups": 2, "depth": 1}, "mlp": {"depth": 2}}


def learned(trunk: str, rows: slice, seed: int) -> tuple[Encoding, Network, Batch]:
    table, schema, y = training_support.loans(ROWS)
    network = NetworkConfig(size="tiny", trunk=trunk, **TRUNKS[trunk])  # type: ignore[arg-type]
    plan = TablePlan(network=network, training=TrainingConfig(seed=seed)).resolved(ROWS)
    return prepare(table.take(np.arange(ROWS)[rows]), schema, y[rows], plan)


@cache
def trained(trunk: str) -> tuple[Encoding, Network]:
    encoding, network, rows = learned(trunk, slice(0, 2000), 0)
    train(network, rows, None, TrainingConfig(max_epochs=2, batch_size=64))
    return encoding, network.eval()


def log_odds(network: Network, encoding: Encoding) -> torch.Tensor:
    table, _, y = training_support.loans(ROWS)
    with torch.no_grad():
        return network.eval()(batch_of(table, encoding, y))  # type: ignore[no-any-return]


@pytest.mark.parametrize("trunk", TRUNKS)
def test_learned_from_the_same_rows_it_ranks_as_before(trunk: str) -> None:
    old_encoding, old = trained(trunk)
    encoding, new, _ = learned(trunk, slice(0, 2000), 1)
    level = new.head.unit.bias.mean()
    before = training_support.digest(old)
    inherit(new, encoding, old, old_encoding)
    moved = log_odds(new, encoding) - log_odds(old, old_encoding)
    torch.testing.assert_close(moved, moved[0, 0].expand_as(moved), atol=1e-4, rtol=0)
    torch.testing.assert_close(new.head.unit.bias.mean(), level)
    assert training_support.digest(old) == before


@pytest.mark.parametrize("trunk", TRUNKS)
def test_new_rows_change_bins_and_words_but_not_what_a_value_means(trunk: str) -> None:
    old_encoding, old = trained(trunk)
    encoding, new, _ = learned(trunk, slice(1000, 3000), 1)
    assert encoding != old_encoding
    inherit(new, encoding, old, old_encoding)
    state = next(c for c in encoding.codes if c.field == "State")
    before = next(c for c in old_encoding.codes if c.field == "State")
    word = next(w for w in state.texts if w in before.texts)
    vectors = [
        n.fields.categories.vectors.weight[_start(n, e, "State") + c.texts.index(word) + 2]
        for n, e, c in ((new, encoding, state), (old, old_encoding, before))
    ]
    torch.testing.assert_close(*vectors)
    for place, name in enumerate(_numbers(new, encoding)):
        names = _numbers(old, old_encoding)
        if name not in names:
            continue
        new_line, old_line = new.fields.numbers.piecewise, old.fields.numbers.piecewise
        j = names.index(name)
        x = new_line.edges[place][torch.isfinite(new_line.edges[place])]
        bounded = x.clamp(old.fields.numbers.low[j], old.fields.numbers.high[j])
        torch.testing.assert_close(
            _curve(new_line, place, x), _curve(old_line, j, bounded), atol=1e-4, rtol=1e-4
        )
    a, b = (log_odds(n, e).mean(1) for n, e in ((new, encoding), (old, old_encoding)))
    assert torch.corrcoef(torch.stack([a, b]))[0, 1] > 0.8


def _start(network: Network, encoding: Encoding, field: str) -> int:
    places = network.fields.config.embedded
    sizes = [encoding.codes[c].size for c in places]
    fields = [encoding.codes[c].field for c in places]
    return sum(sizes[: fields.index(field)])


def _curve(line: torch.nn.Module, column: int, x: torch.Tensor) -> torch.Tensor:
    every = line.edges[:, :1].T.repeat(len(x), 1)
    every[:, column] = x
    return line(every)[:, column]


def test_an_input_that_was_not_there_has_no_say() -> None:
    old_encoding, old = trained("mlp")
    encoding, new, _ = learned("mlp", slice(0, 2000), 1)
    named = tuple(c.model_copy(update={"field": f"new {c.field}"}) for c in encoding.numbers)
    inherit(new, encoding.model_copy(update={"numbers": named}), old, old_encoding)
    config = new.fields.config
    unknown = (len(named) + len(config.ratios)) * config.number_width
    weights = new.trunk.layers[0].weight
    assert unknown and not weights[:, :unknown].any()
    assert weights[:, unknown:].abs().sum(0).min() > 0
