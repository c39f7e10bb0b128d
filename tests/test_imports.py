"""Which way imports point: the rings of the package, enforced by reading the source.

An import goes from an outer ring to an inner one. Siblings of one ring never import each other. The
pure rings know no event loop, socket, clock, chance, database, log or environment.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Final

import pytest

import routeserver

PACKAGE: Final = Path(routeserver.__file__).parent
DEMO: Final = Path(__file__).parents[1] / "demo"

RINGS: Final[tuple[frozenset[str], ...]] = (
    frozenset({"net"}),
    frozenset({"bgp", "bfd", "rib", "ec2", "domain", "netlink"}),
    frozenset({"netd"}),
    frozenset({"speaker", "bfdd", "store", "dataplane", "fabric", "observe"}),
    frozenset({"control"}),
    frozenset({"http"}),
    # The outermost: the settings, the composition root that reads them, the commands that start it.
    frozenset({"settings", "interpreted"}),
    frozenset({"app"}),
    # A user of the server that comes in the same package.
    frozenset({"lab"}),
    frozenset({"cli"}),
    frozenset({"__main__"}),
)
RING_OF: Final = {room: number for number, ring in enumerate(RINGS) for room in ring}

PURE: Final = RINGS[0] | RINGS[1]
WORLDLY: Final = frozenset(
    {
        "aiosqlite",
        "alembic",
        "asyncio",
        "concurrent",
        "getpass",
        "http",
        "logging",
        "multiprocessing",
        "os",
        "pathlib",
        "prometheus_client",
        "random",
        "secrets",
        "select",
        "selectors",
        "signal",
        "socket",
        "sqlalchemy",
        "sqlite3",
        "starlette",
        "structlog",
        "subprocess",
        "tempfile",
        "threading",
        "time",
        "urllib.request",
        "uuid",
        "uvicorn",
        "uvloop",
    }
)
CLOCKS: Final = frozenset({"now", "utcnow", "today"})
"""Methods of datetime and date that look at the clock."""

ONLY_IN: Final = {
    "botocore": ("ec2",),
    "cryptography": ("store",),
    "sqlalchemy": ("store",),
    "alembic": ("store",),
    "starlette": ("http", "app"),
    "uvicorn": ("http", "app"),
    "prometheus_client": ("observe",),
    "typer": ("cli",),
    "rich": ("cli",),
}
"""Third parties that are known in one place, so that they can be exchanged there."""


def room_of(name: str) -> str:
    return [*name.split("."), ""][1]


@dataclass(frozen=True, slots=True)
class Module:
    name: str
    tree: ast.Module

    @property
    def room(self) -> str:
        """The folder or module right under the package; empty for the package itself."""
        return room_of(self.name)

    def imports(self) -> Iterator[str]:
        """The full names imported, wherever in the module that stands."""
        for node in ast.walk(self.tree):
            match node:
                case ast.Import(names=names):
                    yield from (alias.name for alias in names)
                case ast.ImportFrom(module=module, names=names, level=0):
                    yield from (f"{module}.{alias.name}" for alias in names)


def modules() -> list[Module]:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found.append(Module(name, ast.parse(path.read_text(), str(path))))
    return found


MODULES: Final = modules()
NAMES: Final = frozenset(module.name for module in MODULES)


def ours(module: Module) -> Iterator[str]:
    """The modules of the package that a module imports (``a.b.c`` may be the name c of a.b)."""
    for name in module.imports():
        if name.split(".")[0] == "routeserver":
            yield name if name in NAMES else name.rpartition(".")[0]


def of(room: str) -> list[Module]:
    return [module for module in MODULES if module.room == room]


def test_every_room_has_a_ring() -> None:
    assert {module.room for module in MODULES} - {""} <= RING_OF.keys()


@pytest.mark.parametrize("room", sorted(RING_OF))
def test_imports_point_inwards_only(room: str) -> None:
    wrong = [
        f"{module.name} imports {name}"
        for module in of(room)
        for name in ours(module)
        for other in [room_of(name)]
        if other not in {"", room} and RING_OF[other] >= RING_OF[room]
    ]
    assert wrong == []


@pytest.mark.parametrize("room", sorted(PURE))
def test_a_pure_ring_knows_nothing_of_the_world(room: str) -> None:
    wrong = [
        f"{module.name} imports {name}"
        for module in of(room)
        for name in module.imports()
        if name.split(".")[0] in WORLDLY or ".".join(name.split(".")[:2]) in WORLDLY
    ]
    assert wrong == []


@pytest.mark.parametrize("room", sorted(PURE))
def test_a_pure_ring_is_not_async_and_does_not_look_at_a_clock_or_open_files(room: str) -> None:
    wrong = []
    for module in of(room):
        for node in ast.walk(module.tree):
            match node:
                case ast.AsyncFunctionDef() | ast.Await():
                    wrong.append(f"{module.name}:{node.lineno} is async")
                case ast.Attribute(value=ast.Name(id="datetime" | "date"), attr=attr):
                    if attr in CLOCKS:
                        wrong.append(f"{module.name}:{node.lineno} reads the clock")
                case ast.Call(func=ast.Name(id="open" | "print" | "input" as function)):
                    wrong.append(f"{module.name}:{node.lineno} calls {function}")
    assert wrong == []


@pytest.mark.parametrize("library", sorted(ONLY_IN))
def test_a_library_is_known_in_its_place_only(library: str) -> None:
    wrong = [
        f"{module.name} imports {name}"
        for module in MODULES
        if module.room not in ONLY_IN[library]
        for name in module.imports()
        if name.split(".")[0] == library
    ]
    assert wrong == []


def test_only_one_module_knows_where_the_service_model_comes_from() -> None:
    loaders = ("botocore.loaders", "botocore.model", "botocore.session")
    knowing = {m.name for m in MODULES for name in m.imports() if name.startswith(loaders)}
    assert knowing <= {"routeserver.ec2.model"}


def test_nothing_is_imported_inside_a_function_or_relatively() -> None:
    wrong = []
    for module in MODULES:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ImportFrom) and node.level:
                wrong.append(f"{module.name}:{node.lineno} imports relatively")
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                wrong.extend(
                    f"{module.name}:{inner.lineno} imports inside a function"
                    for inner in ast.walk(node)
                    if isinstance(inner, ast.Import | ast.ImportFrom)
                )
    assert wrong == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph: dict[str, set[str]] = defaultdict(set)
    for module in MODULES:
        graph[module.name] |= {name for name in ours(module) if name != module.name}
    try:
        tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


def test_the_demo_knows_the_package_only_by_its_command() -> None:
    allowed_third_parties = {"boto3", "botocore", "rich"}
    paths = sorted(DEMO.glob("*.py"))
    assert paths
    for path in paths:
        module = Module(path.stem, ast.parse(path.read_text(), str(path)))
        roots = {name.split(".")[0] for name in module.imports()}
        assert "routeserver" not in roots, path
        local = {other.stem for other in paths}
        known = allowed_third_parties | local | set(sys.stdlib_module_names)
        assert roots <= known, path
