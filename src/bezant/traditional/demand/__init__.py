"""Models of demand that the large one must beat: how often and for how much customers buy next."""

from bezant.traditional.demand.bg_nbd import BgNbd
from bezant.traditional.demand.boosted_corrections import BoostedCorrections
from bezant.traditional.demand.boosting import DemandBoosting
from bezant.traditional.demand.buy_till_you_die import BuyTillYouDie, bg_nbd, pareto_nbd
from bezant.traditional.demand.model import Demand, DemandModel
from bezant.traditional.demand.pareto_nbd import ParetoNbd
from bezant.traditional.demand.purchases import Purchases, Summary, purchases, summarise
from bezant.traditional.demand.spend import GammaGamma

__all__ = [
    "BgNbd",
    "BoostedCorrections",
    "BuyTillYouDie",
    "Demand",
    "DemandBoosting",
    "DemandModel",
    "GammaGamma",
    "ParetoNbd",
    "Purchases",
    "Summary",
    "bg_nbd",
    "pareto_nbd",
    "purchases",
    "summarise",
]
