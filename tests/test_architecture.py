"""Arrows run one way: what DESIGN.md says about imports, read from the source itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src"
PACKAGE = SOURCE / "bezant"

ORDER = (
    "types", "solvers", "schema", "histories", "datasets", "splits", "metrics", "risk", "network",
    "artifacts", "training", "traditional", "evidence", "reports", "desks", "benchmarks", "cluster",
    "service", "__init__", "cli", "__main__",
)  # fmt: skip
"""A part imports only from the parts before it; ``bezant`` itself hands out names of all desks."""

LATE_IMPORTS_ALLOWED = ("__init__", "cli")


def module_name(file: Path) -> str:
    parts = list(file.relative_to(SOURCE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_name(file): file for file in sorted(PACKAGE.rglob("*.py"))}
TREES = {name: ast.parse(file.read_text(encoding="utf-8")) for name, file in FILES.items()}


def part_of(module: str) -> str:
    """The part of the package a module belongs to: ``bezant.network.heads`` is in ``network``."""
    names = module.split(".")
    return names[1] if len(names) > 1 else "__init__"


def imported(node: ast.AST, importer: str) -> Iterator[str]:
    """Names of the package's own modules that an import statement reads."""
    if isinstance(node, ast.Import):
        yield from (a.name for a in node.names if a.name.split(".")[0] == "bezant")
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, f"{importer} imports relatively; write the whole name"
        if node.module and node.module.split(".")[0] == "bezant":
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in TREES else node.module


def imports(module: str) -> set[str]:
    return {name for node in ast.walk(TREES[module]) for name in imported(node, module)}


def imports_at_the_top(module: str) -> set[str]:
    """Imports that run when the module is imported: not in functions, not for type checkers only."""

    def walk(nodes: list[ast.stmt]) -> Iterator[ast.AST]:
        for node in nodes:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
                continue
            yield node
            for inner in ("body", "orelse", "finalbody"):
                yield from walk(getattr(node, inner, []))

    return {name for node in walk(TREES[module].body) for name in imported(node, module)} - {module}


def test_every_part_has_its_place_in_the_order() -> None:
    assert {part_of(module) for module in TREES} <= set(ORDER)


@pytest.mark.parametrize("module", sorted(TREES))
def test_a_module_imports_only_from_parts_above_its_own(module: str) -> None:
    if part_of(module) == "__init__":
        pytest.skip("bezant itself names the public things of every part, and imports them when asked for")
    place = ORDER.index(part_of(module))
    wrong = {name for name in imports(module) if name != "bezant" and ORDER.index(part_of(name)) > place}
    assert not wrong, f"{module} imports {sorted(wrong)}, which lie below it"


@pytest.mark.parametrize("module", sorted(TREES))
def test_only_the_command_line_reads_names_of_bezant_itself(module: str) -> None:
    if part_of(module) not in ("cli", "__main__", "__init__"):
        assert "bezant" not in imports(module), f"{module} imports bezant itself; name the module"


def test_no_module_imports_itself_through_others() -> None:
    arrows = {module: imports_at_the_top(module) for module in TREES}
    seen: dict[str, int] = {}

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert seen.get(module) != 1, f"a circle of imports: {' -> '.join((*path, module))}"
        if module in seen:
            return
        seen[module] = 1
        for other in sorted(arrows.get(module, ())):
            visit(other, (*path, module))
        seen[module] = 2

    for module in sorted(arrows):
        visit(module, ())


@pytest.mark.parametrize("module", sorted(TREES))
def test_functions_import_bezant_only_in_the_command_line(module: str) -> None:
    if part_of(module) in LATE_IMPORTS_ALLOWED:
        pytest.skip("the command line imports what a command needs when it runs")
    late = [
        f"line {inner.lineno}"
        for node in ast.walk(TREES[module])
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for inner in ast.walk(node)
        if list(imported(inner, module))
    ]
    assert not late, f"{module} imports bezant inside a function: {late}"


def undocumented(module: str) -> Iterator[str]:
    """Public modules, classes, functions and methods without a docstring."""
    tree = TREES[module]
    if not ast.get_docstring(tree) and tree.body:
        yield module

    def walk(node: ast.Module | ast.ClassDef, prefix: str) -> Iterator[str]:
        for item in node.body:
            if not isinstance(item, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if item.name.startswith("_"):
                continue
            if not ast.get_docstring(item):
                yield f"{prefix}.{item.name}"
            if isinstance(item, ast.ClassDef):
                yield from walk(item, f"{prefix}.{item.name}")

    yield from walk(tree, module)


@pytest.mark.parametrize("module", sorted(TREES))
def test_public_names_have_docstrings(module: str) -> None:
    assert not list(undocumented(module))


@pytest.mark.parametrize("module", sorted(TREES))
def test_nothing_reads_pickles(module: str) -> None:
    """``torch.load`` and friends would; the one reader of foreign pickles has a parser of its own."""
    calls = {
        ast.unparse(node.func)
        for node in ast.walk(TREES[module])
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert not calls & {"pickle.load", "pickle.loads", "torch.load", "joblib.load", "dill.load", "dill.loads"}


def test_the_walk_would_notice_an_arrow_that_points_down() -> None:
    tree = ast.parse("from bezant.cli.app import main")
    found = [name for node in ast.walk(tree) for name in imported(node, "bezant.schema")]
    assert found == ["bezant.cli.app"]
    assert ORDER.index(part_of(found[0])) > ORDER.index("schema")


def test_the_rooms_of_the_desks_import_one_way() -> None:
    def room(module: str) -> str:
        return ".".join(module.split(".")[:3])

    doors: dict[str, set[str]] = {}
    for module in TREES:
        if module.startswith("bezant.desks."):
            names = {room(name) for name in imports(module) if name.startswith("bezant.desks.")}
            doors.setdefault(room(module), set()).update(names - {room(module)})
    assert len(doors) > 5
    TopologicalSorter(doors).prepare()  # a CycleError names the rooms that form a ring
