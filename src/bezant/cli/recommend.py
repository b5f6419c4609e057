"""``bezant fit recommend`` and ``bezant recommend``: what each customer needs next."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from bezant.cli.console import out as console
from bezant.cli.console import print_json, refuse_unsavable, refuse_unwritable, say, show
from bezant.cli.fit import Epochs, Seed, Size, SizeName
from bezant.cli.sources import AsJson, Drop, File, read_source
from bezant.schema import unknown_column
from bezant.schema.words import counted
from bezant.types import InputError

if TYPE_CHECKING:
    import pyarrow as pa

    from bezant.evidence.rankings import RankingEvaluation

FIT_EXAMPLE = (
    "Example: bezant fit recommend purchases.csv --customer customer --product product --time time "
    "--profiles customers.csv --out models/recommend --report recommend.html"
)
RECOMMEND_EXAMPLE = "Example: bezant recommend models/recommend --out lists.csv --customer 17 -k 5 --because"

Model = Annotated[Path, typer.Argument(metavar="MODEL", help="A folder that 'bezant fit recommend' wrote.")]


Called = Annotated[
    str | None,
    typer.Option("--called", metavar="ATTRIBUTE", help="What the report calls products by, such as a title."),
]


def fit_recommend(
    file: File,
    customer: Annotated[
        str, typer.Option("--customer", metavar="COLUMN", help="Whose an event is.")
    ] = "customer",
    product: Annotated[str, typer.Option("--product", metavar="COLUMN", help="What was taken.")] = "product",
    time: Annotated[
        str | None,
        typer.Option(
            "--time", metavar="COLUMN", help="When; 'time' where there is one, else the events are sets."
        ),
    ] = None,
    drop: Drop = None,
    profiles: Annotated[
        str | None, typer.Option("--profiles", metavar="FILE", help="One row a customer.")
    ] = None,
    products: Annotated[
        str | None, typer.Option("--products", metavar="FILE", help="One row a product, its attributes.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where the model goes.")] = Path(
        "models/recommend"
    ),
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="HTML", help="Write a page of figures and pictures there."),
    ] = None,
    called: Called = None,
    size: Size = SizeName.TINY,
    members: Annotated[int, typer.Option("--members", help="Networks that are averaged.")] = 1,
    epochs: Epochs = None,
    benchmark: Annotated[
        bool, typer.Option("--benchmark/--no-benchmark", help="Judge beside the traditional models.")
    ] = True,
    full: Annotated[
        bool, typer.Option("--full", help="Judge beside EASE, item-kNN and ALS as well.")
    ] = False,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Train a model of what each customer takes next, and judge it on the last thing each took.

    The file has one row an event. Other columns are read as what is known of the event: leave out, with
    --drop, what is known only later.
    """
    if full and not benchmark:
        raise InputError("--full and --no-benchmark contradict each other; leave one of them out.")
    refuse_unsavable(out, source=file)
    if report is not None:
        refuse_unwritable(report, source=file)
    table = _without(read_source(file), drop or [])
    beside = [None if f is None else read_source(f) for f in (profiles, products)]
    if called is not None:
        _refuse_called(called, beside[1])
    if time is not None and time not in table.column_names:
        raise unknown_column(time, table.column_names)
    from bezant.desks.customers.recommender import ProductRecommender

    model = ProductRecommender(
        customer=customer,
        product=product,
        time=time or "time",
        size=size.value,
        members=members,
        training=None if epochs is None else {"max_epochs": epochs},
        benchmark="full" if full else benchmark,
        random_state=seed,
    ).fit(table, beside[0], products=beside[1])
    model.save(out)
    if report is not None:
        model.report(report, called=called)
    judged = model.evaluation_
    if as_json:
        evaluation = None if judged is None else judged.document()
        page = None if report is None else str(report)
        print_json({"model": str(out), "report": page, "notes": list(model.notes_), "evaluation": evaluation})
        return
    if judged is not None:
        console().print(_figures(judged))
        show()
    for note in model.notes_:
        show(note, "dim")
    show(f"Model   {out}")
    if report is not None:
        show(f"Report  {report}")


def recommend(
    model: Model,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="Where the lists go: .csv, .tsv or .parquet.")
    ],
    customers: Annotated[
        list[str] | None,
        typer.Option("--customer", metavar="NAME", help="A customer; may be repeated. All if not given."),
    ] = None,
    k: Annotated[int, typer.Option("-k", help="Products a customer.")] = 10,
    owned: Annotated[bool, typer.Option("--owned", help="Recommend what was taken before, too.")] = False,
    family: Annotated[
        str | None,
        typer.Option("--family", metavar="ATTRIBUTE", help="At most one product with the same value of it."),
    ] = None,
    diversity: Annotated[
        float, typer.Option("--diversity", help="How much likeness in a list counts against, 0 to 1.")
    ] = 0.0,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            metavar="HTML",
            help="Write the model's page there: its lists without rules, the first 12 --customer drawn.",
        ),
    ] = None,
    called: Called = None,
    because: Annotated[
        bool, typer.Option("--because", help="Add the earlier product that led to each.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write ranked products for each customer: customer, product, rank, score, basis."""
    for path in (out, report):
        if path is not None:
            refuse_unwritable(path)
    from bezant.desks.customers.recommender import ProductRecommender
    from bezant.desks.loading import load
    from bezant.histories.readers import BatchWriter, read_table, write_table

    BatchWriter(out)  # refuses a suffix that it does not write
    loaded = load(model)
    if not isinstance(loaded, ProductRecommender):
        raise InputError(f"{str(model)!r} holds a {type(loaded).__name__}; name a model of 'fit recommend'.")
    names = _named(customers, loaded.customers_)
    if names is not None:
        _say_unknown(names, loaded.customers_)
    found = loaded.recommend(
        names,
        k,
        exclude_owned=not owned,
        family=family,
        diversity=diversity,
        because=because,
    )
    table = read_table(found)
    write_table(table, out)
    if report is not None:
        drawn = None if names is None else names.slice(0, 12)
        loaded.report(report, drawn, k, called=called)
    if as_json:
        page = None if report is None else str(report)
        print_json({"out": str(out), "report": page, "rows": table.num_rows})
        return
    show(f"{counted(table.num_rows, 'recommendation')}: {out}")
    if report is not None:
        show(f"Report  {report}")


def _refuse_called(called: str, products: pa.Table | None) -> None:
    if products is None:
        raise InputError(f"--called {called} is an attribute of products; give them with --products FILE.")
    if called not in products.column_names:
        raise unknown_column(called, products.column_names)


def _named(customers: list[str] | None, known: pa.Array) -> pa.Array | None:
    """Return names as they are typed in the model."""
    import pyarrow as pa

    if customers is None:
        return None
    try:
        return pa.array(customers).cast(known.type)
    except pa.ArrowInvalid as error:
        raise InputError(f"--customer: the customers of the model are numbers ({error}).") from error


def _say_unknown(names: pa.Array, known: pa.Array) -> None:
    """Warn of customers that the model does not know, who may be a slip of the pen."""
    import pyarrow.compute as pc

    strange = names.filter(pc.invert(pc.is_in(names, value_set=known)))
    if len(strange):
        say(
            f"{len(strange)} of {len(names)} customers are not known to the model, such as "
            f"{strange[0].as_py()!r}: what most customers took is recommended to them."
        )


def _without(table: pa.Table, drop: list[str]) -> pa.Table:
    for name in drop:
        if name not in table.column_names:
            raise unknown_column(name, table.column_names)
    return table.drop_columns(drop)


def _figures(judged: RankingEvaluation) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column(f"{judged.rows:,} customers, one product held out")
    key, *others = judged.labels
    for title in (f"{judged.labels[key]} (95 %)", *(judged.labels[k].lower() for k in others)):
        table.add_column(title, justify="right", no_wrap=True)
    for model, own in judged.figures.items():
        ndcg = own[key]
        table.add_row(
            model,
            f"{ndcg.value:.3f}  {ndcg.low:.3f}-{ndcg.high:.3f}",
            *(f"{own[k].value:.3f}" for k in others),
            style="bold" if model == judged.large else "",
        )
    return table
