"""Sizes: about as many parameters as the table says, counted without making the large ones."""

from __future__ import annotations

import pytest
import torch

from bezant.network.fields.embedding import FieldConfig, FieldEmbedding
from bezant.network.heads.binary import BinaryHead
from bezant.network.sizes import SIZES
from bezant.network.trunks.tabm import TabMTrunk

SAID = {"tiny": 1e5, "small": 2e5, "base": 1e7, "large": 1e8, "xl": 1e9}


def parameters(name: str) -> int:
    """Parameters on a table of 25 fields: 15 numbers, 5 categories of few values, 5 of many; 24 pairs."""
    size = SIZES[name]
    config = FieldConfig(
        n_bins=(size.bins,) * (15 + 5 * 3 + 24),
        cardinalities=(40,) * 5 + (2000,) * 5,
        statistics=tuple(range(5, 10)),
        embedded=tuple(range(5)),
        number_width=size.number_width,
        category_width=size.category_width,
    )
    fields = FieldEmbedding(config)
    with torch.device("meta"):
        trunk = TabMTrunk(
            fields.width,
            chunks=fields.chunks,
            members=size.members,
            width=size.width,
            depth=size.depth,
            dropout=0.1,
        )
        head = BinaryHead(size.members, size.width)
    return sum(p.numel() for part in (fields, trunk, head) for p in part.parameters())


@pytest.mark.parametrize("name", SIZES)
def test_sizes_have_about_the_parameters_the_table_says(name: str) -> None:
    assert 0.6 < parameters(name) / SAID[name] < 1.7


def test_each_size_is_larger_than_the_one_before() -> None:
    counts = [parameters(name) for name in SIZES]
    assert counts == sorted(counts)
