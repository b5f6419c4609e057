"""Market risk in arrays: scenarios of many assets, VaR and ES and who adds what, limits, sizes, stress.

It stands right after the metrics because traditional models, evidence, reports and desks all use it, and it
needs none of them: it knows no model, only volatilities, residuals and scenarios.
"""

from bezant.risk.allocation import Allocation, allocate_under_es
from bezant.risk.limits import LimitReport, LimitUse, RiskLimit, RiskLimits
from bezant.risk.liquidity import LiquidityCascade, liquidity_cascade, stressed_es
from bezant.risk.measures import (
    expected_shortfall,
    normal_risk,
    quantile_risk,
    student_risk,
    tail_weights,
    value_at_risk,
)
from bezant.risk.portfolio import PortfolioRisk, portfolio_risk, position_gains
from bezant.risk.simulation import (
    Scenarios,
    VarianceRecursion,
    filtered_historical_scenarios,
    historical_scenarios,
)
from bezant.risk.sizing import SizedPositions, room_for, size_to_budget
from bezant.risk.stress import CRISES, StressReport, historical_stress, hypothetical_stress
from bezant.risk.tail import ParetoTail, fit_tail

__all__ = [
    "CRISES",
    "Allocation",
    "LimitReport",
    "LimitUse",
    "LiquidityCascade",
    "ParetoTail",
    "PortfolioRisk",
    "RiskLimit",
    "RiskLimits",
    "Scenarios",
    "SizedPositions",
    "StressReport",
    "VarianceRecursion",
    "allocate_under_es",
    "expected_shortfall",
    "filtered_historical_scenarios",
    "fit_tail",
    "historical_scenarios",
    "historical_stress",
    "hypothetical_stress",
    "liquidity_cascade",
    "normal_risk",
    "portfolio_risk",
    "position_gains",
    "quantile_risk",
    "room_for",
    "size_to_budget",
    "stressed_es",
    "student_risk",
    "tail_weights",
    "value_at_risk",
]
