"""What frequencies alone say of records, against counts by hand."""

from __future__ import annotations

import math

import pytest
import torch

from bezant.network.history import HistoryConfig, learn_history
from bezant.network.marginal import marginal_surprise
from bezant.network.record_encoder import RecordsConfig, record_fields
from bezant.network.records import Records

DAY = 86_400_000_000


def records(codes: list[int], each: int) -> Records:
    rows = len(codes) // each
    return Records(
        torch.empty(len(codes), 0),
        torch.tensor(codes, dtype=torch.int32)[:, None],
        (torch.arange(len(codes)) % each) * DAY,
        torch.arange(0, len(codes), each),
        torch.full((rows,), each),
        torch.full((rows,), 20 * DAY),
    )


def test_a_value_costs_the_logarithm_of_how_often_it_was_seen() -> None:
    known = records([2, 2, 2, 3, 2, 2], 2)
    config = HistoryConfig(records=RecordsConfig(fields=record_fields((), (5,))))
    network = learn_history(known, config)
    found = marginal_surprise(network, known, records([2, 3, 4, 4], 2))
    # five of six are 2, one is 3; each of five values counts once more
    expected = [-math.log(n / 11) for n in (6, 2, 1, 1)]
    assert found[:, 0].tolist() == pytest.approx(expected, rel=1e-5)
    assert found[[0, 2], 1].tolist() == [0, 0]  # the time of a first record is nobody's to predict
    # one gap, seen three times, among as many bins as there are classes
    assert found[1, 1].item() == pytest.approx(-math.log(4 / (3 + network.config.classes)), rel=1e-5)


def test_rows_that_share_their_tensors_are_told_alone() -> None:
    whole = records([2, 2, 3, 4, 2, 3], 2)
    config = HistoryConfig(records=RecordsConfig(fields=record_fields((), (5,))))
    network = learn_history(whole, config)
    some = whole.rows(torch.tensor([2]))
    found = marginal_surprise(network, whole, some)
    assert found.shape == (2, 2)
    torch.testing.assert_close(found, marginal_surprise(network, whole, whole)[4:])
