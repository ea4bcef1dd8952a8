"""The graph of imports between our modules, and the circles in it."""

import ast
from collections.abc import Iterable, Mapping
from pathlib import Path

Graph = Mapping[str, frozenset[str]]


def import_graph(root: Path, packages: Iterable[str]) -> Graph:
    """Return, for every module of the packages, the modules of theirs that it imports.

    Imports in functions and those for type checkers alone count as any other. Importing a name from a package
    imports the module of that name, if there is one, and otherwise the package.
    """
    sources = {
        _module_of(path, root): path for package in packages for path in (root / package).rglob("*.py")
    }
    return {
        module: frozenset(_imported(path, module, sources) - {module}) for module, path in sources.items()
    }


def circles(graph: Graph) -> list[list[str]]:
    """Return the sets of modules that all import each other, directly or not; empty if there is no circle."""
    within = _without_ends(graph)
    reached = {module: _reached_from(module, within) for module in within}
    sets = {
        frozenset(other for other in reached[module] if module in reached[other])
        for module in within
        if module in reached[module]
    }
    return sorted(sorted(members) for members in sets)


def _without_ends(graph: Graph) -> Graph:
    """Return what is left after removing, again and again, modules that import nothing that is left."""
    left = dict(graph)
    while True:
        ends = {module for module, imported in left.items() if not imported & left.keys()}
        if not ends:
            return {module: imported & left.keys() for module, imported in left.items()}
        left = {module: imported for module, imported in left.items() if module not in ends}


def _reached_from(start: str, graph: Graph) -> set[str]:
    reached: set[str] = set()
    waiting = [start]
    while waiting:
        following = graph[waiting.pop()] - reached
        reached |= following
        waiting += following
    return reached


def _module_of(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imported(path: Path, module: str, sources: Mapping[str, Path]) -> set[str]:
    imported: set[str] = set()
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            names = {f"{base}.{name.name}" for name in node.names}
            imported |= {name if name in sources else base for name in names}
    return imported & sources.keys()
