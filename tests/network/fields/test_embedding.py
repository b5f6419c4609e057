"""FieldEmbedding: what is learned comes from training rows, and training rows see other folds."""

from __future__ import annotations

import torch
from numpy.testing import assert_allclose

from bezant.network.batch import Batch
from bezant.network.fields.categories import CategoryEmbedding
from bezant.network.fields.embedding import FieldConfig, FieldEmbedding, learn_fields
from bezant.network.fields.encoding import UNKNOWN

CONFIG = FieldConfig(
    n_bins=(),
    cardinalities=(12, 4),
    statistics=(0,),
    embedded=(1,),
    number_width=6,
    category_width=3,
    most_pairs=0,
    most_ratios=0,
)


def rows(n: int = 200, seed: int = 0) -> Batch:
    draw = torch.Generator().manual_seed(seed)
    numbers = torch.randn(n, 2, generator=draw)
    numbers[::7, 1] = torch.nan
    codes = torch.stack([torch.randint(0, c, (n,), generator=draw) for c in (12, 4)], 1).int()
    return Batch(numbers, codes, target=(torch.rand(n, generator=draw) < 0.4).float())


def learned(batch: Batch, config: FieldConfig = CONFIG) -> tuple[FieldEmbedding, Batch]:
    torch.manual_seed(0)
    return learn_fields(batch, torch.arange(len(batch)) % 5, config, 8)


def test_width_is_that_of_the_fields() -> None:
    fields, batch = learned(rows())
    assert len(fields.config.n_bins) == 2 + 3  # two numbers, two smoothed means, one count
    assert fields.chunks == [6] * 5 + [3]
    assert fields(batch).shape == (200, fields.width) == (200, 33)
    assert fields(batch.rows(slice(0, 0))).shape == (0, 33)


def test_training_rows_get_statistics_of_other_folds_and_other_rows_those_of_all() -> None:
    batch = rows()
    fields, prepared = learned(batch)
    assert prepared.statistics is not None
    in_use = fields.statistics(batch.codes)
    assert not torch.allclose(prepared.statistics, in_use)
    bare = Batch(batch.numbers, batch.codes)
    told = Batch(batch.numbers, batch.codes, in_use)
    assert torch.equal(fields(bare), fields(told))
    assert not torch.equal(fields(bare), fields(prepared))


def test_flipping_a_target_leaves_the_rows_own_input_as_it_was() -> None:
    batch = rows()
    _, before = learned(batch)
    assert batch.target is not None
    assert before.statistics is not None
    target = batch.target.clone()
    target[17] = 1 - target[17]
    _, after = learned(Batch(batch.numbers, batch.codes, target=target))
    assert after.statistics is not None
    assert torch.equal(after.statistics[17], before.statistics[17])
    assert not torch.equal(after.statistics, before.statistics)


def test_a_saved_embedding_is_built_again_from_its_configuration_and_tensors() -> None:
    for config in (CONFIG, CONFIG.model_copy(update={"most_pairs": 24, "most_ratios": 8})):
        batch = rows(seed=3)
        fields, _ = learned(batch, config)
        again = FieldEmbedding(FieldConfig.model_validate_json(fields.config.model_dump_json()))
        again.load_state_dict(fields.state_dict())
        bare = Batch(batch.numbers, batch.codes)
        assert torch.equal(again(bare), fields(bare))


def test_fields_of_numbers_or_codes_alone() -> None:
    batch = rows()
    numbers_only = FieldConfig(n_bins=(), cardinalities=(), number_width=6, most_pairs=0, most_ratios=0)
    fields, prepared = learned(Batch(batch.numbers, batch.codes[:, :0], target=batch.target), numbers_only)
    assert fields(prepared).shape == (200, 12)
    codes_only = CONFIG.model_copy(update={"statistics": ()})
    fields, prepared = learned(Batch(batch.numbers[:, :0], batch.codes, target=batch.target), codes_only)
    assert fields(prepared).shape == (200, 3)


def test_code_vectors_are_rows_of_one_table() -> None:
    layer = CategoryEmbedding((3, 5), 2).eval()
    out = layer(torch.tensor([[2, 4], [0, 0]], dtype=torch.int32))
    table = layer.vectors.weight
    assert table.shape == (8, 2)
    assert_allclose(out.detach(), torch.stack([table[[2, 7]], table[[0, 3]]]).detach())


def test_hidden_codes_are_unknown_and_only_in_training() -> None:
    layer = CategoryEmbedding((3, 5), 2, hide=0.9999)
    codes = torch.tensor([[2, 4]] * 50, dtype=torch.int32)
    unknown = torch.tensor([[UNKNOWN, UNKNOWN]] * 50, dtype=torch.int32)
    torch.manual_seed(0)
    assert torch.equal(layer.train()(codes), layer.eval()(unknown))
    assert not torch.equal(layer.eval()(codes), layer.eval()(unknown))
