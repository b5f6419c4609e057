"""Is the model good, and better than the others? Figures with intervals, comparisons, importance."""

from bezant.evidence.comparison import Comparison
from bezant.evidence.evaluation import Evaluation, evaluate_scores
from bezant.evidence.importance import PermutationImportance, permutation_importance
from bezant.evidence.intervals import Estimate

__all__ = [
    "Comparison",
    "Estimate",
    "Evaluation",
    "PermutationImportance",
    "evaluate_scores",
    "permutation_importance",
]
