"""PD and expected loss of real loans under paths of the economy, and what then came.

``python -m bezant.benchmarks.stress`` fits a :class:`bezant.PDTermStructure` to the shipped SBA loans that
were approved 1990-2006, as known on 2007-01-01, with the unemployment rate, the three-month Treasury rate
and the year's growth of real GDP joined to each loan as of their publication. The figures are those of
statsmodels' copy of the Federal Reserve's data (``macrodata``, quarterly, 1959-2009): one late vintage, so
growth is as revised later and only its delay is honest. A quarter is taken to be known 120 days after it
began.

The book is the loans approved in 2007. Baseline: the figures known on 2007-01-01. Adverse and severe: paths
that the user states. The last scenario is what was known at the half-years from July 2007 to January 2010.
Two ways are shown: the figures at approval as inputs of the network, which answers for these very loans had
they been decided on at each step; and an overlay that moves the hazards of the loans along the path.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pandas as pd
import pyarrow as pa

from bezant.datasets import load, task
from bezant.desks.over_time.macro_overlay import fit_macro_overlay
from bezant.desks.over_time.stress import Scenario, stress_test
from bezant.desks.over_time.term_structure import PDTermStructure
from bezant.histories import LabelsAsOf, join_as_of, labels_as_of, read_table
from bezant.network.sizes import SizeName
from bezant.types import BoolArray, MissingExtraError

CUTOFF, LAG, MONTH, PERIOD = "2007-01-01", timedelta(days=120), 36.0, 6.0
FIGURES = ("unemployment", "rise", "treasury", "growth")
LOSS_GIVEN_DEFAULT = 0.6
"""An assumption for the example, printed beside the loss that came."""

BEFORE = (4.7, 4.7)
"""The rate of unemployment known a year, and half a year, before the first step of a path."""


def _scenario(
    name: str, unemployment: Sequence[float], treasury: Sequence[float], growth: Sequence[float]
) -> Scenario:
    """Return a scenario of paths; the year's rise of unemployment follows from its path."""
    earlier = (*BEFORE, *unemployment)
    rise = [round(now - then, 3) for now, then in zip(unemployment, earlier, strict=False)]
    return Scenario(
        name, {"unemployment": unemployment, "rise": rise, "treasury": treasury, "growth": growth}
    )


SCENARIOS = (
    _scenario("baseline", (4.7,) * 6, (4.9,) * 6, (2.2,) * 6),
    _scenario(
        "adverse",
        (5.0, 5.8, 6.5, 7.2, 7.2, 7.0),
        (4.0, 3.0, 2.0, 1.2, 1.2, 1.5),
        (1.0, 0.3, -0.5, 0.0, 1.0, 2.0),
    ),
    _scenario(
        "severe",
        (6.0, 7.5, 9.0, 10.0, 10.0, 9.5),
        (3.0, 2.0, 1.0, 1.0, 1.0, 1.0),
        (0.0, -2.0, -4.0, -3.0, -1.0, 0.0),
    ),
    _scenario(
        "as it came",
        (4.5, 4.7, 4.9, 6.0, 8.1, 9.6),
        (5.0, 4.0, 1.6, 1.2, 0.2, 0.1),
        (1.4, 2.7, 2.0, 0.0, -3.3, -2.5),
    ),
)
"""Values at six half-years from July 2007."""

OVERLAY = {"unemployment": 1, "rise": 1, "growth": -1}
"""Figures of the overlay, and whether more of each means more defaults (1) or fewer (-1)."""


def macro_covariates() -> pa.Table:
    """Return the quarters' figures, the year's rise of unemployment too, with each quarter's first day.

    Raises
    ------
    MissingExtraError
        If statsmodels is not installed.
    """
    try:
        from statsmodels.datasets import macrodata
    except ImportError as error:
        raise MissingExtraError("statsmodels", "macro", "The example of macro covariates") from error
    data = macrodata.load_pandas().data
    year, month = data["year"].astype(int), 3 * data["quarter"].astype(int) - 2
    rate = data["unemp"]
    frame = pd.DataFrame(
        {
            "quarter": pd.to_datetime(pd.DataFrame({"year": year, "month": month, "day": 1})),
            "unemployment": rate,
            "rise": rate - rate.shift(4),
            "treasury": data["tbilrate"],
            "growth": 100 * (data["realgdp"] / data["realgdp"].shift(4) - 1),
        }
    )
    return read_table(frame[4:])


@dataclass(frozen=True, eq=False)
class Book:
    """The loans, what was known of them at the cut-off, and which of them are stressed.

    Attributes
    ----------
    frame : DataFrame
        All columns of all loans.
    X : DataFrame
        What was known at approval, the economy's figures too.
    known : LabelsAsOf
        Labels at the cut-off.
    stressed : bool array
        The loans approved in the year after it.
    """

    frame: pd.DataFrame
    X: pd.DataFrame
    known: LabelsAsOf
    stressed: BoolArray


def book() -> Book:
    """Return the shipped SBA loans with the figures joined as of their publication."""
    frame = load("sba-sample", raw=True)
    documented = task("sba-sample")
    dropped = [c for c in (*documented.drop, documented.target) if c in frame.columns]
    table = join_as_of(
        read_table(frame.drop(columns=dropped)),
        macro_covariates(),
        time="ApprovalDate",
        observed="quarter",
        lag=LAG,
        inclusive=False,
    )
    return Book(
        frame,
        table.drop_columns(["quarter"]).to_pandas(),
        labels_as_of(frame["ApprovalDate"], frame["ChgOffDate"], cutoff=CUTOFF),
        ((frame["ApprovalDate"] >= CUTOFF) & (frame["ApprovalDate"] < "2008-01-01")).to_numpy(),
    )


def fitted(loans: Book, X: pd.DataFrame, size: SizeName, seed: int) -> PDTermStructure:
    """Fit curves to what was known at the cut-off."""
    model = PDTermStructure(
        time="ApprovalDate", period=PERIOD, horizon=60, size=size, random_state=seed, progress=False
    )
    known = loans.known
    return model.fit(X[known.known], known.duration[known.known], known.event[known.known])


def at_approval(loans: Book, size: SizeName, seed: int) -> Iterator[str]:
    """Give the lines of the first way: the figures at approval are inputs of the network."""
    model = fitted(loans, loans.X, size, seed)
    test = stress_test(
        model,
        loans.X[loans.stressed],
        SCENARIOS,
        month=MONTH,
        exposure=loans.frame.loc[loans.stressed, "GrAppv"],
        loss_given_default=LOSS_GIVEN_DEFAULT,
    )
    yield "Figures at approval as inputs, had these loans been decided on at each step:\n"
    yield "| scenario | step | mean PD, 36 months | ratio | expected loss, million |\n|---|---|---|---|---|"
    for row in test.to_table().to_pylist():
        shown = f"{row['mean_pd']:.4f} | {row['ratio_to_as_given']:.2f} | {row['expected_loss'] / 1e6:.1f}"
        yield f"| {row['scenario']} | {row['step']} | {shown} |"
    yield "\n" + "\n".join(f"* {note}" for note in test.notes)


def by_overlay(loans: Book, size: SizeName, seed: int) -> Iterator[str]:
    """Give the lines of the second way: hazards without the figures, moved along the path."""
    X, known = loans.X.drop(columns=list(FIGURES)), loans.known
    model = fitted(loans, X, size, seed)
    overlay = fit_macro_overlay(
        model.predict_hazard(X[known.known]),
        known.duration[known.known],
        known.event[known.known],
        loans.frame.loc[known.known, "ApprovalDate"],
        macro_covariates(),
        OVERLAY,
        period=PERIOD,
        observed="quarter",
        lag=LAG,
    )
    hazards = model.predict_hazard(X[loans.stressed])
    lost = loans.frame.loc[loans.stressed, "GrAppv"].to_numpy() * LOSS_GIVEN_DEFAULT
    periods = round(MONTH / PERIOD)
    plain = 1 - np.prod(1 - hazards[:, :periods], axis=1)
    answers = {"no overlay": plain} | {s.name: overlay.stressed(hazards, s, periods) for s in SCENARIOS}
    yield "\nOverlay of calendar time, each path over the first 36 months of the loans:\n"
    yield "| scenario | mean PD, 36 months | ratio | expected loss, million |\n|---|---|---|---|"
    for name, p in answers.items():
        yield f"| {name} | {p.mean():.4f} | {p.mean() / plain.mean():.2f} | {p @ lost / 1e6:.1f} |"
    yield "\n" + "\n".join(f"* {note}" for note in overlay.notes(SCENARIOS))


def what_came(loans: Book) -> str:
    """Say what became of the book."""
    frame = loans.frame[loans.stressed]
    came = labels_as_of(frame["ApprovalDate"], frame["ChgOffDate"], cutoff="2014-01-01").within(MONTH)[0]
    lost = float(frame["ChgOffPrinGr"].to_numpy()[came].sum()) / 1e6
    return (
        f"\nWhat came: {came.mean():.4f} of the {len(frame):,} loans defaulted within 36 months; "
        f"{lost:.1f} million of {frame['GrAppv'].sum() / 1e6:.1f} million were charged off."
    )


def main() -> None:
    """Print both tables, the notes, and what came."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="tiny", help="Size of the networks.")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    loans = book()
    for part in (by_overlay, at_approval):
        for line in part(loans, given.size, given.seed):
            print(line, flush=True)
    print(what_came(loans))


if __name__ == "__main__":
    main()
