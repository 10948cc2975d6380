"""The layers of the product, read from its imports."""

import ast
import graphlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LINES = 300

# Imports point down this list and never up. `deployer` itself holds only the version.
LAYERS: tuple[frozenset[str], ...] = (
    frozenset({"cli", "__main__"}),
    frozenset({"report", "workflows"}),
    frozenset({"store", "transport", "host", "fleet", "probe", "sandbox", "sources", "programs"}),
    frozenset(
        {
            "inventory",
            "spec",
            "pki",
            "layouts",
            "apache",
            "advice",
            "release",
            "observation",
            "existing",
            "kept",
            "decision",
            "result",
            "rolling",
            "plan",
            "platforms",
            "resources",
        }
    ),
    frozenset({"errors"}),
    frozenset({""}),
)
CORE = LAYERS[3]

EFFECTS = frozenset(
    {
        "asyncio",
        "multiprocessing",
        "os",
        "paramiko",
        "pathlib.Path",
        "random",
        "secrets",
        "select",
        "shutil",
        "signal",
        "socket",
        "sqlalchemy",
        "subprocess",
        "tempfile",
        "threading",
        "time",
        "urllib.request",
    }
)
# Calls, by the last part of their name, that read a clock or randomness.
EFFECTFUL_CALLS = frozenset(
    {
        "now",
        "utcnow",
        "today",
        "generate",
        "generate_private_key",
        "random_serial_number",
        "uuid1",
        "uuid4",
    }
)
ALLOWED_EFFECTS = {
    "deployer.resources": "it locates the files that ship with the program, and does nothing else",
}

# Where an import may stand inside a function, and why.
LAZY_IMPORTS = {
    "deployer.cli": "`deployer --help` starts in an instant: each command loads what it needs",
    "deployer.inventory.templating": "most inventories hold no template, and need no Jinja2",
    "deployer.inventory.vault": "most inventories hold no secret, and need no ciphers",
    "deployer.report.console": "data goes out without what draws for people",
}


def modules() -> Iterator[str]:
    for path in sorted((ROOT / "deployer").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = tuple(modules())


def path_of(module: str) -> Path:
    path = ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@cache
def tree_of(module: str) -> ast.Module:
    return ast.parse(path_of(module).read_text())


def imports_in(tree: ast.AST) -> Iterator[str]:
    """Every imported name in full: `json.loads` for `from json import loads`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imported_modules(module: str) -> frozenset[str]:
    """The modules of this product that a module imports, at its top or inside a function."""
    found = set()
    for name in imports_in(tree_of(module)):
        if name.split(".")[0] == "deployer":
            parent = name.rpartition(".")[0]
            found.add(name if name in MODULES else parent)
    return frozenset(found)


def part_of(module: str) -> str:
    """The package or module right below `deployer` that a module belongs to."""
    return module.split(".")[1] if "." in module else ""


def layer_of(module: str) -> int:
    part = part_of(module)
    for depth, parts in enumerate(LAYERS):
        if part in parts:
            return depth
    pytest.fail(f"{module} belongs to no layer: give {part!r} one in LAYERS")


def listed(module: str, exceptions: dict[str, str]) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in exceptions)


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_down(module: str) -> None:
    for imported in imported_modules(module):
        assert layer_of(imported) >= layer_of(module), f"{module} imports {imported}, above it"


def test_no_imports_go_in_a_circle() -> None:
    graph = {module: imported_modules(module) for module in MODULES}

    graphlib.TopologicalSorter(graph).prepare()


def test_no_packages_depend_on_each_other_in_a_circle() -> None:
    graph: dict[str, set[str]] = {}
    for module in MODULES:
        below = {part_of(imported) for imported in imported_modules(module)}
        graph.setdefault(part_of(module), set()).update(below - {part_of(module)})

    graphlib.TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("module", [name for name in MODULES if part_of(name) == "workflows"])
def test_workflows_return_results_and_leave_the_printing_to_others(module: str) -> None:
    assert "report" not in {part_of(imported) for imported in imported_modules(module)}


@pytest.mark.parametrize("module", [name for name in MODULES if part_of(name) in CORE])
def test_the_core_has_no_effects(module: str) -> None:
    if listed(module, ALLOWED_EFFECTS):
        return
    tree = tree_of(module)
    for name in imports_in(tree):
        beginnings = {name.rsplit(".", cut)[0] for cut in range(name.count(".") + 1)}
        assert not beginnings & EFFECTS, f"{module} imports {name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            effect = called == "open" or called.rpartition(".")[2] in EFFECTFUL_CALLS
            assert not effect, f"{module}:{node.lineno} calls {called}"
        elif isinstance(node, ast.Attribute):
            assert ast.unparse(node) not in EFFECTS, f"{module}:{node.lineno} uses a disk"


@pytest.mark.parametrize("module", MODULES)
def test_imports_stand_at_the_top(module: str) -> None:
    if listed(module, LAZY_IMPORTS):
        return
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            late = set(imports_in(node))
            assert not late, f"{module}: {node.name} imports {', '.join(late)}"


@pytest.mark.parametrize("module", MODULES)
def test_type_checking_hides_no_import(module: str) -> None:
    assert not [name for name in imports_in(tree_of(module)) if name.endswith("TYPE_CHECKING")]


@pytest.mark.parametrize("module", MODULES)
def test_a_module_fits_in_the_head(module: str) -> None:
    lines = len(path_of(module).read_text().splitlines())

    assert lines <= LINES, f"{module} has {lines} lines: it is more than one noun"
