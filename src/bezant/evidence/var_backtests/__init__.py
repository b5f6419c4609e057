"""Were VaR and ES right? The tests and zones that supervisors and the literature ask for."""

from bezant.evidence.var_backtests.backtest import RiskBacktest, backtest_risk
from bezant.evidence.var_backtests.exceptions import (
    RiskTest,
    christoffersen,
    conditional_coverage,
    dynamic_quantile,
    kupiec,
)
from bezant.evidence.var_backtests.shortfall import acerbi_szekely
from bezant.evidence.var_backtests.traffic_light import (
    MULTIPLIERS,
    TrafficLight,
    exceptions_in_window,
    traffic_light,
)

__all__ = [
    "MULTIPLIERS",
    "RiskBacktest",
    "RiskTest",
    "TrafficLight",
    "acerbi_szekely",
    "backtest_risk",
    "christoffersen",
    "conditional_coverage",
    "dynamic_quantile",
    "exceptions_in_window",
    "kupiec",
    "traffic_light",
]
