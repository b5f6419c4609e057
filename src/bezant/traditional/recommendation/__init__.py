"""Recommenders that the large one must beat: what a customer takes next."""

from bezant.traditional.recommendation.co_occurrence import CoOccurrence, learn_co_occurrence
from bezant.traditional.recommendation.ease import Ease
from bezant.traditional.recommendation.factorization import Factorization
from bezant.traditional.recommendation.interactions import Interactions, from_sets, interactions
from bezant.traditional.recommendation.item_neighbours import ItemNeighbours
from bezant.traditional.recommendation.model import Recommender
from bezant.traditional.recommendation.owned_sets import OwnedSetBoosting
from bezant.traditional.recommendation.popularity import Popularity
from bezant.traditional.recommendation.sequential_rules import SequentialRules

__all__ = [
    "CoOccurrence",
    "Ease",
    "Factorization",
    "Interactions",
    "ItemNeighbours",
    "OwnedSetBoosting",
    "Popularity",
    "Recommender",
    "SequentialRules",
    "from_sets",
    "interactions",
    "learn_co_occurrence",
]
