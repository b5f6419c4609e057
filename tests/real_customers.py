"""Real histories that ship inside: CDs bought, and the industries that banks lent to, one after the other."""

from __future__ import annotations

import pandas as pd

import bezant as bz

SECTORS = {
    "11": "Farming", "23": "Construction", "31": "Food and textiles", "32": "Wood, paper and chemicals",
    "33": "Metals and machines", "42": "Wholesale", "44": "Shops", "45": "Other shops", "48": "Transport",
    "51": "Information", "53": "Property", "54": "Professions", "56": "Services to firms", "62": "Health",
    "71": "Leisure", "72": "Hotels and restaurants", "81": "Other services",
}  # fmt: skip
"""Industries by the first digits of their code; not all of them."""

UNTIL = "1997-10-01"


def purchases(every: int = 8) -> pd.DataFrame:
    """Every so many-th customer of CDNOW: customer, time, amount."""
    events = bz.datasets.load("cdnow-sample")
    known = events["customer"].unique()[::every]
    return events.loc[events["customer"].isin(known), ["customer", "time", "amount"]].reset_index(drop=True)


def lending(banks: int = 80) -> pd.DataFrame:
    """Banks that lent a handful of times: bank, industry and time of each loan guaranteed by the SBA."""
    loans = bz.datasets.load("sba-sample")
    code = loans["NAICS"].astype(str).str[:2]
    loans = loans.assign(industry=code)[code.isin(list(SECTORS))]
    number = loans.groupby("Bank", observed=True)["industry"].transform("size")
    chosen = loans[number.between(5, 14)]
    names = sorted(chosen["Bank"].astype(str).unique())[:banks]
    chosen = chosen[chosen["Bank"].astype(str).isin(names)]
    columns = {"Bank": "bank", "industry": "industry", "ApprovalDate": "time"}
    return chosen[list(columns)].rename(columns=columns).astype({"bank": str}).reset_index(drop=True)


def industries() -> pd.DataFrame:
    """The industries and their names."""
    return pd.DataFrame({"industry": list(SECTORS), "name": list(SECTORS.values())})
