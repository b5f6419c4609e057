"""The batch: parts of one length, picked by index."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bezant.network.batch import Batch
from bezant.network.fields.encoding import Encoded


def batch(n: int = 5) -> Batch:
    return Batch(
        torch.arange(2.0 * n).view(n, 2),
        torch.arange(n, dtype=torch.int32)[:, None],
        statistics=torch.rand(n, 3),
        target=torch.arange(float(n)),
    )


def test_parts_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="different lengths"):
        Batch(torch.zeros(3, 1), torch.zeros(2, 1, dtype=torch.int32))


@pytest.mark.parametrize("index", [torch.tensor([3, 0, 3]), torch.tensor([], dtype=torch.int64)])
def test_rows_are_picked_from_every_part(index: torch.Tensor) -> None:
    whole = batch()
    picked = whole.rows(index)
    assert len(picked) == len(index)
    assert picked.weight is None
    for part, all_rows in zip(picked.tensors(), whole.tensors(), strict=True):
        if all_rows is not None:
            assert part is not None
            assert torch.equal(part, all_rows[index])


def test_a_slice_is_a_view_of_the_same_memory() -> None:
    whole = batch()
    assert whole.rows(slice(1, 3)).numbers.data_ptr() == whole.numbers[1:].data_ptr()


def test_encoded_rows_are_wrapped_without_a_copy() -> None:
    encoded = Encoded(np.zeros((4, 2), np.float32), np.zeros((4, 1), np.int32))
    wrapped = Batch.of(encoded, target=torch.ones(4))
    encoded.numbers[0, 0] = 7
    assert wrapped.numbers[0, 0] == 7
    assert wrapped.target is not None
    assert len(wrapped.to("cpu")) == 4
