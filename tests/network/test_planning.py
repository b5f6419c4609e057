"""What pretraining takes, planned without allocating it, and measured."""

from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import bezant as bz
from bezant.network.backbones import BackboneKind
from bezant.network.batch import Batch
from bezant.network.history import HistoryConfig, HistoryNetwork, learn_history
from bezant.network.planning import (
    TWIN_RECORDS,
    TWIN_ROWS,
    _made_up,
    history_config,
    matrix_rate,
    plan_pretraining,
    saved_bytes,
)
from bezant.network.records import Records
from bezant.network.sizes import SizeName
from bezant.types import InputError

BOTH: tuple[SizeName, ...] = ("tiny", "small")
KINDS: tuple[BackboneKind, ...] = ("transformer", "cnn", "rnn")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", BOTH)
def test_parameters_are_those_of_a_network_learned_from_records(size: SizeName, kind: BackboneKind) -> None:
    """Numbers with more distinct values than bins, so that each has all the bins the plan counts."""
    generator = torch.Generator().manual_seed(0)
    n, values = 400, 70
    records = Records(
        torch.randn(n, 2, generator=generator),
        torch.randint(0, values, (n, 1), generator=generator, dtype=torch.int32),
        torch.arange(n) * 1_000_000,
        torch.arange(0, n, 10),
        torch.full((n // 10,), 10),
        torch.full((n // 10,), n * 1_000_000),
    )
    planned = history_config(size=size, backbone=kind, numbers=2, categories=(values,))
    wished = planned.records.fields
    assert wished is not None
    bare = HistoryConfig(
        records=planned.records.model_copy(
            update={"fields": wished.model_copy(update={"n_bins": (), "embedded": ()})}
        )
    )
    learned = learn_history(records, bare)
    measured = sum(p.numel() for p in learned.parameters())
    assert plan_pretraining(planned).parameters == measured
    assert plan_pretraining(learned.config).parameters == measured


@pytest.mark.parametrize("size", BOTH)
def test_parameters_are_those_of_a_fitted_model(size: SizeName) -> None:
    events = bz.datasets.load("cdnow-sample")
    few = events[events["customer"].isin(events["customer"].unique()[:40])]
    model = bz.HistoryModel(size=size, training={"max_epochs": 1, "batch_size": 64}).pretrain(few)
    measured = sum(p.numel() for p in model.network_.parameters())
    assert plan_pretraining(model.network_.config).parameters == measured


def test_nothing_of_the_size_is_allocated() -> None:
    found = plan_pretraining(history_config(size="xl"), events=10**9)
    assert found.backbone_parameters > 1_000_000_000
    assert found.weight_bytes == 4 * found.parameters
    assert found.total_bytes > 7 * found.weight_bytes


@pytest.mark.parametrize("kind", KINDS)
def test_the_memory_of_activations_is_what_a_step_keeps(kind: BackboneKind) -> None:
    config = history_config(size="small", backbone=kind, categories=(20,))
    measured = saved_bytes(HistoryNetwork(config))
    planned = plan_pretraining(config, batch=TWIN_ROWS).activation_bytes * TWIN_RECORDS / 256
    # What "later" and the contrast read is drawn; networks of other widths draw otherwise.
    assert planned == pytest.approx(measured, rel=0.1)


@pytest.mark.parametrize("kind", KINDS[:2])
def test_operations_are_those_that_are_counted(kind: BackboneKind) -> None:
    config = history_config(size="small", backbone=kind, window=TWIN_RECORDS).model_copy(
        update={"terms": ("next",)}
    )
    network = HistoryNetwork(config)
    batch: Batch = _made_up(network)
    with FlopCounterMode(display=False) as counter:
        network(batch).backward()
    planned = plan_pretraining(config, events=TWIN_ROWS * TWIN_RECORDS).flops
    assert planned == pytest.approx(counter.get_total_flops(), rel=0.1)


def test_hours_are_operations_by_rate() -> None:
    found = plan_pretraining(history_config(size="tiny"), events=1000, epochs=3)
    assert found.hours(found.flops) == pytest.approx(1 / 3600)
    assert found.flops == pytest.approx(3 * plan_pretraining(history_config(size="tiny"), events=1000).flops)
    assert matrix_rate(size=256) > 1e8


def test_counts_below_one_are_refused() -> None:
    with pytest.raises(InputError, match="events of at least 1"):
        plan_pretraining(history_config(size="tiny"), events=0)
