"""A quick model of made-up loans."""

from __future__ import annotations

from typing import Any

import bezant as bz

QUICK = {"max_epochs": 2, "batch_size": 128}


def credit(**parameters: Any) -> bz.CreditRisk:
    given = {"time": "approved", "size": "tiny", "benchmark": False, "progress": False, "training": QUICK}
    return bz.CreditRisk(**{**given, **parameters})
