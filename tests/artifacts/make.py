"""Make the saved model that must open for ever; run once for each format version, never again after.

``python tests/artifacts/make.py`` fits a tiny model to real loans and writes, beside this file, its folder
``credit-N`` (N is the format version), the rows ``credit-N-rows.csv``, among them such as no training
has, and ``credit-N-scores.json``: what the model and the traditional ones said about them. It refuses to
replace what is there: a later bezant has to open what an earlier one wrote.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pandas as pd

from bezant.artifacts import FORMAT_VERSION
from bezant.datasets import load
from bezant.desks.credit.credit_risk import CreditRisk
from bezant.histories import read_table
from bezant.training.config import TrainingConfig

HERE = Path(__file__).parent
NAME = f"credit-{FORMAT_VERSION}"
COLUMNS = ["ApprovalDate", "State", "NewExist", "GrAppv", "default"]


def some_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Every so-manieth row, the last ones with a missing number, an unknown state and no state."""
    rows = frame.drop(columns="default").iloc[7::3001].head(20).reset_index(drop=True)
    rows.loc[17, "GrAppv"] = None
    rows.loc[18, "State"] = "Atlantis"
    rows.loc[19, "State"] = None
    return rows


def main() -> None:
    place = HERE / NAME
    if place.exists():
        sys.exit(f"{place} is there, and has to open in every later version; it is not made again.")
    frame = load("sba-sample")[COLUMNS]
    train = frame.iloc[::30]
    training = TrainingConfig(max_epochs=4, batch_size=64, precision="float32")
    risk = CreditRisk(time="ApprovalDate", size="tiny", training=training, progress=False, random_state=1)
    risk.fit(train.drop(columns="default"), train["default"])
    if len(risk.benchmarks_) != 2:
        sys.exit(f"The traditional models are missing: {risk.notes_}")
    some_rows(frame).to_csv(HERE / f"{NAME}-rows.csv", index=False)
    rows = pd.read_csv(HERE / f"{NAME}-rows.csv", dtype=str)
    typed = risk.model_.conform(read_table(rows)).table
    scores = {"large": risk.predict_proba(rows)[:, 1].tolist()}
    scores |= {b.name: b.score_table(typed).tolist() for b in risk.benchmarks_}
    said = {"scores": scores, "versions": risk.record_.versions}
    risk.save(place)
    (HERE / f"{NAME}-scores.json").write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")
    bytes_in_all = sum(p.stat().st_size for p in place.iterdir())
    print(f"{place.name}: {bytes_in_all / 1000:.0f} kB")


if __name__ == "__main__":
    main()
