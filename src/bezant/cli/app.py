"""The command ``bezant``: its groups, and what an error looks like to whoever typed it."""

from __future__ import annotations

import logging
import sys
import warnings
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from bezant import __version__
from bezant.cli import (
    benchmark,
    compare,
    data,
    demo,
    export,
    fit,
    fit_demand,
    fit_term_structure,
    history,
    market,
    plan,
    recommend,
    risk,
    scoring,
    tune,
    update,
)
from bezant.cli.console import EXIT_INPUT, EXIT_INTERRUPTED, say
from bezant.types import InputError, MissingExtraError

_UsageError: Any = typer.BadParameter.__mro__[1]
"""What is raised of every word that a command cannot read; typer has it of click or of its own copy of it."""


class Door(TyperGroup):
    """A group whose commands end in one sentence and an exit code, never in a traceback."""

    def make_context(self, *args: Any, **more: Any) -> Any:
        """Read what was typed before a command's name."""
        try:
            return super().make_context(*args, **more)
        except _UsageError as error:
            _refuse_words(error)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; turn errors about words, input and Ctrl-C into sentences on stderr."""
        try:
            return super().invoke(ctx)
        except (InputError, MissingExtraError) as error:
            say(f"Error: {error}", "red")
            raise SystemExit(EXIT_INPUT) from error
        except _UsageError as error:
            _refuse_words(error)
        except KeyboardInterrupt as error:
            say("Stopped by Ctrl-C; no output was left half written.")
            raise SystemExit(EXIT_INTERRUPTED) from error
        except BrokenPipeError:
            raise
        except OSError as error:
            where = f" {str(error.filename)!r}" if error.filename else ""
            say(f"Error: the system refused{where} ({error.strerror or error}).", "red")
            raise SystemExit(EXIT_INPUT) from error


def _refuse_words(error: Any) -> NoReturn:
    """End with one sentence of words that cannot be read; a group alone has printed its help instead."""
    if type(error).__name__ == "NoArgsIsHelpError":
        raise error
    say(f"Error: {_of_usage(error)}", "red")
    raise SystemExit(EXIT_INPUT) from error


def _of_usage(error: Any) -> str:
    """Return one sentence of what was wrong with the words of a command, and where to read on."""
    said = (
        error.format_message().rstrip(".").replace("Value error, ", "").replace("Input should", "it should")
    )
    where = f"; {error.ctx.command_path} --help lists what there is" if error.ctx is not None else ""
    return f"{said[:1].upper()}{said[1:]}{where}."


class Desks(TyperGroup):
    """A group of desks, which says so to whoever types a file where the desk belongs."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the desk's command."""
        if args and args[0] not in self.commands and Path(args[0]).suffix:
            raise InputError(
                f"{args[0]!r} looks like a file; name the desk first: bezant {ctx.info_name} credit "
                f"{args[0]}."
            )
        return super().resolve_command(ctx, args)


app = typer.Typer(
    name="bezant",
    cls=Door,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Start with: bezant demo   (real loans that ship inside, no network, a few minutes)",
)
_fit = typer.Typer(
    cls=Desks, no_args_is_help=True, help="Train a large model and judge it beside the traditional ones."
)
_tune = typer.Typer(cls=Desks, no_args_is_help=True, help="Look for better settings on a small budget.")
_benchmark = typer.Typer(no_args_is_help=True, help="Measure the large model beside the strongest peers.")
_datasets = typer.Typer(invoke_without_command=True, help=data.DATASETS_HELP, epilog=data.DATASETS_EXAMPLE)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"bezant {__version__}")
        raise typer.Exit()


@app.callback()
def bezant(
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and stop."),
    ] = False,
) -> None:
    """Large deep models for finance: trained on your histories, judged against the traditional model."""


app.command("demo", epilog=demo.EXAMPLE)(demo.demo)
app.add_typer(_datasets, name="datasets")
_datasets.callback()(data.datasets)
_datasets.command("list", epilog=data.LIST_EXAMPLE)(data.list_datasets)
_datasets.command("show", epilog=data.SHOW_EXAMPLE)(data.show_dataset)
_datasets.command("fetch", epilog=data.FETCH_EXAMPLE)(data.fetch_dataset)
app.command("check", epilog=data.CHECK_EXAMPLE)(data.check_file)
app.add_typer(_fit, name="fit")
_fit.command("credit", epilog=fit.EXAMPLE)(fit.fit_credit)
_fit.command("demand", epilog=fit_demand.EXAMPLE)(fit_demand.fit_demand)
_fit.command("term-structure", epilog=fit_term_structure.EXAMPLE)(fit_term_structure.fit_term_structure)
_fit.command("recommend", epilog=recommend.FIT_EXAMPLE)(recommend.fit_recommend)
_fit.command("market", epilog=market.FIT_EXAMPLE)(market.fit_market)
app.command("forecast", epilog=market.FORECAST_EXAMPLE)(market.forecast)
app.command("backtest", epilog=market.BACKTEST_EXAMPLE)(market.backtest)
app.command("risk", epilog=risk.EXAMPLE)(risk.risk)
app.command("pretrain", epilog=history.PRETRAIN_EXAMPLE)(history.pretrain)
app.command("embed", epilog=history.EMBED_EXAMPLE)(history.embed)
app.command("surprise", epilog=history.SURPRISE_EXAMPLE)(history.surprise)
app.command("plan", epilog=plan.EXAMPLE)(plan.plan)
app.add_typer(_tune, name="tune")
_tune.command("credit", epilog=tune.EXAMPLE)(tune.tune_credit)
app.command("predict", epilog=scoring.PREDICT_EXAMPLE)(scoring.predict)
app.command("recommend", epilog=recommend.RECOMMEND_EXAMPLE)(recommend.recommend)
app.command("evaluate", epilog=scoring.EVALUATE_EXAMPLE)(scoring.evaluate)
app.command("report", epilog=scoring.REPORT_EXAMPLE)(scoring.report)
app.add_typer(_benchmark, name="benchmark")
_benchmark.command("credit", epilog=benchmark.EXAMPLE)(benchmark.benchmark_credit)
_benchmark.command("throughput", epilog=benchmark.THROUGHPUT_EXAMPLE)(benchmark.benchmark_throughput)
app.command("recalibrate", epilog=update.RECALIBRATE_EXAMPLE)(update.recalibrate)
app.command("update", epilog=update.EXAMPLE)(update.update)
app.command("export", epilog=export.EXAMPLE)(export.export)
app.command("compare-optimizers", epilog=compare.EXAMPLE)(compare.compare)


def _say_warning(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
    """Print what bezant warns of as the sentence it is, without the line of code it comes from."""
    say(f"Note: {message}" if category is UserWarning else f"{category.__name__}: {message}", "yellow")


def main() -> NoReturn:
    """Run the command line; never returns."""
    warnings.showwarning = _say_warning
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    logging.getLogger().setLevel(logging.WARNING)
    logging.getLogger("bezant").setLevel(logging.INFO)
    app(prog_name="bezant")
    sys.exit(0)
