"""Pair statistics against a slow truth, and what they must find and must not find."""

import numpy as np
import pytest
import torch

from bezant.network.batch import Batch
from bezant.network.fields.embedding import FieldConfig, FieldEmbedding, learn_fields
from bezant.network.fields.interactions import STRENGTH, _corrections, learn_pairs


def a_table(n=6000, seed=0, together=2.0):
    """Columns 0 and 1 act only together (exclusive or), column 2 alone, column 3 and the number never."""
    generator = torch.Generator().manual_seed(seed)
    codes = torch.randint(2, 6, (n, 4), generator=generator, dtype=torch.int32)
    numbers = torch.randn(n, 1, generator=generator)
    logit = together * ((codes[:, 0] % 2) != (codes[:, 1] % 2)) + 0.5 * codes[:, 2] - 4
    target = (torch.rand(n, generator=generator) < torch.sigmoid(logit)).float()
    folds = torch.arange(n) % 5
    return codes, numbers, target, folds


def learned(codes, numbers, target, folds, most=3, binary=True):
    return learn_pairs(codes, numbers, target, folds, (6, 6, 6, 6), most=most, binary=binary)


def test_two_columns_that_act_only_together_are_found():
    pairs, _, corrections = learned(*a_table())
    assert pairs[0] == (0, 1)
    assert corrections.shape == (6000, len(pairs))


def test_a_table_without_interactions_gets_no_pair():
    assert learned(*a_table(together=0.0))[0] == ()


def test_a_number_takes_part_in_bins():
    codes, numbers, _, folds = a_table()
    target = ((codes[:, 0] % 2 == 1) == (numbers[:, 0] > 0)).float()
    numbers[::50] = torch.nan
    pairs, module, corrections = learned(codes, numbers, target, folds)
    assert pairs == ((0, 4),)
    found = module(codes, numbers)[:, 0]
    known = ~torch.isnan(numbers[:, 0])
    assert float(((found > 0) == (target == 1))[known].float().mean()) > 0.9
    torch.testing.assert_close(found, corrections[:, 0], atol=0.5, rtol=0.1)


@pytest.mark.parametrize("binary", [True, False])
def test_the_table_holds_penalised_newton_steps_of_the_cells(binary):
    codes, numbers, target, folds = a_table()
    pairs, module, _ = learned(codes, numbers, target, folds, binary=binary)
    scores = module(codes, numbers)[:, 0]
    cell = codes[:, 0] * 6 + codes[:, 1]
    assert pairs[0] == (0, 1)
    for value in torch.unique(cell):
        inside = cell == value
        assert len(torch.unique(scores[inside])) == 1
        overall, mean, rows = float(target.mean()), float(target[inside].mean()), int(inside.sum())
        information = overall * (1 - overall) if binary else 1.0
        expected = rows * (mean - overall) / (rows * information + STRENGTH)
        assert float(scores[inside][0]) == pytest.approx(expected, abs=0.25 if binary else 0.05)


def test_a_fold_gets_the_steps_of_the_other_folds_alone():
    codes, _, target, folds = a_table()
    cell = (codes[:, 0] * 6 + codes[:, 1]).long()
    residual, information = target.double() - 0.3, torch.full((len(target),), 0.21, dtype=torch.float64)
    whole, before = _corrections(cell, 36, residual, information, folds)
    for fold in range(5):
        own = folds == fold
        alone, _ = _corrections(cell[~own], 36, residual[~own], information[~own], folds[~own])
        torch.testing.assert_close(before[own], alone[cell[own]])
        assert float((before[own] - whole[cell[own]]).abs().max()) > 0.01


def test_a_row_hears_little_of_its_own_target():
    codes, numbers, target, folds = a_table(together=0.0)
    together = (codes[:, 0] % 2) != (codes[:, 1] % 2)
    target = torch.where(together & (target == 0), (torch.arange(len(target)) % 3 == 0).float(), target)
    pairs, _, corrections = learned(codes, numbers, target, folds)
    assert pairs[0] == (0, 1)
    cell = codes[:, 0] * 6 + codes[:, 1]
    for value in torch.unique(cell):  # within a cell a leak would show as a correlation with the target
        inside = cell == value
        both = torch.stack([corrections[inside, 0], target[inside]])
        assert abs(float(torch.corrcoef(both)[0, 1])) < 0.15


def test_a_cell_never_seen_is_corrected_by_nothing():
    codes, numbers, target, folds = a_table()
    kept = ~((codes[:, 0] == 2) & (codes[:, 1] == 3))
    pairs, module, _ = learned(codes[kept], numbers[kept], target[kept], folds[kept])
    assert pairs[0] == (0, 1)
    assert float(module(codes[~kept], numbers[~kept])[:, 0].abs().max()) == 0
    assert float(module(codes[kept], numbers[kept])[:, 0].abs().min()) > 0


@pytest.mark.parametrize("n", [0, 1, 7])
def test_tiny_tables_pass(n):
    codes, numbers, target, folds = (t[:n] for t in a_table())
    pairs, module, corrections = learned(codes, numbers, target, folds)
    assert pairs == ()
    assert corrections.shape == (n, 0)
    assert module(codes, numbers).shape == (n, 0)


def test_the_embedding_is_built_again_from_its_configuration():
    codes, numbers, target, folds = a_table()
    numbers = torch.cat([numbers.exp(), numbers.exp() * (1 + torch.rand(len(numbers), 1))], 1)
    batch = Batch(numbers, codes, target=target)
    wished = FieldConfig(n_bins=(), cardinalities=(6, 6, 6, 6), statistics=(2,), embedded=(0, 1, 2, 3))
    fields, rows = learn_fields(batch, folds, wished, 8)
    assert fields.config.pairs[0] == (0, 1)
    assert fields.config.ratios == ((0, 1),)
    again = FieldEmbedding(FieldConfig.model_validate_json(fields.config.model_dump_json()))
    again.load_state_dict(fields.state_dict())
    torch.testing.assert_close(fields.eval()(batch), again.eval()(batch), atol=0, rtol=0)
    assert rows.statistics.shape[1] == 3 + len(fields.config.pairs)
    assert np.isfinite(fields(rows).detach().numpy()).all()
