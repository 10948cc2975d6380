"""Which tests carry which numbers of the matrix, read from their source."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """One `pytest.mark.fault` on one test."""

    file: str
    test: str
    numbers: tuple[int, ...]
    how: str = ""

    @property
    def sentence(self) -> str:
        return self.test.removeprefix("test_").replace("_", " ")


def marks() -> list[Mark]:
    """Find every mark of the suite, in the order of files and lines."""
    found: list[Mark] = []
    for path in sorted(TESTS.rglob("test_*.py")):
        source = path.read_text()
        if "mark.fault" in source:
            found.extend(_marks_of(ast.parse(source), str(path.relative_to(ROOT))))
    return found


def _marks_of(module: ast.Module, file: str) -> Iterator[Mark]:
    functions = [
        node
        for node in module.body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]
    placed = 0
    for function in functions:
        # Parameters of a test may carry marks of their own, within its decorators.
        for decorator in function.decorator_list:
            for call in _calls(decorator):
                placed += 1
                yield _mark(call, file, function.name)
    if placed != sum(1 for _ in _calls(module)):
        raise ValueError(f"{file}: a mark of the fault matrix belongs into a decorator of its test")


def _calls(node: ast.AST) -> Iterator[ast.Call]:
    for one in ast.walk(node):
        if isinstance(one, ast.Call) and ast.unparse(one.func) == "pytest.mark.fault":
            yield one


def _mark(call: ast.Call, file: str, test: str) -> Mark:
    try:
        numbers = tuple(ast.literal_eval(argument) for argument in call.args)
        named = {str(word.arg): ast.literal_eval(word.value) for word in call.keywords}
    except ValueError as error:
        raise ValueError(f"{file}: {test}: the page wants numbers and words as they are") from error
    return Mark(file, test, numbers, **named)
