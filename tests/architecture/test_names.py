"""Names that a payments engineer finds by searching for what he knows: docs/glossary.md.

A public function, method or class is named by a noun or a verb phrase of the field. A bare participle
(`told`) or a pronoun (`one`) says nothing by itself. A past participle may name a variant of a union, because
the union says what it is an answer to: `Outcome = Approved | Declined | Unreached | InDoubt`.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache

import pytest

from tests.architecture.test_limits import Module, our_modules

PRONOUNS = frozenset(
    [
        "another",
        "around",
        "both",
        "each",
        "everybody",
        "he",
        "here",
        "home",
        "it",
        "nobody",
        "none",
        "one",
        "ones",
        "other",
        "others",
        "somebody",
        "somewhere",
        "that",
        "them",
        "then",
        "there",
        "they",
        "thing",
        "things",
        "this",
        "those",
        "thus",
        "what",
        "where",
        "which",
        "who",
        "whom",
        "whose",
    ]
)
IRREGULAR_PARTICIPLES = frozenset(
    [
        "been",
        "begun",
        "borne",
        "bought",
        "broken",
        "brought",
        "built",
        "caught",
        "chosen",
        "come",
        "dealt",
        "done",
        "drawn",
        "driven",
        "fallen",
        "felt",
        "found",
        "given",
        "gone",
        "got",
        "grown",
        "heard",
        "held",
        "hidden",
        "kept",
        "known",
        "laid",
        "lain",
        "led",
        "left",
        "lent",
        "lost",
        "made",
        "meant",
        "met",
        "owed",
        "paid",
        "rung",
        "said",
        "seen",
        "sent",
        "shown",
        "shut",
        "spent",
        "stood",
        "struck",
        "taken",
        "taught",
        "thought",
        "thrown",
        "told",
        "torn",
        "understood",
        "won",
        "worn",
        "written",
    ]
)
# Nouns, adjectives and verbs of the field that end like a participle.
NOUNS = frozenset(
    [
        "billing",
        "binding",
        "clearing",
        "closing",
        "ending",
        "finding",
        "funding",
        "heading",
        "holding",
        "listing",
        "matching",
        "opening",
        "padding",
        "posting",
        "pricing",
        "rating",
        "reading",
        "rounding",
        "routing",
        "seed",
        "setting",
        "spacing",
        "speed",
        "string",
        "timing",
        "warning",
        "wiring",
        "wording",
        "writing",
        "feed",
        "need",
        "proceed",
        "exceed",
        "missing",
    ]
)
LAYERS = (
    "ekpay_switch/api",
    "ekpay_switch/cli",
    "ekpay_switch/composition",
    "ekpay_switch/config_files",
    "ekpay_switch/domain",
    "ekpay_switch/edge_kit",
    "ekpay_switch/flows",
    "ekpay_switch/jobs",
    "ekpay_switch/persistence",
    "ekpay_switch/ports",
    "ekpay_switch/security",
    "ekpay_switch/web",
    "ekpay_switch/wing_kit",
    "ekpay_switch/wire",
    "biller_adapters",
    "connectors",
    "reconciliation",
)

Named = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def layer_of(module: Module) -> str:
    """The layer of a module of the core or of a wing, or an empty text."""
    return next((layer for layer in LAYERS if module.name.startswith(f"{layer}/")), "")


@cache
def layered_modules() -> tuple[Module, ...]:
    return tuple(module for module in our_modules() if layer_of(module))


def public_names(tree: ast.Module) -> Iterator[Named]:
    """Functions and classes of the module, and methods of its public classes."""
    for node in tree.body:
        if isinstance(node, Named) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from (
                    member
                    for member in node.body
                    if isinstance(member, Named) and not member.name.startswith("_")
                )


def variants(tree: ast.Module) -> set[str]:
    """The classes that a union of this module consists of."""
    found = set()
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.BinOp):
            found |= {name.id for name in ast.walk(node.value) if isinstance(name, ast.Name)}
    return found


def says_nothing(name: str) -> bool:
    """Whether a name is a single pronoun or participle."""
    is_single = "_" not in name.strip("_") and not re.search(r"[a-z][A-Z]", name)
    word = name.strip("_").lower()
    if not is_single or word in NOUNS:
        return False
    return word in PRONOUNS | IRREGULAR_PARTICIPLES or word.endswith(("ed", "ing"))


def riddles(modules: Iterable[Module]) -> list[str]:
    modules = tuple(modules)
    of_unions: set[str] = set().union(*(variants(module.tree) for module in modules))
    return [
        module.at(node, node.name)
        for module in modules
        for node in public_names(module.tree)
        if says_nothing(node.name) and not (isinstance(node, ast.ClassDef) and node.name in of_unions)
    ]


def given_twice(modules: Iterable[Module]) -> list[str]:
    places: dict[tuple[str, str], list[str]] = defaultdict(list)
    for module in modules:
        for node in module.tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[layer_of(module), node.name].append(module.name)
    return [f"{name}: {', '.join(where)}" for (_, name), where in sorted(places.items()) if len(where) > 1]


def test_no_public_name_is_a_participle_or_a_pronoun() -> None:
    assert riddles(layered_modules()) == []


def test_no_class_name_is_given_twice_in_a_layer() -> None:
    assert given_twice(layered_modules()) == []


@pytest.mark.parametrize("name", ["told", "Told", "asked", "one", "looked", "going", "Seen", "whose"])
def test_a_riddle_is_found(name: str) -> None:
    assert says_nothing(name)


@pytest.mark.parametrize("name", ["read_row", "Posting", "posted_entries", "LockedTry", "is_open", "Routing"])
def test_a_name_of_the_field_is_none(name: str) -> None:
    assert not says_nothing(name)


def test_a_variant_of_a_union_may_be_a_participle_and_nothing_else_may() -> None:
    source = "class Approved: ...\nclass Told: ...\nOutcome = Approved | int\nOTHER = 1\n"
    module = Module("ekpay_switch/domain/invented.py", source, ast.parse(source))
    assert riddles([module]) == ["ekpay_switch/domain/invented.py:2: Told"]


def test_a_class_name_that_is_given_twice_is_found() -> None:
    source = "class Verdict: ...\n"
    modules = [Module(f"ekpay_switch/domain/{name}.py", source, ast.parse(source)) for name in ("a", "b")]
    assert given_twice(modules) == ["Verdict: ekpay_switch/domain/a.py, ekpay_switch/domain/b.py"]
