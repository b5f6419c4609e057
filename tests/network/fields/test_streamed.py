"""Fields learned from pieces are the fields learned from the whole."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from bezant.network.batch import Batch
from bezant.network.fields import streamed
from bezant.network.fields.embedding import FieldConfig, learn_fields
from bezant.network.fields.streamed import learn_fields_in_pieces

N, FOLDS = 3000, 5
CONFIG = FieldConfig(n_bins=(), cardinalities=(6, 40, 9), statistics=(1, 2), embedded=(0, 2))


def rows(seed: int = 0) -> tuple[Batch, torch.Tensor]:
    """Rows whose target depends on a pair of columns, so that pairs are chosen."""
    draw = torch.Generator().manual_seed(seed)
    codes = torch.stack([torch.randint(0, n, (N,), generator=draw) for n in CONFIG.cardinalities], 1).int()
    numbers = torch.randn(N, 2, generator=draw).exp()
    numbers[::17, 1] = torch.nan
    lift = 2.0 * ((codes[:, 0] + codes[:, 2]) % 3 == 0).float() - 1.5
    target = (torch.rand(N, generator=draw) < torch.sigmoid(lift)).float()
    return Batch(numbers, codes, None, target), torch.arange(N) % FOLDS


def cut(batch: Batch, folds: torch.Tensor, size: int) -> Iterator[tuple[Batch, torch.Tensor]]:
    for start in range(0, len(batch), size):
        part = slice(start, start + size)
        yield batch.rows(part), folds[part]


@pytest.mark.parametrize("dense", [True, False])
def test_pieces_give_the_same_fields_and_statistics_as_the_whole(
    dense: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not dense:
        monkeypatch.setattr(streamed, "DENSE_VALUES", 0)
    batch, folds = rows()
    torch.manual_seed(0)
    fields, whole = learn_fields(batch, folds, CONFIG, 8)
    torch.manual_seed(0)
    learned = learn_fields_in_pieces(lambda: cut(batch, folds, 700), FOLDS, batch, folds, CONFIG, 8)
    assert fields.config.pairs and learned.fields.config == fields.config
    for name, value in fields.state_dict().items():
        torch.testing.assert_close(learned.fields.state_dict()[name], value, msg=name)
    found = torch.cat([learned.out_of_fold(*piece) for piece in cut(batch, folds, 500)])
    assert whole.statistics is not None
    torch.testing.assert_close(found, whole.statistics)


def test_statistics_are_of_all_rows_though_the_sample_is_few() -> None:
    batch, folds = rows()
    few = torch.arange(0, N, 3)
    learned = learn_fields_in_pieces(
        lambda: cut(batch, folds, 700), FOLDS, batch.rows(few), folds[few], CONFIG, 8
    )
    fields, whole = learn_fields(batch, folds, CONFIG, 8)
    torch.testing.assert_close(learned.fields.statistics.table, fields.statistics.table)
    assert whole.statistics is not None
    own = learned.fields.statistics.width
    found = torch.cat([learned.out_of_fold(*piece) for piece in cut(batch, folds, 500)])
    torch.testing.assert_close(found[:, :own], whole.statistics[:, :own])


def test_a_pairs_corrections_are_of_all_rows_by_hand() -> None:
    batch, folds = rows()
    few = torch.arange(0, N, 2)
    learned = learn_fields_in_pieces(
        lambda: cut(batch, folds, 900), FOLDS, batch.rows(few), folds[few], CONFIG, 8
    )
    pairs = learned.fields.config.pairs
    assert (0, 2) in pairs
    place = learned.fields.statistics.width + pairs.index((0, 2))
    found = learned.out_of_fold(batch, folds)[:, place]
    # Rows of one cell and one fold share a correction, which does not move with their own fold's targets.
    target = batch.target
    assert target is not None
    flipped = Batch(batch.numbers, batch.codes, None, torch.where(folds == 0, 1 - target, target))
    again = learn_fields_in_pieces(
        lambda: cut(flipped, folds, 900), FOLDS, flipped.rows(few), folds[few], CONFIG, 8
    )
    cell = batch.codes[:, 0] * 9 + batch.codes[:, 2]
    for value in (3, 30, 50):
        inside = (cell == value) & (folds == 0)
        assert (found[inside] == found[inside][0]).all()
        assert found[(cell == value) & (folds == 1)][0] != found[inside][0]
    if (0, 2) in again.fields.config.pairs:
        moved = again.out_of_fold(batch, folds)[:, place]
        assert not torch.allclose(moved[folds == 1], found[folds == 1], atol=1e-3)


def test_cells_beyond_the_cap_get_no_correction_and_the_notes_count_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batch, folds = rows()
    whole = learn_fields_in_pieces(lambda: cut(batch, folds, 700), FOLDS, batch, folds, CONFIG, 8)
    assert whole.notes == ()
    monkeypatch.setattr(streamed, "MOST_CELLS", 30)
    learned = learn_fields_in_pieces(lambda: cut(batch, folds, 700), FOLDS, batch, folds, CONFIG, 8)
    kept, every = learned.fields.config.pair_cells, whole.fields.config.pair_cells
    assert 0 < kept <= 30
    (said,) = learned.notes
    pairs = len(whole.fields.config.pairs)
    assert said.startswith(f"{every - kept} of the {every} cells of {pairs} pairs of columns")
    assert said.endswith("at most 30 are counted.")
    corrections = learned.out_of_fold(batch, folds)[:, learned.fields.statistics.width :]
    assert (corrections == 0).any()
    assert learned.fields.interactions is not None
    in_use = learned.fields.interactions(batch.codes, torch.cat([batch.numbers], 1))
    assert torch.equal(in_use == 0, corrections == 0)
