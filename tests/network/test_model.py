"""The network: built from its configuration, scored in pieces, judged by its head."""

from __future__ import annotations

import pytest
import torch
from numpy.testing import assert_allclose

from bezant.network import model as model_module
from bezant.network.batch import Batch
from bezant.network.fields.embedding import FieldConfig
from bezant.network.model import Network, NetworkConfig, learn_network
from bezant.network.sizes import SIZES

FIELDS = FieldConfig(n_bins=(), cardinalities=(12, 4), statistics=(0,), embedded=(1,))


def rows(n: int = 100) -> Batch:
    draw = torch.Generator().manual_seed(0)
    numbers = torch.randn(n, 2, generator=draw)
    codes = torch.stack([torch.randint(0, c, (n,), generator=draw) for c in (12, 4)], 1).int()
    return Batch(numbers, codes, target=(torch.rand(n, generator=draw) < 0.3).float())


def network(batch: Batch, **settings: object) -> tuple[Network, Batch]:
    torch.manual_seed(0)
    config = NetworkConfig.model_validate({"size": "tiny", "fields": FIELDS, **settings})
    return learn_network(batch, torch.arange(len(batch)) % 5, config)


@pytest.mark.parametrize("trunk", ["mlp", "tabm"])
@pytest.mark.parametrize("head", ["binary", "severity"])
def test_a_network_is_built_again_from_configuration_and_tensors(trunk: str, head: str) -> None:
    batch = rows()
    first, _ = network(batch, trunk=trunk, head=head)
    again = Network(NetworkConfig.model_validate_json(first.config.model_dump_json()))
    again.load_state_dict(first.state_dict())
    bare = Batch(batch.numbers, batch.codes)
    assert torch.equal(again.predict(bare), first.predict(bare))
    assert first.predict(bare).shape == (100,)


def test_training_starts_near_the_rate_of_the_events() -> None:
    batch = rows()
    first, prepared = network(batch)
    assert batch.target is not None
    with torch.no_grad():
        first.head.unit.weight.zero_()
    assert_allclose(first.predict(prepared), torch.full((100,), float(batch.target.mean())), rtol=1e-3)


def test_scoring_in_pieces_is_scoring_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = rows()
    first, _ = network(batch)
    bare = Batch(batch.numbers, batch.codes)
    whole = first.predict(bare)
    monkeypatch.setattr(model_module, "SCORING_ROWS", 7)
    assert_allclose(first.predict(bare), whole, rtol=1e-5)


def test_scoring_leaves_the_mode_of_training_as_it_was() -> None:
    batch = rows()
    first, _ = network(batch)
    first.train()
    assert torch.equal(first.predict(batch), first.predict(batch))  # no dropout
    assert first.training


def test_the_judge_is_the_log_loss_of_the_answer() -> None:
    batch = rows()
    first, _ = network(batch)
    p, t = first.predict(batch).double(), batch.target
    assert t is not None
    wanted = -(t * p.log() + (1 - t) * (1 - p).log()).mean()
    assert first.judge(batch) == pytest.approx(float(wanted), rel=1e-6)


def test_hidden_matrices_are_those_between_hidden_layers() -> None:
    first, _ = network(rows())
    assert [tuple(p.shape) for p in first.hidden_matrices()][1:] == [(SIZES["tiny"].width,) * 2]
    assert all(p.ndim == 2 for p in first.hidden_matrices())


def test_precision_is_changed_for_a_while() -> None:
    batch = rows()
    first, _ = network(batch)
    exact = first.eval()(batch)
    with first.computing_in(torch.bfloat16):
        rough = first(batch)
    assert rough.dtype == torch.float32
    assert not torch.equal(rough, exact)
    assert_allclose(rough.detach(), exact.detach(), atol=0.1)
    assert torch.equal(first(batch), exact)


def test_an_empty_batch_gives_no_answers() -> None:
    first, _ = network(rows())
    assert first.predict(rows().rows(slice(0, 0))).shape == (0,)


def test_a_network_without_known_fields_is_refused() -> None:
    with pytest.raises(ValueError, match="fields are known"):
        Network(NetworkConfig())


@pytest.mark.parametrize("parts", [2, 4])
@pytest.mark.parametrize("n", [100, 99, 3])
def test_a_dealt_row_has_the_outputs_of_the_members_that_read_it(n: int, parts: int) -> None:
    every, batch = network(rows(), dropout=0.0)
    dealt = Network(every.config.model_copy(update={"dealt": parts}))
    dealt.load_state_dict(every.state_dict())
    some = batch.rows(slice(0, n))
    with torch.no_grad():
        whole, found = every.train()(some), dealt.train()(some)
    own, length = 4 // parts, -(-n // parts)
    place = torch.arange(n) // length * own
    assert_allclose(found, torch.stack([whole[i, p : p + own] for i, p in enumerate(place)]), atol=1e-5)
    assert_allclose(dealt.predict(some), every.predict(some), rtol=1e-5)  # all members answer


def test_a_batch_is_dealt_evenly_among_the_members() -> None:
    with pytest.raises(ValueError, match="dealt into 3 parts among 4 members"):
        network(rows(), dealt=3)


def test_rows_that_come_by_length_are_shuffled_before_they_are_dealt(monkeypatch: pytest.MonkeyPatch) -> None:
    dealt, batch = network(rows(), dropout=0.0, dealt=2)
    monkeypatch.setattr(dealt, "embed", lambda _: torch.arange(8.0)[:, None])
    monkeypatch.setattr(dealt, "_dealt", lambda x: x)
    object.__setattr__(batch, "records", object())  # what they are does not matter here
    assert dealt.train()(batch).flatten().tolist() == list(range(8))  # each row's answer is its own
