"""No module imports itself through others, in any package of ours; imports for type checkers alone count."""

from pathlib import Path

import pytest

from tests.architecture.import_graph import Graph, circles, import_graph

ROOT = Path(__file__).parents[2]
PACKAGES = ("ekpay_switch", "connectors", "biller_adapters", "reconciliation", "sandbox", "benchmarks")


def graph_of(**imports: str) -> Graph:
    """Return an invented graph: each module with the modules that it imports, as words."""
    modules = {name for listed in imports.values() for name in listed.split()} | set(imports)
    return {module: frozenset(imports.get(module, "").split()) for module in modules}


@pytest.mark.parametrize(
    ("graph", "expected"),
    [
        (graph_of(top="middle bottom", middle="bottom"), []),
        (graph_of(a="b", b="a"), [["a", "b"]]),
        (graph_of(start="a", a="b", b="c", c="a leaf"), [["a", "b", "c"]]),
        (graph_of(a="b", b="a c", c="d", d="c"), [["a", "b"], ["c", "d"]]),
        (graph_of(a="b", b="c d", c="a", d="b"), [["a", "b", "c", "d"]]),
        (graph_of(a="b c", b="d", c="d", d="e"), []),
    ],
)
def test_every_circle_of_an_invented_graph_is_found(graph: Graph, expected: list[list[str]]) -> None:
    assert sorted(circles(graph)) == expected


def test_every_kind_of_import_is_read(tmp_path: Path) -> None:
    package = tmp_path / "shop"
    (package / "inner").mkdir(parents=True)
    (package / "__init__.py").write_text("from shop.inner import deep\n")
    (package / "inner" / "__init__.py").touch()
    (package / "inner" / "deep.py").write_text("from .. import till\nfrom . import names\nimport json\n")
    (package / "inner" / "names.py").write_text("def late():\n    import shop.till\n")
    (package / "till.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from shop.inner.deep import Deep\n"
    )
    graph = import_graph(tmp_path, ["shop"])
    assert graph == {
        "shop": {"shop.inner.deep"},
        "shop.inner": frozenset(),
        "shop.inner.deep": {"shop.till", "shop.inner.names"},
        "shop.inner.names": {"shop.till"},
        "shop.till": {"shop.inner.deep"},
    }
    assert circles(graph) == [["shop.inner.deep", "shop.inner.names", "shop.till"]]


def test_no_modules_of_ours_form_a_circle() -> None:
    graph = import_graph(ROOT, PACKAGES)
    assert {module.partition(".")[0] for module in graph} == set(PACKAGES)
    assert circles(graph) == []
