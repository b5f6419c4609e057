"""Windows: every record counts once, with a past where there is one."""

from __future__ import annotations

import pytest
import torch

from bezant.network.batch import Batch
from bezant.network.records import Records
from bezant.training.windows import at_the_end, in_windows


def batch_of(lengths: list[int]) -> Batch:
    size = torch.tensor(lengths)
    total = int(size.sum())
    codes, times = torch.arange(total).int()[:, None], torch.arange(total)
    starts, none = size.cumsum(0) - size, torch.zeros(len(size), dtype=torch.int64)
    records = Records(torch.empty(total, 0), codes, times, starts, size, none)
    return Batch(torch.arange(len(size)).float()[:, None], torch.empty(len(size), 0).int(), records=records)


@pytest.mark.parametrize("window", [1, 2, 5, 6])
def test_every_record_counts_once_and_with_half_a_window_of_past(window):
    batch = batch_of([0, 1, 5, 6, 7, 23])
    cut = in_windows(batch, window)
    counted = []
    for row in range(len(cut)):
        start, length = int(cut.records.starts[row]), int(cut.records.lengths[row])
        context, owner = int(cut.target[row]), int(cut.numbers[row, 0])
        begin = int(batch.records.starts[owner])
        assert 0 <= context < length <= window
        assert context == 0 if start == begin else context == window // 2
        assert begin <= start and start + length <= begin + int(batch.records.lengths[owner])
        counted += range(start + context, start + length)
    assert sorted(counted) == list(range(42))


def test_at_the_end_the_last_records_count():
    cut = at_the_end(batch_of([0, 2, 9]), window=4, number=3)
    assert cut.records.lengths.tolist() == [0, 2, 7]
    assert cut.target.tolist() == [0, 0, 4]
    assert cut.records.starts.tolist()[1:] == [0, 4]
