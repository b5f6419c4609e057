"""Scoring speed: the large model beside the tuned LightGBM of the same fit, its ONNX file, one application.

``python -m bezant.benchmarks.scoring`` fits on the loans that ship with the package and prints the figures.
Models take turns on the same rows, so that a busy machine is busy for all; a ratio is the median of the
rounds' ratios.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from bezant.datasets import load
from bezant.desks.credit.credit_risk import CreditRisk
from bezant.histories import read_table
from bezant.network.onnx import OUTPUT, onnx_model
from bezant.types import AnyArray, FloatArray, InputError

ROUNDS = 7
APPLICATIONS = 1_000
PIECE = 2_048
"""Rows given to onnxruntime at once: all of them would not fit into a processor's cache."""


@dataclass(frozen=True)
class ScoringSpeed:
    """What was measured with one number of threads.

    Attributes
    ----------
    threads : int
        Of every model.
    rows : int
        Rows scored in a round.
    rates : dict of str to float
        Rows per second by model, the median of the rounds.
    ratio : float
        Rows per second of the large model over those of LightGBM.
    onnx_ratio : float
        Those of the ONNX file over those of LightGBM.
    onnx_difference : float
        Largest difference between the ONNX file's probabilities and the model's.
    application_ms : tuple of float
        Milliseconds of one application, JSON to probability: the median and the 95th percentile.
    """

    threads: int
    rows: int
    rates: dict[str, float]
    ratio: float
    onnx_ratio: float
    onnx_difference: float
    application_ms: tuple[float, float]

    def __str__(self) -> str:
        rates = ", ".join(f"{name} {rate:,.0f}" for name, rate in self.rates.items())
        median, late = self.application_ms
        return (
            f"{self.threads} thread{'s' if self.threads > 1 else ''}, {self.rows:,} rows: rows a second "
            f"{rates}; bezant / LightGBM {self.ratio:.2f}, ONNX / LightGBM {self.onnx_ratio:.2f}; largest "
            f"difference of the ONNX file {self.onnx_difference:.1e}; one application {median:.2f} ms in the "
            f"median, {late:.2f} ms at the 95th percentile."
        )


def fitted_model(dataset: str, rows: int, epochs: int) -> CreditRisk:
    """Fit the default model, LightGBM tuned beside it, to some of the loans before 2004."""
    loans = load(dataset)
    train = loans[loans["ApprovalDate"] < "2004-01-01"].sample(rows, random_state=0)
    risk = CreditRisk(time="ApprovalDate", training={"max_epochs": epochs}, progress=False, random_state=0)
    return risk.fit(train.drop(columns="default"), train["default"])


def scoring_speed(risk: CreditRisk, table: pa.Table, threads: int, rounds: int = ROUNDS) -> ScoringSpeed:
    """Measure a fitted model on rows of a table.

    Parameters
    ----------
    risk : CreditRisk
        Fitted with its traditional models.
    table : pyarrow.Table of n rows
        As a user has it, without the outcome.
    threads : int
        Threads of every model.
    rounds : int, default 7
        Turns.

    Raises
    ------
    InputError
        If the model was fitted without LightGBM.
    """
    rivals = [b for b in risk.benchmarks_ if b.name == "LightGBM"]
    if not rivals:
        raise InputError("The model has no LightGBM beside it; fit it with benchmark=True.")
    rivals[0].model.threads = threads
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        typed = risk.model_.conform(table).table
        onnx = _onnx_scorer(risk, typed, threads)
        scored = {
            "bezant": lambda: risk.model_.score_typed(typed),
            "ONNX": onnx,
            "LightGBM": lambda: rivals[0].score_table(typed),
        }
        rates = _rates(scored, typed.num_rows, rounds)
        difference = float(np.abs(onnx() - risk.model_.score_typed(typed)).max())
        times = _application_ms(risk, table)
    finally:
        torch.set_num_threads(before)
    medians = {name: statistics.median(of) for name, of in rates.items()}
    ratios = [
        statistics.median(a / b for a, b in zip(rates[name], rates["LightGBM"], strict=True))
        for name in ("bezant", "ONNX")
    ]
    return ScoringSpeed(threads, typed.num_rows, medians, ratios[0], ratios[1], difference, times)


def _rates(scored: dict[str, Callable[[], FloatArray]], rows: int, rounds: int) -> dict[str, list[float]]:
    """Rows per second of each model in each round; what is done once (folding, opening) is done before."""
    rates: dict[str, list[float]] = {name: [] for name in scored}
    for score in scored.values():
        score()
    for _ in range(rounds):
        for name, score in scored.items():
            start = time.perf_counter()
            score()
            rates[name].append(rows / (time.perf_counter() - start))
    return rates


def _onnx_scorer(risk: CreditRisk, typed: pa.Table, threads: int) -> Callable[[], FloatArray]:
    """Return what scores the rows through onnxruntime; reading the columns is not counted."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    content = onnx_model(risk.model_, {}).SerializeToString()
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    columns = {given.name: _plain(typed[given.name], given.type) for given in session.get_inputs()}

    def score() -> FloatArray:
        pieces = (slice(start, start + PIECE) for start in range(0, typed.num_rows, PIECE))
        fed = ({name: column[piece] for name, column in columns.items()} for piece in pieces)
        return np.concatenate([session.run([OUTPUT], rows)[0] for rows in fed])

    return score


def _plain(column: pa.ChunkedArray, kind: str) -> AnyArray:
    """Return a typed column as the graph takes it: NaN, "" or NaT's integer where missing."""
    if kind == "tensor(string)":
        return np.asarray(column.fill_null("").to_numpy(), dtype=object)
    if kind == "tensor(double)":
        return np.asarray(column.to_numpy(), np.float64)
    return np.asarray(column.to_numpy().astype("datetime64[us]").astype(np.int64))


def _application_ms(risk: CreditRisk, table: pa.Table) -> tuple[float, float]:
    """Milliseconds from JSON to probability, median and 95th percentile, after one round to warm up."""
    some = table.take(np.linspace(0, table.num_rows - 1, APPLICATIONS).astype(int)).to_pandas()
    texts = some.to_json(orient="records", lines=True, date_format="iso").splitlines()
    scorer = risk.scorer()
    for text in texts[:50]:
        scorer.score(text)
    taken = []
    for text in texts:
        start = time.perf_counter()
        scorer.score(text)
        taken.append(1000 * (time.perf_counter() - start))
    return statistics.median(taken), float(np.percentile(taken, 95))


def main(words: list[str] | None = None) -> None:
    """Fit, measure with one thread and with two, print."""
    parser = argparse.ArgumentParser(prog="python -m bezant.benchmarks.scoring", description=__doc__)
    parser.add_argument("--dataset", default="sba-sample", help="sba-sample, or sba-loans with more rows")
    parser.add_argument("--rows", type=int, default=20_000, help="rows to fit to")
    parser.add_argument("--epochs", type=int, default=2, help="epochs: more change no speed")
    parser.add_argument("--scored", type=int, default=200_000, help="rows to score")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="turns of the models")
    given: Any = parser.parse_args(words)
    risk = fitted_model(given.dataset, given.rows, given.epochs)
    table = read_table(load("sba-sample").drop(columns="default"))
    table = table.take(np.arange(given.scored) % table.num_rows)
    for threads in (1, 2):
        print(scoring_speed(risk, table, threads, given.rounds))


if __name__ == "__main__":
    main(sys.argv[1:])
