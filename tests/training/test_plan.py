"""What of a fit depends on the number of rows, and that what was asked for stays."""

from __future__ import annotations

import pytest

from bezant.network.model import NetworkConfig
from bezant.training.plan import SMALL_ROWS, TablePlan


@pytest.mark.parametrize(
    ("network", "rows", "groups"),
    [
        (NetworkConfig(), SMALL_ROWS, 1),
        (NetworkConfig(), SMALL_ROWS - 1, 4),
        (NetworkConfig(size="base"), SMALL_ROWS - 1, 1),
        (NetworkConfig(trunk="mlp"), SMALL_ROWS - 1, 1),
        (NetworkConfig(groups=2), SMALL_ROWS - 1, 2),
    ],
)
def test_small_tables_get_groups_unless_it_is_said_otherwise(
    network: NetworkConfig, rows: int, groups: int
) -> None:
    assert TablePlan(network=network).resolved(rows).network.groups == groups


def test_a_plan_that_is_resolved_stays_as_it_is() -> None:
    plan = TablePlan().resolved(SMALL_ROWS)
    assert plan.resolved(SMALL_ROWS // 2) == plan
