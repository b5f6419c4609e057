"""Ways of keeping a credit model up to date, year by year: SBA loans, fiscal years 1995-2007.

``python -m bezant.benchmarks.drift`` walks forward with the outcomes as the source has them at last; with
``--months 36`` with default within 36 months, by the date of charge-off, and loans that were approved less
than 36 months before a year teach nobody: what a bank could have known. Scores and models are kept in a
folder, so a walk that was stopped goes on. The picture and the tables are written when all years are there.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bezant.benchmarks.page import versions
from bezant.benchmarks.timing import SNAPSHOT, inputs, loans
from bezant.desks.credit.credit_risk import LARGE, CreditRisk
from bezant.desks.walk.forward import POLICIES, WalkForward, walk_forward
from bezant.histories import labels_as_of
from bezant.reports.drift import drift_picture

TIME = "ApprovalDate"
FIRST, LAST = 1995, 2007
FISCAL = 10
"""Month in which the fiscal year of the United States begins."""

NAMES = {
    "frozen": f"{LARGE}, frozen",
    "recalibrated": f"{LARGE}, recalibrated",
    "updated": f"{LARGE}, updated",
    "refitted": f"{LARGE}, refitted",
    "boosting": "LightGBM, refitted",
}
"""Of the policies in the tables."""

SHORT = {p: p for p in POLICIES} | {"boosting": "LightGBM refitted"}
"""Of the policies beside the lines of the picture; all but the last are bezant's."""

TABLES = (
    ("AUC / log loss", "auc", "log_loss"),
    ("Predicted default rate / expected calibration error", "predicted", "ece"),
)
"""Headings, and the two figures of a cell."""


def walk(
    months: int, rows: int, folder: Path, *, last: int = LAST, size: str = "small", say: Callable[[str], None]
) -> WalkForward:
    """Walk through the fiscal years from 1995 on.

    Parameters
    ----------
    months : int
        Age by which a default counts; 0 for the final status, known at once.
    rows : int
        At most so many teach a year.
    folder : path
        Where scores and models are kept.
    last : int, default 2007
        Year to walk to.
    size : str, default "small"
        Of the network.
    say : callable
        Told what was done.
    """
    frame = loans()
    y = frame["default"].to_numpy()
    if months:
        truth = labels_as_of(frame[TIME], frame["ChgOffDate"], cutoff=SNAPSHOT)
        event, decided = truth.within(months)
        frame, y = frame[decided], event[decided].astype(np.int64)
    return walk_forward(
        lambda: CreditRisk(time=TIME, size=size, benchmark=False, progress=False, random_state=0),  # type: ignore[arg-type]
        inputs(frame),
        y,
        time=TIME,
        first=FIRST,
        last=last,
        policies=POLICIES,
        outcome_lag=months,
        most_rows=rows,
        year_begins=FISCAL,
        folder=folder,
        say=say,
    )


def page(walked: WalkForward, title: str) -> str:
    """Return the figures of a walk as Markdown, with what they say of the warm start."""
    lines = [f"## {title}", ""]
    for heading, left, right in TABLES:
        lines += [heading, "", "| year | loans | default rate | " + " | ".join(_names(walked)) + " |"]
        lines.append("|---|---|---|" + "---|" * len(walked.policies))
        for year in walked.years:
            row = [f for f in walked.figures if f.year == year]
            cells = " | ".join(f"{getattr(f, left):.3f} / {getattr(f, right):.3f}" for f in row)
            lines.append(f"| {year} | {row[0].rows:,} | {row[0].observed:.3f} | {cells} |")
        lines.append("")
    return "\n".join([*lines, *_summary(walked), ""])


def _names(walked: WalkForward) -> list[str]:
    return [NAMES[p] for p in walked.policies]


def _summary(walked: WalkForward) -> list[str]:
    """Mean figures after the first year, whose model the policies share, and the cost of each."""
    lines = [
        "| after the first year | mean AUC | mean log loss | mean ECE | CPU seconds |",
        "|---|---|---|---|---|",
    ]
    for policy in walked.policies:
        figures = walked.of(policy)[1:]
        auc, loss, ece = (
            float(np.mean([getattr(f, n) for f in figures])) for n in ("auc", "log_loss", "ece")
        )
        lines.append(f"| {NAMES[policy]} | {auc:.4f} | {loss:.4f} | {ece:.4f} | {walked.cost(policy):.0f} |")
    if not {"updated", "refitted"} <= set(walked.policies):
        return lines
    updated, refitted = walked.of("updated")[1:], walked.of("refitted")[1:]
    pairs = list(zip(updated, refitted, strict=True))
    worse = [str(u.year) for u, r in pairs if u.log_loss > r.log_loss]
    lower = [str(u.year) for u, r in pairs if u.auc < r.auc]
    ratio = walked.cost("updated") / max(walked.cost("refitted"), 1e-9)
    return [
        *lines,
        "",
        f"Updating cost {ratio:.2f} of refitting. Against refitting its log loss was worse in {len(worse)} "
        f"of {len(pairs)} years ({', '.join(worse) or 'none'}), its AUC lower in {len(lower)} "
        f"({', '.join(lower) or 'none'}). What was kept, year by year:",
        "",
        *[f"- {f.year}: {f.note or 'nothing was updated'}" for f in updated],
    ]


def alone(svg: str) -> str:
    """Give a picture that is made for a page the font and the paper it needs as a file of its own."""
    return svg.replace("<svg ", '<svg style="background:#fff;font-family:sans-serif" ', 1)


def main() -> None:
    """Walk, and write the picture and the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--months", type=int, default=0, help="Default within so many months; 0: final status."
    )
    parser.add_argument("--rows", type=int, default=10_000, help="At most so many rows teach a year.")
    parser.add_argument("--last", type=int, default=LAST, help="Fiscal year to walk to.")
    parser.add_argument("--size", default="small", help="Size of the network.")
    parser.add_argument("--folder", type=Path, default=Path("out/drift"), help="Where scores are kept.")
    parser.add_argument("--picture", type=Path, help="SVG file to write.")
    parser.add_argument("--page", type=Path, help="Markdown file to write.")
    given = parser.parse_args()
    folder = given.folder / f"{given.months}-{given.rows}-{given.size}"
    walked = walk(
        given.months,
        given.rows,
        folder,
        last=given.last,
        size=given.size,
        say=lambda line: print(line, flush=True),
    )
    what = (
        f"default within {given.months} months, known after them"
        if given.months
        else "final status, known at once"
    )
    years = f"fiscal years {FIRST}-{given.last}"
    title = f"SBA loans, {years}: {what}; at most {given.rows:,} rows a year, size {given.size}"
    if given.picture:
        given.picture.write_text(alone(drift_picture(walked.figures, SHORT)), encoding="utf-8")
    written = page(walked, title)
    if given.page:
        given.page.write_text(f"# Drift: figures\n\n{written}\n{versions()}.\n", encoding="utf-8")
    print(written)


if __name__ == "__main__":
    main()
