"""Records of a batch: chosen by index, encoded alike in any company, summarised."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bezant.network.backbones import BackboneConfig
from bezant.network.record_encoder import RecordsConfig, RecordSummary, learn_records
from bezant.network.records import Records, by_length

HOUR = 3_600_000_000


def _records(lengths: list[int], seed: int = 0) -> Records:
    generator = torch.Generator().manual_seed(seed)
    total = sum(lengths)
    sizes = torch.tensor(lengths, dtype=torch.int64)
    numbers = torch.randn(total, 2, generator=generator)
    numbers[torch.rand(total, 2, generator=generator) < 0.2] = torch.nan
    codes = torch.randint(0, 5, (total, 1), generator=generator, dtype=torch.int32)
    times = torch.cat([*(torch.arange(n) * HOUR for n in lengths), torch.zeros(0, dtype=torch.int64)])
    starts = sizes.cumsum(0) - sizes
    return Records(numbers, codes, times, starts, sizes, sizes * HOUR)


def _summary(records: Records, kind: str = "transformer", window: int = 512) -> RecordSummary:
    torch.manual_seed(0)
    config = RecordsConfig(backbone=BackboneConfig(kind=kind, size="tiny"), window=window)  # type: ignore[arg-type]
    return RecordSummary(learn_records(records, config, (5,), 8)).eval()


@pytest.mark.parametrize("kind", ["transformer", "cnn", "rnn"])
def test_a_row_is_summarised_alike_alone_and_in_company(kind: str) -> None:
    records = _records([4, 0, 9, 1])
    summary = _summary(records, kind)
    together = summary(records)
    for i in range(4):
        alone = summary(records.rows(torch.tensor([i])))
        torch.testing.assert_close(alone[0], together[i], atol=2e-5, rtol=1e-4)


def test_what_other_rows_hold_changes_nothing() -> None:
    records = _records([4, 6])
    summary = _summary(records)
    before = summary(records)[0]
    records.numbers[4:] = 99.0
    records.codes[4:] = 0
    torch.testing.assert_close(summary(records)[0], before)


def test_only_the_window_is_read() -> None:
    records = _records([10])
    summary = _summary(records, window=4)
    near = summary.encoder.near(records)
    assert near.lengths.tolist() == [4]
    torch.testing.assert_close(near.numbers, records.numbers[6:], equal_nan=True)


def test_the_time_since_the_last_record_is_read() -> None:
    records = _records([3])
    summary = _summary(records)
    later = Records(*records.tensors()[:-1], records.moments + 100 * HOUR)
    assert not torch.equal(summary(records), summary(later))


def test_rows_of_which_none_has_records() -> None:
    some = _records([3, 2])
    summary = _summary(some)
    none = Records(*(t[:0] for t in some.tensors()[:3]), *(torch.zeros(2, dtype=torch.int64),) * 3)
    assert summary(none).shape == (2, summary.width)
    assert summary(none).isfinite().all()


def test_a_record_may_be_its_time_alone() -> None:
    records = _records([3, 2])
    bare = Records(records.numbers[:, :0], records.codes[:, :0], *records.tensors()[2:])
    torch.manual_seed(0)
    encoder = learn_records(bare, RecordsConfig(backbone=BackboneConfig(size="tiny")), (), 8)
    assert encoder(bare).shape == (2, 3, encoder.width)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 12), max_size=30), st.integers(1, 40))
def test_pieces_of_similar_length_hold_every_row_once_and_no_more_than_fits(
    lengths: list[int], most: int
) -> None:
    sizes = torch.tensor(lengths, dtype=torch.int64)
    pieces = by_length(sizes, most)
    assert sorted(torch.cat(pieces).tolist()) == list(range(len(lengths)))
    for piece in pieces:
        if len(piece) > 1:
            assert len(piece) * max(int(sizes[piece].max()), 1) <= most


def _with_components(records: Records, horizons: int = 0) -> RecordSummary:
    torch.manual_seed(0)
    config = RecordsConfig(backbone=BackboneConfig(size="tiny"), components=6, horizons=horizons)
    summary = RecordSummary(learn_records(records, config, (5,), 8)).eval()
    summary.standardise(records)
    summary.learn_components(records)
    return summary


def test_components_are_uncorrelated_and_of_variance_one() -> None:
    records = _records([3, 4, 1, 9, 2, 6, 5, 8, 7, 3, 12, 1] * 4)
    found = _with_components(records).reduced(6)(records)
    assert found.shape == (48, 6)
    torch.testing.assert_close(torch.cov(found.T), torch.eye(6), atol=0.1, rtol=0)


def test_the_first_component_is_that_of_what_is_forecast() -> None:
    records = _records([3, 4, 1, 9, 2, 6, 5, 8, 7, 3, 12, 1] * 4)
    summary = _with_components(records, horizons=3)
    forecast = summary(records)[:, -3:].detach().double()
    principal = torch.linalg.svd(forecast - forecast.mean(0), full_matrices=False)[0][:, 0]
    found = summary.reduced(6)(records).detach()
    alike = torch.corrcoef(torch.stack([principal, found[:, 0].double()]))[0, 1]
    assert abs(float(alike)) > 0.9999
    torch.testing.assert_close(torch.cov(found.T), torch.eye(6), atol=0.1, rtol=0)


def test_fewer_components_are_the_first_of_more() -> None:
    records = _records([3, 4, 1, 9, 2, 6, 5, 8] * 4)
    summary = _with_components(records)
    few, many = summary.reduced(2), summary.reduced(99)
    assert (few.width, many.width) == (2, 6)
    torch.testing.assert_close(few(records), many(records)[:, :2])


def test_a_few_rows_do_not_blow_up_what_pretraining_has_seen_vary() -> None:
    records = _records([3, 4, 1, 9, 2, 6, 5, 8] * 8)
    summary = _with_components(records)
    alike = records.rows(torch.tensor([0, 8, 16]))  # three rows of three records: their count does not vary
    before = summary.spread.clone()
    summary.standardise(alike)
    assert float((summary.spread / before).min()) > 0.8
    fresh = _summary(records)
    fresh.standardise(alike)
    assert float((fresh.spread / before).min()) < 0.1


def test_no_number_of_a_summary_is_far_from_its_centre() -> None:
    records = _records([1, 1, 1, 1, 300])
    summary = _summary(records)
    summary.standardise(records.rows(slice(0, 4)))
    assert float(summary(records).detach().abs().max()) == pytest.approx(4.0)
