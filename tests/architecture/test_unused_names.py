"""No public name of the product is there for its tests alone.

What only a test calls looks alive: a reader trusts it, and a change keeps it working. `vulture` finds the
names that no code of the product mentions; entry points and templates count as the product too.
"""

import re
import tomllib
from pathlib import Path

import pytest
from vulture import Vulture
from vulture.core import Item

from ekpay_switch.cli.command_table import CORE, FINANCE, FREQUENT
from ekpay_switch.cli.main import ERROR_LINE

ROOT = Path(__file__).parents[2]
PRODUCT = (
    "ekpay_switch",
    "connectors",
    "biller_adapters",
    "reconciliation",
    "sandbox",
    "benchmarks",
    "migrations",
)
# What a framework calls: commands, validators, routes, listeners, and methods of a library's base class.
CALLED_BY_FRAMEWORKS = [
    "@*.command",
    "@*.callback",
    "@*.listens_for",
    "@*.get",
    "@*.post",
    "@*_validator",
    "@override",
]
# Methods that httptools and asyncssh look for by name.
CALLED_BY_LIBRARIES = [
    "on_message_begin",
    "on_header",
    "on_body",
    "on_message_complete",
    "validate_host_public_key",
]
CODE = frozenset({"class", "function", "method", "property"})


def unused_names(folders: list[Path], mentioned: set[str]) -> list[str]:
    """The public names of these folders that neither they nor `mentioned` use, each with its place."""
    scanner = Vulture(ignore_decorators=CALLED_BY_FRAMEWORKS, ignore_names=CALLED_BY_LIBRARIES)
    scanner.scavenge([str(folder) for folder in folders])
    scanner.used_names.update(mentioned)
    return [
        f"{item.filename}:{item.first_lineno}: {item.name}"
        for item in scanner.get_unused_code(min_confidence=60)
        if _is_public_code(item)
    ]


def _is_public_code(item: Item) -> bool:
    """A function, class, method or property, or a constant of a module; fields and members are data."""
    if item.name.startswith("_"):
        return False
    if item.typ in CODE:
        return True
    line = Path(item.filename).read_text(encoding="utf-8").splitlines()[item.first_lineno - 1]
    is_constant: bool = item.typ == "variable" and item.name.isupper() and line.startswith(item.name)
    return is_constant


def test_every_public_name_is_used_by_the_product() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    points = [project["scripts"], *project["entry-points"].values()]
    points += [{name: known.place for name, known in CORE.items()}, FREQUENT]
    points += [{"finance": FINANCE, "error": ERROR_LINE}]
    mentioned = {target.rpartition(":")[2] for group in points for target in group.values()}
    for home in ("ekpay_switch", "sandbox"):
        for page in (ROOT / home).rglob("templates/**/*.html"):
            mentioned |= set(re.findall(r"[A-Za-z_]\w*", page.read_text(encoding="utf-8")))
    assert unused_names([ROOT / name for name in PRODUCT], mentioned) == []


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("def settle(): ...", "settle"),
        ("class Settlement: ...", "Settlement"),
        ("class _Settlement:\n    def total(self): ...\n_Settlement()", "total"),
        ("class _Settlement:\n    @property\n    def total(self): ...\n_Settlement()", "total"),
        ("LIMIT = 3", "LIMIT"),
        ("def settle(): ...\n@app.command()\ndef other(): ...\n", "settle"),
    ],
)
def test_a_name_that_nothing_mentions_is_found(code: str, name: str, tmp_path: Path) -> None:
    (tmp_path / "rooms.py").write_text(code, encoding="utf-8")
    found = unused_names([tmp_path], set())
    assert [place.rpartition(": ")[2] for place in found] == [name]
    assert unused_names([tmp_path], {name}) == []


@pytest.mark.parametrize(
    "code",
    [
        "class _Order(Model):\n    amount: int\n_Order()",
        "class _State(StrEnum):\n    PAID = 'paid'\n_State('paid')",
        "class _Parser(HTMLParser):\n    @override\n    def handle_data(self): ...\n_Parser()",
        "@app.command()\ndef settle(): ...",
        "class _Order(Model):\n    @model_validator(mode='after')\n    def whole(self): ...\n_Order()",
    ],
)
def test_data_and_what_a_framework_calls_are_no_dead_names(code: str, tmp_path: Path) -> None:
    (tmp_path / "rooms.py").write_text(code, encoding="utf-8")
    assert unused_names([tmp_path], set()) == []
