"""The picture of a comparison of optimizers: their held-out learning curves on one pair of axes."""

from __future__ import annotations

import math

from bezant.reports.canvas import DASHES, canvas
from bezant.reports.palette import LARGE, PEERS
from bezant.reports.parts import end_labels
from bezant.training.comparison import OptimizerComparison


def optimizer_curves(comparison: OptimizerComparison) -> str:
    """Draw held-out loss after recalibration by epoch, the recommended optimizer's strong; returns SVG."""
    with canvas("optimizers", comparison.sentence, width=7.2, height=4.2) as picture:
        axes = picture.axes(left=0.7, right=1.35)
        ends = {}
        for i, trial in enumerate(comparison.trials):
            points = [
                (e.number, e.held_out_loss)
                for e in trial.run.epochs
                if e.held_out_loss is not None and math.isfinite(e.held_out_loss)
            ]
            if not points:
                continue
            epochs, losses = zip(*points, strict=True)
            color = LARGE if i == 0 else PEERS[(i - 1) % len(PEERS)]
            dash = "-" if i == 0 else DASHES[(i - 1) % len(DASHES)]
            axes.plot(epochs, losses, color=color, linestyle=dash, linewidth=2.2 if i == 0 else 1.2)
            ends[f"{trial.optimizer} {trial.best_loss:.4f}"] = (losses[-1], color, i == 0)
        axes.set_xlabel("passes over the rows")
        axes.set_ylabel("held-out loss after recalibration")
        axes.xaxis.get_major_locator().set_params(integer=True)
        end_labels(axes, ends)
    return picture.svg
