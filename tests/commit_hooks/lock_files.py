"""A hook before each commit: the lock files fit pyproject.toml. `python -m tests.commit_hooks.lock_files`.

It uses no network, so it proves less than `make lock`: every requirement of pyproject.toml has a pinned
version that satisfies it, every pin has a hash, and a package has the same versions in all lock files.
"""

import re
import sys
import tomllib
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.commit_hooks.report import report

# The extras that each lock file holds, as `make lock` compiles them.
LOCKS = {
    "requirements.lock": ("build",),
    "requirements-dev.lock": ("build", "dev"),
    "requirements-reconciliation.lock": ("build", "reconciliation"),
    "requirements-scale.lock": ("build", "scale", "reconciliation"),
}
PIN = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>[^ \\;]+)(?P<rest>.*(?:\n +.*)*)", re.MULTILINE)


def pins(lock: str) -> dict[str, set[str]]:
    """The versions of each package; several where they depend on the platform."""
    versions: dict[str, set[str]] = {}
    for pin in PIN.finditer(lock):
        versions.setdefault(canonicalize_name(pin["name"]), set()).add(pin["version"])
    return versions


def requirements(project: str, extras: tuple[str, ...]) -> list[Requirement]:
    table = tomllib.loads(project)["project"]
    optional = table["optional-dependencies"]
    return [Requirement(text) for text in (*table["dependencies"], *(r for e in extras for r in optional[e]))]


def problems_of_lock(lock: str, needs: list[Requirement]) -> Iterator[str]:
    versions = pins(lock)
    for requirement in needs:
        pinned = versions.get(canonicalize_name(requirement.name), set())
        if not any(requirement.specifier.contains(version, prereleases=True) for version in pinned):
            yield f"{requirement} is not pinned: make lock"
    for pin in PIN.finditer(lock):
        if "--hash=" not in pin["rest"]:
            yield f"{pin['name']} has no hash"


def problems(root: Path) -> list[str]:
    """What does not fit, a line each."""
    project = (root / "pyproject.toml").read_text(encoding="utf-8")
    locks = {name: (root / name).read_text(encoding="utf-8") for name in LOCKS}
    lines = [
        f"{name}: {problem}"
        for name, extras in LOCKS.items()
        for problem in problems_of_lock(locks[name], requirements(project, extras))
    ]
    for first, second in combinations(LOCKS, 2):
        here, there = pins(locks[first]), pins(locks[second])
        lines += [
            f"{second}: {package} differs from {first}"
            for package in sorted(here.keys() & there.keys())
            if here[package] != there[package]
        ]
    return lines


if __name__ == "__main__":
    sys.exit(report(problems(Path())))
