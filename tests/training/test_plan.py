"""What of a fit depends on the number of rows, and that what was asked for stays."""

from __future__ import annotations

import pytest

from bezant.network.model import NetworkConfig
from bezant.training.plan import SMALL_ROWS, TablePlan


@pytest.mark.parametrize(
    ("network", "rows", "parts"),
    [
        (NetworkConfig(), SMALL_ROWS, 2),
        (NetworkConfig(), SMALL_ROWS - 1, 1),
        (NetworkConfig(size="base"), SMALL_ROWS - 1, 1),
        (NetworkConfig(trunk="mlp"), SMALL_ROWS, 1),
        (NetworkConfig(dealt=1), SMALL_ROWS, 1),
        (NetworkConfig(dealt=8), SMALL_ROWS, 8),
    ],
)
def test_large_tables_deal_their_batches_in_two(network: NetworkConfig, rows: int, parts: int) -> None:
    assert TablePlan(network=network).resolved(rows).network.dealt == parts


def test_a_plan_that_is_resolved_stays_as_it_is() -> None:
    plan = TablePlan().resolved(SMALL_ROWS)
    assert plan.resolved(SMALL_ROWS // 2) == plan
