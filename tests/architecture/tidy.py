"""The house style that no linter knows, as rules over one parsed file each."""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePath

FILE_LIMIT_LINES = 400
FUNCTION_LIMIT_LINES = 70
EMPTY_NAMES = {"base", "common", "helpers", "manager", "utils"}
SLEEPERS = {"anyio", "asyncio", "time"}
CLOCKS = {"now", "today", "utcnow"}

LOOPS = (ast.For, ast.AsyncFor, ast.While)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass(frozen=True)
class Module:
    """One source file, by its path from the repository's root."""

    path: PurePath
    text: str

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def package(self) -> str:
        return self.path.parts[0]


Rule = Callable[[Module], Iterator[str]]


def short_file(module: Module) -> Iterator[str]:
    lines = len(module.text.splitlines())
    if lines > FILE_LIMIT_LINES:
        yield f"{lines} lines, over {FILE_LIMIT_LINES}"


def short_functions(module: Module) -> Iterator[str]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LIMIT_LINES:
                yield f"{node.name}: {lines} lines, over {FUNCTION_LIMIT_LINES}"


def says_what_it_is_for(module: Module) -> Iterator[str]:
    if module.text.strip() and not ast.get_docstring(module.tree):
        yield "no module docstring"


def telling_name(module: Module) -> Iterator[str]:
    for part in (*module.path.parts[:-1], module.path.stem):
        if part in EMPTY_NAMES:
            yield f"the name {part} says nothing"


def no_sleep_in_tests(module: Module) -> Iterator[str]:
    if module.package != "tests":
        return
    for node in ast.walk(module.tree):
        match node:
            case ast.Attribute(value=ast.Name(id=owner), attr="sleep") if owner in SLEEPERS:
                yield f"line {node.lineno}: {owner}.sleep; wait for a signal"
            case ast.ImportFrom(module=owner, names=names) if owner in SLEEPERS:
                if any(alias.name == "sleep" for alias in names):
                    yield f"line {node.lineno}: {owner}.sleep; wait for a signal"


def no_get_in_a_loop(module: Module) -> Iterator[str]:
    """A pass per missing row would make a big order slow: `get_many` asks for all at once."""
    if module.package != "domains":
        return
    lines = {
        call.lineno
        for node in ast.walk(module.tree)
        for part in repeated(node)
        for call in ast.walk(part)
        if isinstance(call, ast.Call) and is_tx_get(call.func)
    }
    yield from (f"line {line}: tx.get in a loop; use tx.get_many" for line in sorted(lines))


def repeated(node: ast.AST) -> list[ast.AST]:
    """The parts of a loop that run once per turn; what is looped over is evaluated once."""
    if isinstance(node, LOOPS):
        return [*node.body, *([node.test] if isinstance(node, ast.While) else [])]
    if isinstance(node, COMPREHENSIONS):
        once = node.generators[0].iter
        return [n for n in walk_without(node, once) if isinstance(n, ast.Call)]
    return []


def walk_without(node: ast.AST, left_out: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if child is not left_out:
            yield child
            yield from walk_without(child, left_out)


def is_tx_get(node: ast.AST) -> bool:
    match node:
        case ast.Attribute(value=ast.Name(id="tx"), attr="get"):
            return True
    return False


def no_clock_of_its_own(module: Module) -> Iterator[str]:
    """The time of a batch is `tx.now`, the same on each run of it."""
    if module.package != "domains":
        return
    tree = module.tree
    names = {"datetime", "date"} | {
        alias.asname
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
        if alias.asname and alias.name in {"datetime", "date"}
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in CLOCKS:
            owner = ast.unparse(node.value)
            if owner.split(".")[0] in names:
                yield f"line {node.lineno}: {owner}.{node.attr}; use tx.now"


RULES: list[Rule] = [
    short_file,
    short_functions,
    says_what_it_is_for,
    telling_name,
    no_sleep_in_tests,
    no_get_in_a_loop,
    no_clock_of_its_own,
]
