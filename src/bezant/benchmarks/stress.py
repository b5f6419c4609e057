"""PD and expected loss of real loans under paths of the economy, and what then came.

``python -m bezant.benchmarks.stress`` fits a :class:`bezant.PDTermStructure` to the shipped SBA loans that
were approved 1990-2006, as known on 2007-01-01, with the unemployment rate, the three-month Treasury rate
and the year's growth of real GDP joined to each loan as of their publication. The figures are those of
statsmodels' copy of the Federal Reserve's data (``macrodata``, quarterly, 1959-2009): one late vintage, so
growth is as revised later and only its delay is honest. A quarter is taken to be known 120 days after it
began.

The book is the loans approved in 2007. Baseline: the figures known on 2007-01-01. Adverse and severe: paths
by the year, which the user states. The last scenario is what was known at the half-years from January 2008
to July 2009. A step answers for these very loans had they been decided on then.
"""

from __future__ import annotations

import argparse
from datetime import timedelta

import pandas as pd
import pyarrow as pa

from bezant.datasets import load, task
from bezant.desks.stress import Scenario, StressTest, stress_test
from bezant.desks.term_structure import PDTermStructure
from bezant.histories import join_as_of, labels_as_of, read_table
from bezant.types import MissingExtraError

CUTOFF, LAG, MONTH = "2007-01-01", timedelta(days=120), 36.0
LOSS_GIVEN_DEFAULT = 0.6
"""An assumption for the example, printed beside the loss that came."""

SCENARIOS = (
    Scenario("baseline", {"unemployment": 4.7, "treasury": 4.9, "growth": 2.2}),
    Scenario(
        "adverse",
        {
            "unemployment": (5.0, 5.8, 6.5, 7.2),
            "treasury": (4.0, 3.0, 2.0, 1.2),
            "growth": (1.0, 0.3, 0.5, 1.0),
        },
    ),
    Scenario("severe", {"unemployment": (6, 7.5, 9, 10), "growth": (0.0, -2.0, -4.0, -3.0)}),
    Scenario(
        "as it came",
        {
            "unemployment": (4.7, 4.9, 6.0, 8.1),
            "treasury": (4.0, 1.6, 1.2, 0.2),
            "growth": (2.7, 2.0, 0.0, -3.3),
        },
    ),
)


def macro_covariates() -> pa.Table:
    """Return the quarters' figures with the first day of each quarter.

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
    frame = pd.DataFrame(
        {
            "quarter": pd.to_datetime(pd.DataFrame({"year": year, "month": month, "day": 1})),
            "unemployment": data["unemp"],
            "treasury": data["tbilrate"],
            "growth": 100 * (data["realgdp"] / data["realgdp"].shift(4) - 1),
        }
    )
    return read_table(frame[4:])


def stressed(size: str, seed: int) -> tuple[StressTest, pd.DataFrame, PDTermStructure]:
    """Fit and stress; also give the book with the outcomes that came."""
    frame = load("sba-sample", raw=True)
    documented = task("sba-sample")
    known = labels_as_of(frame["ApprovalDate"], frame["ChgOffDate"], cutoff=CUTOFF)
    dropped = [*documented.drop, documented.target]
    table = read_table(frame.drop(columns=[c for c in dropped if c in frame.columns]))
    table = join_as_of(
        table, macro_covariates(), time="ApprovalDate", observed="quarter", lag=LAG, inclusive=False
    )
    X = table.drop_columns(["quarter"]).to_pandas()
    model = PDTermStructure(
        time="ApprovalDate", period=6, horizon=60, size=size, random_state=seed, progress=False
    )
    model.fit(X[known.known], known.duration[known.known], known.event[known.known])
    in_book = ((frame["ApprovalDate"] >= CUTOFF) & (frame["ApprovalDate"] < "2008-01-01")).to_numpy()
    test = stress_test(
        model,
        X[in_book],
        SCENARIOS,
        month=MONTH,
        exposure=frame.loc[in_book, "GrAppv"],
        loss_given_default=LOSS_GIVEN_DEFAULT,
    )
    return test, frame[in_book], model


def main() -> None:
    """Print the table, the notes, and what came."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="tiny", help="Size of the network.")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    test, book, model = stressed(given.size, given.seed)
    print("| scenario | step | mean PD, 36 months | ratio | expected loss, million |\n|---|---|---|---|---|")
    for row in test.to_table().to_pylist():
        loss = row["expected_loss"] / 1e6
        shown = f"{row['mean_pd']:.4f} | {row['ratio_to_as_given']:.2f} | {loss:.1f}"
        print(f"| {row['scenario']} | {row['step']} | {shown} |")
    came = labels_as_of(book["ApprovalDate"], book["ChgOffDate"], cutoff="2014-01-01").within(MONTH)[0]
    lost = float(book["ChgOffPrinGr"].to_numpy()[came].sum()) / 1e6
    print(
        f"\nWhat came: {came.mean():.4f} of the {len(book):,} loans defaulted within 36 months; "
        f"{lost:.1f} million of {book['GrAppv'].sum() / 1e6:.1f} million were charged off.\n"
    )
    for note in test.notes:
        print(f"* {note}")
    assert model.evaluation_ is not None
    print(f"\nHeld out at random: {model.evaluation_.to_table().to_pandas().round(4).to_string(index=False)}")


if __name__ == "__main__":
    main()
