"""SBA loans out-of-time: the large model beside tuned LightGBM, the scorecard and the textbook networks.

100,000 loans approved 1990 to 2003 train every model; the loans of 2004 and of 2005 test it. The columns
known only after approval are left out, and so is Term, whose digits leak the outcome. Run it with
``python -m benchmarks.credit``; it writes BENCHMARKS.md and benchmarks/credit.json.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

import bezant as bz
from benchmarks.throughput import throughput

ROOT = Path(__file__).resolve().parent.parent
YEARS = (2004, 2005)
SEEDS = (0, 1, 2)


def main() -> None:
    """Run the benchmark and write its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="*", default=list(SEEDS), help="seeds of the large model")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--size", default="small")
    parser.add_argument("--benchmark", default="full", choices=["full", "standard", "none"])
    parser.add_argument("--skip-throughput", action="store_true")
    given = parser.parse_args()
    loans = bz.datasets.load("sba-loans")
    year = loans["ApprovalDate"].dt.year
    train = loans[(year >= 1990) & (year <= 2003)].sample(given.rows, random_state=0)
    tests = {y: loans[year == y] for y in YEARS}
    runs = []
    choice = {"full": "full", "standard": True, "none": False}[given.benchmark]
    for i, seed in enumerate(given.seeds):
        risk = bz.CreditRisk(
            time="ApprovalDate", size=given.size, benchmark=choice if i == 0 else False, random_state=seed
        )
        start, cpu = time.perf_counter(), time.process_time()
        risk.fit(train.drop(columns="default"), train["default"])
        spent = {"seconds": time.perf_counter() - start, "cpu_seconds": time.process_time() - cpu}
        figures = {}
        for y, test in tests.items():
            judged = risk.evaluate(test.drop(columns="default"), test["default"])
            figures[str(y)] = {
                "verdict": judged.verdict,
                "figures": {
                    model: {name: [e.value, e.low, e.high] for name, e in by.items()}
                    for model, by in judged.figures.items()
                },
            }
            print(f"seed {seed}, {y}\n{judged}\n", flush=True)
        epochs = [run.best_epoch for run in risk.history_]
        runs.append({"seed": seed, **spent, "epochs": epochs, "years": figures})
        print(f"seed {seed}: {spent}, epochs {epochs}", flush=True)
    result = {
        "rows": given.rows,
        "size": given.size,
        "versions": {p: version(p) for p in ("bezant", "torch", "lightgbm", "optbinning")},
        "python": platform.python_version(),
        "threads": torch.get_num_threads(),
        "runs": runs,
        "throughput": None if given.skip_throughput else throughput(),
    }
    (ROOT / "benchmarks" / "credit.json").write_text(json.dumps(result, indent=1) + "\n")
    (ROOT / "BENCHMARKS.md").write_text(page(result))


def page(result: dict) -> str:  # type: ignore[type-arg]
    """Return BENCHMARKS.md."""
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench`; not edited by hand.",
        "",
        "## SBA loans, out-of-time",
        "",
        f"{result['rows']:,} loans approved 1990-2003 train every model; all loans approved in 2004 and in "
        "2005 test it. Columns known only after approval, and Term, are left out. Intervals of 95 % in "
        "brackets. The large model is given for each seed.",
        "",
        "| model | " + " | ".join(f"{y} AUC | {y} log loss" for y in YEARS) + " |",
        "|---|" + "---|" * (2 * len(YEARS)),
    ]
    for i, run in enumerate(result["runs"]):
        for model in run["years"][str(YEARS[0])]["figures"]:
            if i and model != "bezant":
                continue
            name = f"**{model} {result['size']}**, seed {run['seed']}" if model == "bezant" else model
            cells = []
            for y in YEARS:
                by = run["years"][str(y)]["figures"][model]
                auc, loss = by["roc_auc"], by["log_loss"]
                cells.append(f"{auc[0]:.4f} [{auc[1]:.4f}, {auc[2]:.4f}]")
                cells.append(f"{loss[0]:.4f} [{loss[1]:.4f}, {loss[2]:.4f}]")
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines.append(
        f"| **bezant {result['size']}**, mean of {len(result['runs'])} seeds | " + _means(result) + " |"
    )
    lines += [""] + [f"- {y}: {result['runs'][0]['years'][str(y)]['verdict']}" for y in YEARS]
    if result["throughput"]:
        t = result["throughput"]
        lines += ["", "## Training throughput", "", t["text"], ""]
    lines += [
        "",
        f"Python {result['python']}, "
        + ", ".join(f"{k} {v}" for k, v in result["versions"].items())
        + f", {result['threads']} threads.",
        "",
    ]
    return "\n".join(lines)


def _means(result: dict) -> str:  # type: ignore[type-arg]
    cells = []
    for y in YEARS:
        found = [run["years"][str(y)]["figures"]["bezant"] for run in result["runs"]]
        cells += [f"{np.mean([by[f][0] for by in found]):.4f}" for f in ("roc_auc", "log_loss")]
    return " | ".join(cells)


if __name__ == "__main__":
    main()
