"""The additive member is a penalised logistic regression of curves and codes, as a slow loop writes it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from bezant.network import additive as additive_module
from bezant.network.additive import AdditiveMember
from bezant.network.batch import Batch
from bezant.network.fields.embedding import FieldConfig
from bezant.network.fields.numbers import quantile_edges
from bezant.network.model import Network, NetworkConfig
from bezant.network.record_encoder import RecordsConfig, record_fields
from bezant.network.scoring import TableModel
from drawn import drawn_model

FIELDS = FieldConfig(n_bins=(4, 4), cardinalities=(5, 9, 3), embedded=(0, 2))


def rows(n: int = 300) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    numbers = torch.randn(n, 2, generator=draw)
    codes = torch.stack([torch.randint(0, c, (n,), generator=draw) for c in (5, 3)], 1).int()
    odds = numbers[:, 0].abs() - codes[:, 0] / 2
    numbers[::7, 1] = torch.nan
    odds[::7] += 1.5
    return numbers, codes, (torch.rand(n, generator=draw) < torch.sigmoid(odds)).float()


def slow_design(numbers: np.ndarray, codes: np.ndarray, edges: list[torch.Tensor]) -> np.ndarray:
    """Rows of the regression, one at a time."""
    means = []
    for x, edge in zip(numbers.T, edges, strict=True):
        known = [passed(v, edge.tolist()) for v in x if not np.isnan(v)]
        means.append(np.mean(known, 0))
    design = []
    for number, code in zip(numbers, codes, strict=True):
        row: list[float] = []
        for v, edge, mean in zip(number, edges, means, strict=True):
            row += [0.0] * len(mean) if np.isnan(v) else list(np.array(passed(v, edge.tolist())) - mean)
        row += [float(np.isnan(v)) for v in number]
        for v, size in zip(code, (5, 3), strict=True):
            row += [float(v == k) for k in range(size)]
        design.append(row)
    return np.array(design)


def passed(value: float, edges: list[float]) -> list[float]:
    """Share of each bin that lies below a value."""
    bins = pairwise(edges)
    return [min(max((value - low) / (high - low), 0.0), 1.0) for low, high in bins]


def test_the_answers_are_those_of_a_regression_on_rows_written_out_by_hand() -> None:
    numbers, codes, y = rows()
    member = AdditiveMember(FIELDS)
    solved = member.learn(numbers, codes, y)
    edges = quantile_edges(numbers, additive_module.BINS, "tails")
    design = slow_design(numbers.numpy(), codes.numpy(), edges)
    truth = LogisticRegression(C=1 / solved.penalty, tol=1e-10, max_iter=10_000).fit(design, y.numpy())
    found = torch.sigmoid(member(numbers, codes))
    np.testing.assert_allclose(found, truth.predict_proba(design)[:, 1], atol=1e-5)
    assert float(found.std()) > 0.1
    assert float(member.penalty) == solved.penalty


def test_further_numbers_may_rise_by_more_for_the_same_penalty() -> None:
    numbers, codes, y = rows()
    member = AdditiveMember(FIELDS.model_copy(update={"n_bins": (4,)}), further=1)
    solved = member.learn(numbers, codes, y)
    edges = quantile_edges(numbers, additive_module.BINS, "tails")
    design = slow_design(numbers.numpy(), codes.numpy(), edges)
    before, own = (len(edge) - 1 for edge in edges)
    design[:, before : before + own] *= additive_module.TRUSTED
    truth = LogisticRegression(C=1 / solved.penalty, tol=1e-10, max_iter=10_000).fit(design, y.numpy())
    found = torch.sigmoid(member(numbers, codes))
    np.testing.assert_allclose(found, truth.predict_proba(design)[:, 1], atol=1e-5)


def test_rounding_of_a_further_number_is_not_learned_from() -> None:
    numbers, codes, y = rows()
    draw = torch.Generator().manual_seed(1)
    noise = 1e-7 * torch.randn(300, generator=draw)
    numbers[:120, 1] = torch.where(y[:120] > 0, noise[:120].abs(), -noise[:120].abs())  # no records, say
    numbers[120:, 1] = numbers[120:, 1].nan_to_num(1.0)
    member = AdditiveMember(FIELDS.model_copy(update={"n_bins": (4,)}), further=1)
    member.learn(numbers, codes, y)
    again = numbers.clone()
    again[:120, 1] = 0.0
    torch.testing.assert_close(member(again, codes), member(numbers, codes), atol=1e-4, rtol=0)
    level = AdditiveMember(FIELDS.model_copy(update={"n_bins": (4,)}), further=1)
    numbers[:, 1] = noise  # of one value
    level.learn(numbers, codes, y)
    assert torch.isfinite(level(numbers, codes)).all()


def test_a_configuration_of_before_further_numbers_were_read_has_none() -> None:
    network = drawn_model(additive=True)[0].network
    document = network.config.model_dump(mode="json")
    document.pop("further")
    document["records"] = RecordsConfig(fields=record_fields((4,), ()), components=3, kept=2).model_dump()
    document["records"].pop("forecast_first")
    old = NetworkConfig.model_validate(document)
    assert old.records is not None and not old.records.forecast_first
    member = Network(old).additive
    assert member is not None and member.further == 0


def test_a_model_that_read_further_numbers_before_its_configuration_said_so_opens() -> None:
    model = drawn_model(additive=True)[0]
    document, tensors = model.document(), model.tensors()
    document["network"].pop("further")
    assert TableModel.restore(tensors, document).network.config.further == 0
    assert model.network.additive is not None
    wider = AdditiveMember(model.network.fields.config, further=2)
    tensors |= {f"network.additive.{name}": value for name, value in wider.state_dict().items()}
    found = TableModel.restore(tensors, document).network
    assert found.config.further == found.additive.further == 2  # type: ignore[union-attr]


def test_numbers_outside_the_training_rows_count_as_their_ends() -> None:
    numbers, codes, y = rows()
    member = AdditiveMember(FIELDS)
    member.learn(numbers, codes, y)
    ends = torch.stack([numbers.nan_to_num(0.0).amin(0), numbers.nan_to_num(0.0).amax(0)])
    beyond = ends + torch.tensor([[-100.0], [100.0]])
    torch.testing.assert_close(member(beyond, codes[:2]), member(ends, codes[:2]))


def test_more_rows_than_the_most_are_taken_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers, codes, y = rows()
    monkeypatch.setattr(additive_module, "MOST_ROWS", 100)
    thinned, third = AdditiveMember(FIELDS), AdditiveMember(FIELDS)
    assert len(thinned.learn(numbers, codes, y).left_out) == 100
    third.learn(numbers[::3], codes[::3], y[::3])
    assert torch.equal(thinned(numbers, codes), third(numbers, codes))


def test_very_many_numbers_have_fewer_bins_each() -> None:
    many = FIELDS.model_copy(update={"n_bins": (2,) * 300})
    assert AdditiveMember(FIELDS).bins == 16
    assert AdditiveMember(many).bins == 3


def test_a_network_mixes_it_in_by_its_share() -> None:
    model, table = drawn_model(additive=True)
    network, batch = model.network, Batch.of(model.encoding.encode(table))
    assert network.additive is not None
    members, own = network.apart(batch)
    assert float((members - own).abs().max()) > 0.1
    torch.testing.assert_close(network.predict(batch), 0.75 * members + 0.25 * own)
    network.give_share(0.5)
    torch.testing.assert_close(network.predict(batch), (members + own) / 2)


def test_training_does_not_touch_it_and_its_weights_change_no_other() -> None:
    model, _ = drawn_model(additive=True)
    config = model.network.config
    assert not [n for n, p in model.network.named_parameters() if "additive" in n and p.requires_grad]
    torch.manual_seed(3)
    with_it = Network(config).state_dict()
    torch.manual_seed(3)
    without = Network(config.model_copy(update={"additive": False})).state_dict()
    assert all(torch.equal(with_it[name], tensor) for name, tensor in without.items())
    assert len(with_it) > len(without)


def test_folding_leaves_the_callers_random_numbers_alone() -> None:
    model, _ = drawn_model(additive=True)
    assert model.network.additive is not None
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    model.network.additive.as_fields(model.network.fields)
    assert torch.equal(torch.rand(3), expected)


def test_an_answer_that_is_no_probability_of_an_event_has_no_additive_part() -> None:
    with pytest.raises(ValueError, match="'severity'"):
        Network(NetworkConfig(head="severity", additive=True, fields=FIELDS))
