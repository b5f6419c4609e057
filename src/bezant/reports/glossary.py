"""The figures of a credit model, a line each, for readers who do not use them every day."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

GLOSSARY: Mapping[str, str] = MappingProxyType(
    {
        "AUC": "Chance that a loan that defaulted was given a higher score than one that was repaid; "
        "0.5 is a coin, 1 is perfect.",
        "Gini": "Twice the AUC less one: 0 is a coin, 1 is perfect.",
        "KS": "Widest gap between the score distributions of defaulted and repaid loans, 0 to 1.",
        "Average precision": "Mean share of defaults among the highest scores, over all cut-offs; "
        "a coin gets the default rate.",
        "Log loss": "Mean penalty for the probability given to what happened; "
        "rewards ranking and calibration together.",
        "Brier score": "Mean squared distance between probability and outcome.",
        "Calibration error": "Mean distance between predicted and observed default rate over bins "
        "of equal size.",
        "Calibration slope": "How far log odds should be stretched to be right: below 1, scores are too "
        "extreme; above 1, too timid.",
        "Calibration intercept": "Shift of the log odds that would make the mean right: above 0, defaults "
        "are under-predicted.",
        "Lift of the top tenth": "Default rate among the tenth with the highest scores, over that of all.",
        "Interval": "Range that would hold the figure in the stated share of repeated samples of loans.",
        "p-value": "Chance of a difference at least this large if both models were equally good.",
        "Permutation importance": "AUC lost when one column is shuffled among the rows; columns that "
        "say the same share their importance.",
        "Out-of-time": "Judged on loans granted later than all the loans it was trained on.",
    }
)
"""Name of a figure or term, and what it means."""

MARKET_GLOSSARY: Mapping[str, str] = MappingProxyType(
    {
        "QLIKE": "Penalty for a forecast of variance, by what was measured after it; a forecast too low "
        "costs more than one too high.",
        "Pinball loss": "Penalty for a quantile; over all levels it rewards a distribution that is narrow "
        "and right.",
        "FZ0": "Penalty for VaR and ES together; lower is better, differences alone mean something.",
        "Random walk": "No change on average, with the quantiles of the last 1,000 days.",
        "GARCH-t": "Volatility that answers to the last moves and returns to its mean, Student's tails.",
        "VaR": "Loss that is exceeded on one day in a hundred at 99%.",
        "ES": "Mean loss on the days beyond the VaR.",
        "Kupiec": "Are exceptions as many as promised?",
        "Christoffersen": "Do they come one by one rather than in clusters?",
        "Dynamic quantile": "Could they have been foreseen from those before and from the VaR itself?",
        "Z2": "Are losses beyond the VaR as many and as large as the ES says (Acerbi and Szekely)?",
        "Traffic light": "Basel's zones by exceptions of the 99% VaR in 250 days: green up to 4, amber up "
        "to 9, red from 10; the multiplier of capital rises with them.",
        "Model confidence set": "Models that the data cannot tell from the best, in 90% of samples.",
        "Surprise": "How unlikely a return was under the forecast made before it, in units of its "
        "volatility.",
        "Break": "Moves that were wilder, or calmer, than forecast for longer than chance allows; one "
        "alarm in 2,520 bars would be false if forecasts were right.",
    }
)
"""The same for the report of markets."""
