"""What origins that have ended say of forecasts of markets: scores, coverage, direction, tails, breaks."""

from bezant.evidence.markets.breaks import (
    Alarm,
    BreakRule,
    SurpriseSignal,
    break_rule,
    surprise_signal,
    volatility_regime_path,
)
from bezant.evidence.markets.direction import Direction, direction_of
from bezant.evidence.markets.judging import judge_forecasts, realised_variance
from bezant.evidence.markets.parts import PartValue, part_values
from bezant.evidence.markets.scores import MarketScores, MarketTask

__all__ = [
    "Alarm",
    "BreakRule",
    "Direction",
    "MarketScores",
    "MarketTask",
    "PartValue",
    "SurpriseSignal",
    "break_rule",
    "direction_of",
    "judge_forecasts",
    "part_values",
    "realised_variance",
    "surprise_signal",
    "volatility_regime_path",
]
