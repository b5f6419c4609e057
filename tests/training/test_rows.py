"""Rows in files: what is written is read, and every row is met once a pass."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from bezant.network.batch import Batch
from bezant.network.records import Records
from bezant.training import rows as on_rows
from bezant.training.rows import ArrayFile, RowsInMemory, RowsOnDisk, of_similar_length, real_share
from bezant.types import InputError

CPU = torch.device("cpu")


def same(a: torch.Tensor | None, b: torch.Tensor | None) -> bool:
    return a is not None and b is not None and torch.equal(a, b)


def batch(n: int) -> Batch:
    """Rows that carry their own place as target."""
    place = torch.arange(n)
    return Batch(
        torch.stack([place.float(), -place.float()], 1),
        place[:, None].int().repeat(1, 3),
        None,
        place.float(),
    )


def written(folder: Path, n: int, piece: int = 700) -> RowsOnDisk:
    rows, whole = RowsOnDisk(folder, 2, 3), batch(n)
    for start in range(0, n, piece):
        part = whole.rows(slice(start, start + piece))
        rows.append(part, np.arange(start, start + len(part)) % 10)
    rows.append_statistics(whole.numbers.repeat(1, 2))
    return rows


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Buffers of four blocks of 64 rows."""
    monkeypatch.setattr(on_rows, "BLOCK_ROWS", 64)
    monkeypatch.setattr(on_rows, "BUFFER_ROWS", 256)


def test_what_is_appended_is_read_back(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(1000, 5)).astype(np.float32)
    file = ArrayFile(tmp_path / "a", 5, np.float32)
    file.append(values[:300])
    file.append(values[300:])
    assert np.array_equal(file.read(250, 420), values[250:420])
    assert np.array_equal(file.read(990, 5000), values[990:])
    assert file.read(1000, 2000).shape == (0, 5)


def test_columns_may_be_none(tmp_path: Path) -> None:
    rows = RowsOnDisk(tmp_path, 0, 1)
    rows.append(
        Batch(torch.empty(4, 0), torch.ones(4, 1, dtype=torch.int32), None, torch.ones(4)), np.zeros(4)
    )
    assert rows.read(0, 4).numbers.shape == (4, 0)


@pytest.mark.usefixtures("small")
def test_every_row_is_met_once_a_pass_with_its_own_values(tmp_path: Path) -> None:
    rows = written(tmp_path, 1999)
    steps = 40
    order = rows.shuffled(steps, 3, CPU)
    met = []
    for step in range(steps):
        buffer, part = order.part(step)
        assert len(buffer) <= 320
        some = buffer.rows(part)
        assert some.statistics is not None and some.target is not None
        assert torch.equal(some.numbers[:, 0], some.target)
        assert torch.equal(some.codes[:, 2].float(), some.target)
        assert torch.equal(some.statistics[:, 3], -some.target)
        met.append(some.target)
    assert torch.equal(torch.cat(met).sort().values, torch.arange(1999.0))
    sizes = [len(m) for m in met]
    assert max(sizes) - min(sizes) <= 16  # 50 on average


@pytest.mark.usefixtures("small")
def test_a_step_is_the_same_whether_those_before_it_were_taken_or_not(tmp_path: Path) -> None:
    rows = written(tmp_path, 1500)
    whole = rows.shuffled(30, 5, CPU)
    taken = [b.rows(p).target for b, p in (whole.part(s) for s in range(30))]
    late = rows.shuffled(30, 5, CPU)
    buffer, part = late.part(17)
    assert same(buffer.rows(part).target, taken[17])
    other = rows.shuffled(30, 6, CPU)
    buffer, part = other.part(17)
    assert not same(buffer.rows(part).target, taken[17])


def test_rows_of_one_buffer_are_shuffled_as_in_memory(tmp_path: Path) -> None:
    rows, whole = written(tmp_path, 500), batch(500)
    there, here = rows.shuffled(7, 11, CPU), RowsInMemory(whole).shuffled(7, 11, CPU)
    for step in range(7):
        (a, i), (b, j) = there.part(step), here.part(step)
        assert same(a.rows(i).target, b.rows(j).target)


@pytest.mark.usefixtures("small")
def test_a_sample_is_rows_of_the_files_in_order_with_their_folds(tmp_path: Path) -> None:
    rows = written(tmp_path, 1999)
    some, folds = rows.sample(300, 0)
    assert some.target is not None and len(some) == 300
    assert same(folds, some.target.long() % 10)
    assert (some.target.diff() > 0).all()
    assert abs(float(some.target.mean()) - 999) < 120  # from all over the files
    everything, _ = rows.sample(5000, 0)
    assert len(everything) == 1999


@pytest.mark.usefixtures("small")
def test_a_step_over_more_rows_than_a_buffer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="smaller batch_size"):
        written(tmp_path, 1999).shuffled(2, 0, CPU)


def test_other_rows_have_another_hash(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
    hashes = [written(tmp_path / name, n).tensors() for name, n in (("a", 100), ("b", 100), ("c", 101))]
    assert all(same(x, y) for x, y in zip(hashes[0], hashes[1], strict=True))
    assert not any(same(x, y) for x, y in zip(hashes[0], hashes[2], strict=True))


def test_steps_over_short_histories_are_drawn_without_regard_to_length() -> None:
    """A batch of one-record customers alone would teach that nobody comes back."""
    lengths = torch.tensor([1] * 600 + [20] * 200)
    order = torch.randperm(800, generator=torch.Generator().manual_seed(0))
    dealt = of_similar_length(list(order.tensor_split(20)), lengths, seed=0)
    assert sorted(torch.cat(dealt).tolist()) == list(range(800))
    shares = torch.stack([(lengths[part] > 1).float().mean() for part in dealt])
    assert float(shares.min()) > 0.05 and float(shares.max()) < 0.5


def test_steps_over_long_histories_hold_rows_of_about_the_same_length() -> None:
    lengths = torch.randint(65, 512, (800,), generator=torch.Generator().manual_seed(0))
    order = torch.randperm(800, generator=torch.Generator().manual_seed(1))
    dealt = of_similar_length(list(order.tensor_split(20)), lengths, seed=0)
    real = sum(int(lengths[part].sum()) for part in dealt)
    computed = sum(len(part) * int(lengths[part].max()) for part in dealt)
    assert real / computed > 0.9


def test_the_share_of_real_positions_is_that_of_a_count_by_hand() -> None:
    lengths = torch.tensor([100, 90, 3, 0, 300, 280, 5, 7])
    records = Records(
        torch.empty(int(lengths.sum()), 0),
        torch.empty(int(lengths.sum()), 0, dtype=torch.int32),
        torch.arange(int(lengths.sum())),
        lengths.cumsum(0) - lengths,
        lengths,
        torch.full((8,), 10**6),
    )
    rows = RowsInMemory(Batch(torch.empty(8, 0), torch.empty(8, 0, dtype=torch.int32), records=records))
    order = rows.shuffled(2, 0, CPU)
    parts = [lengths[order.part(step)[1]] for step in range(2)]
    padded = sum(len(part) * int(part.max()) for part in parts)
    assert int(lengths.sum()) / padded < 0.85 <= real_share(rows, 2, 0, packed=False)[0] < 1.0
    packed, attended = real_share(rows, 2, 0, packed=True)
    assert packed == 1.0
    assert int(lengths.sum()) / padded <= attended < 1.0
    # attention pads within the histories up to 64, from 65 to 128, and from 257 to 512 of a step
    classes = ((0, 64), (65, 128), (257, 512))
    alike = [part[(part >= low) & (part <= high)] for part in parts for low, high in classes]
    computed = sum(len(own) * int(own.max()) for own in alike if len(own))
    assert attended == pytest.approx(int(lengths.sum()) / computed)
