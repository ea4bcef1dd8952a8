"""The limits of the house, checked on the source text: architecture.md 2, laws 8 and 12."""

import ast
import gc
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FUNCTION_LINES_MAX = 50
MODULE_LINES_MAX = 400
PARAMETERS_MAX = 6
# What declares and decides nothing: tables, protocols, their fakes, migrations.
DECLARATIVE = re.compile(r"(^|/)(schema|ports|fakes|versions)/")

VAGUE_FILE_NAMES = {
    "base",
    "common",
    "core",
    "helper",
    "helpers",
    "lib",
    "manager",
    "misc",
    "service",
    "services",
}
VAGUE_FILE_NAMES |= {"util", "utils"}
# What says nothing as the whole name of a function or class, and what no name may be shortened to.
VAGUE_NAMES = {"do_it", "handle", "helper", "manager", "process", "stuff", "transaction", "utils"}
SHORTENED_NAMES = {"acct", "amt", "cfg", "mgr", "txn"}
MONEY_WORDS = re.compile(r"amount|balance|charge|fee|minor|money|paisa|price|taka|total")
# Written in pieces, so that this file does not name them either.
MACHINE_FOLDERS = ("work", "root", "home")
PACKAGE_INDEXES = (("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"))
FORBIDDEN_TEXT = [f"/{folder}/" for folder in MACHINE_FOLDERS] + [".".join(host) for host in PACKAGE_INDEXES]

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Module:
    """One Python file of ours, read and parsed."""

    name: str
    text: str
    tree: ast.Module

    def functions(self) -> Iterator[Function]:
        return (node for node in ast.walk(self.tree) if isinstance(node, Function))

    def at(self, node: ast.stmt | ast.expr | ast.arg, what: str) -> str:
        return f"{self.name}:{node.lineno}: {what}"


@cache
def our_files() -> tuple[Path, ...]:
    """Everything that is, or is about to be, in the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    paths = (ROOT / name for name in listed.stdout.split("\0") if name)
    return tuple(path for path in paths if path.is_file())


@cache
def our_modules() -> tuple[Module, ...]:
    paths = [path for path in our_files() if path.suffix == ".py"]
    # These millions of nodes stay, and walking them again and again would take most of the time.
    gc.disable()
    try:
        texts = [path.read_text(encoding="utf-8") for path in paths]
        return tuple(
            Module(path.relative_to(ROOT).as_posix(), text, ast.parse(text))
            for path, text in zip(paths, texts, strict=True)
        )
    finally:
        gc.freeze()
        gc.enable()


def product() -> list[Module]:
    return [module for module in our_modules() if not module.name.startswith("tests/")]


def parameters(function: Function) -> list[ast.arg]:
    listed = [*function.args.posonlyargs, *function.args.args]
    return [argument for argument in listed if argument.arg not in {"self", "cls"}]


def test_the_files_are_found() -> None:
    assert {"ekpay_switch/domain/money.py", "tests/architecture/test_limits.py"} <= {
        module.name for module in our_modules()
    }


def test_no_function_is_longer_than_fifty_lines() -> None:
    sizes = {
        module.at(function, function.name): (function.end_lineno or 0) - function.lineno + 1
        for module in our_modules()
        for function in module.functions()
    }
    assert [name for name, size in sizes.items() if size > FUNCTION_LINES_MAX] == []


def test_no_module_is_longer_than_four_hundred_lines() -> None:
    """Declarative modules may be: a table of tables reads better in one piece than in two (law 12)."""
    assert [
        module.name
        for module in our_modules()
        if module.text.count("\n") > MODULE_LINES_MAX and not DECLARATIVE.search(module.name)
    ] == []


def test_no_function_takes_more_than_six_positional_parameters() -> None:
    assert [
        module.at(function, function.name)
        for module in our_modules()
        for function in module.functions()
        if len(parameters(function)) > PARAMETERS_MAX
    ] == []


def test_no_file_name_says_nothing() -> None:
    assert [m.name for m in our_modules() if Path(m.name).stem in VAGUE_FILE_NAMES] == []


def test_no_name_of_ours_says_nothing() -> None:
    found = []
    for module in product():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                if node.name.lower() in VAGUE_NAMES | SHORTENED_NAMES:
                    found.append(module.at(node, node.name))
            elif isinstance(node, ast.arg) and node.arg in SHORTENED_NAMES:
                found.append(module.at(node, node.arg))
    assert found == []


def test_only_persistence_commits() -> None:
    # The sandbox keeps books of its own, which are none of ours.
    rooms = ("ekpay_switch/persistence/", "migrations/", "benchmarks/", "sandbox/", "tests/")
    assert [
        module.at(node, "commit")
        for module in our_modules()
        if not module.name.startswith(rooms)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute) and node.attr in {"commit", "rollback", "begin"}
    ] == []


def test_no_float_is_made_near_money() -> None:
    found = []
    for module in product():
        lines = module.text.splitlines()
        for node in ast.walk(module.tree):
            match node:
                case ast.Call(func=ast.Name(id="float"), lineno=number):
                    line = lines[number - 1].strip()
                    if MONEY_WORDS.search(line.lower()):
                        found.append(f"{module.name}:{number}: {line}")
                case _:
                    continue
    assert found == []


def test_no_name_of_money_is_annotated_as_a_float() -> None:
    found = []
    for module in product():
        for node in ast.walk(module.tree):
            named = (node.target, node.annotation) if isinstance(node, ast.AnnAssign) else None
            if isinstance(node, ast.arg) and node.annotation is not None:
                named = (ast.Name(node.arg), node.annotation)
            if named and "float" in ast.dump(named[1]) and MONEY_WORDS.search(ast.unparse(named[0]).lower()):
                found.append(module.at(named[1], ast.unparse(named[0])))
    assert found == []


def test_the_pure_core_reads_no_clock_and_draws_no_luck() -> None:
    reading = re.compile(r"\b(?:datetime\.now|datetime\.today|date\.today|utcnow|uuid1|uuid4|urandom|open\()")
    pure = [module for module in product() if module.name.startswith("ekpay_switch/domain/")]
    assert pure
    assert [module.name for module in pure if reading.search(module.text)] == []


def test_nothing_broad_is_swallowed() -> None:
    broad = {"Exception", "BaseException"}
    found = []
    for module in our_modules():
        for node in ast.walk(module.tree):
            if not isinstance(node, ast.ExceptHandler):
                continue
            is_broad = node.type is None or (isinstance(node.type, ast.Name) and node.type.id in broad)
            if is_broad and all(isinstance(line, ast.Pass | ast.Continue) for line in node.body):
                found.append(f"{module.name}:{node.lineno}")
    assert found == []


def test_no_test_is_skipped_or_expected_to_fail() -> None:
    assert [
        module.at(node, node.attr)
        for module in our_modules()
        if module.name.startswith("tests/")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute) and node.attr in {"skip", "skipif", "xfail"}
    ] == []


@pytest.mark.parametrize("forbidden", FORBIDDEN_TEXT)
def test_no_file_names_a_machine_path_or_a_package_index(forbidden: str) -> None:
    naming = [path for path in our_files() if forbidden.encode() in path.read_bytes()]
    assert [path.relative_to(ROOT).as_posix() for path in naming] == []


def test_markdown_keeps_one_sentence_a_line() -> None:
    """A sentence that ends in the middle of a line makes the next change hard to read in a diff."""
    ends_inside = re.compile(r"[a-z`)][.?!] [A-Z][a-z]")
    found = []
    for path in our_files():
        if path.suffix == ".md":
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
                if ends_inside.search(line) and not line.startswith(("|", "    ", "```")):
                    found.append(f"{path.relative_to(ROOT)}:{number}")
    assert found == []
