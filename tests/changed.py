"""The folders of tests that cover a change: `make test-changed`, or `make test-changed BASE=rev`.

`python -m tests.changed` prints those of every path that differs from the merge base with main: committed,
uncommitted or new. With a revision it compares with that revision. On standard error it names the paths
that no folder of tests covers, and the heavy suites that cover the change too.
"""

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tests.rooms import heavy_command
from tests.rooms import rooms as all_rooms

ROOT = Path(__file__).parents[1]
CORE = "ekpay_switch"
# Folders of the repository that tests/ mirrors under their own names.
MIRRORED_FOLDERS = {"benchmarks", "biller_adapters", "connectors", "reconciliation", "sandbox"}
# Rooms of what is not mirrored, by the longest prefix of its path; the empty prefix is every other file.
ROOMS_BY_PREFIX = {
    "migrations/": ("persistence",),
    "config/billers/": ("biller_adapters",),
    "config/connectors/": ("connectors",),
    "config/statements/": ("reconciliation",),
    "config/": ("biller_adapters", "connectors"),
    "": ("architecture",),
}
# What both the stores and the fakes of the tests must keep to: the suite that runs over either.
CONTRACTS = "contracts"
UNDER_CONTRACT = (f"{CORE}/persistence/", f"{CORE}/ports/")


@dataclass(frozen=True, slots=True)
class Selection:
    """What covers a change: folders of tests, commands of heavy suites, and paths left to `make test`."""

    folders: list[str]
    commands: list[str]
    uncovered: list[str]


class Repository:
    """The tests of a repository: their rooms, and the text of every file."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.rooms = frozenset(all_rooms(root / "tests"))
        files = (root / "tests").rglob("*.py")
        self.texts = {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in files}

    def deepest_room(self, path: str) -> str | None:
        """The deepest room called like a folder of the path; a test file beside the rooms is its own room."""
        if f"tests/{path}" in self.texts and path.startswith("test_"):
            return path
        return next((str(p) for p in PurePosixPath(path).parents if str(p) in self.rooms), None)

    def rooms_of(self, files: Iterable[str]) -> set[str | None]:
        """The rooms of files of the tests."""
        return {self.deepest_room(file.removeprefix("tests/")) for file in files}

    def files_with(self, words: re.Pattern[str]) -> Iterator[str]:
        return (name for name, text in self.texts.items() if words.search(text))

    def importers(self, module: str) -> set[str]:
        """The files of the tests that import a module, also through helpers of the tests."""
        found: set[str] = set()
        pending = {module}
        while pending:
            new = set(self.files_with(import_of(pending.pop()))) - found
            found |= new
            pending |= {module_name(path) for path in new if not PurePosixPath(path).name.startswith("test_")}
        return found


def module_name(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def import_of(module: str) -> re.Pattern[str]:
    """Matches each of the three ways in which a file imports the module."""
    package, _, name = module.rpartition(".")
    whole = re.escape(module)
    part = rf"|from {re.escape(package)} import (?:\([^)]*|[^\n(]*)\b{name}\b" if package else ""
    return re.compile(rf"^(?:from {whole} import|import {whole}\b{part})", re.MULTILINE)


def rooms_for(path: str, repository: Repository) -> set[str]:
    """The rooms that cover a changed file; empty if only all tests do."""
    top, _, rest = path.partition("/")
    name = PurePosixPath(path).name
    module = module_name(path) if path.endswith(".py") else None
    if top == "tests":
        rooms = {repository.deepest_room(rest)}
        if module and not name.startswith("test_"):
            rooms |= repository.rooms_of(repository.importers(module))
    elif top == CORE or top in MIRRORED_FOLDERS:
        rooms = {repository.deepest_room(rest if top == CORE else path)}
        if module and rooms == {None}:
            rooms = repository.rooms_of(repository.importers(module))
        if path.startswith(UNDER_CONTRACT) and CONTRACTS in repository.rooms:
            rooms.add(CONTRACTS)
    else:
        prefix = max((prefix for prefix in ROOMS_BY_PREFIX if path.startswith(prefix)), key=len)
        mentions = repository.files_with(re.compile(rf"\b{re.escape(name)}\b"))
        rooms = {*ROOMS_BY_PREFIX[prefix], *repository.rooms_of(mentions)}
    return {room for room in rooms if room}


def select(paths: Iterable[str], repository: Repository) -> Selection:
    """What covers a change of these paths; a folder inside another one of the list is left out."""
    named: set[str] = set()
    uncovered = []
    for path in sorted(paths):
        found = rooms_for(path, repository)
        named |= found
        if not found:
            uncovered.append(path)
    commands = {command for room in named if (command := heavy_command(room))}
    light = {room for room in named if not heavy_command(room)}
    outer = {room for room in light if not any(str(p) in light for p in PurePosixPath(room).parents)}
    return Selection([f"tests/{room}" for room in sorted(outer)], sorted(commands), uncovered)


def git(root: Path, *arguments: str) -> list[str]:
    """The paths or names that git prints, one per NUL or line."""
    done = subprocess.run(  # noqa: S603
        ["git", *arguments],  # noqa: S607
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    return [name for name in re.split(r"[\0\n]", done.stdout) if name]


def merge_base(root: Path) -> str:
    """The commit at which this branch left main: origin's main where there is one, which sorts last."""
    main = git(root, "for-each-ref", "--format=%(refname)", "refs/remotes/origin/main", "refs/heads/main")
    return git(root, "merge-base", "HEAD", max(main))[0] if main else "HEAD"


def changed_paths(root: Path, base: str) -> set[str]:
    """Every path that differs from a revision in the working tree, new and deleted ones too."""
    listed = git(root, "diff", "--name-only", "--no-renames", "-z", base, "--")
    return {*listed, *git(root, "ls-files", "--others", "--exclude-standard", "-z")}


def main(arguments: list[str]) -> int:
    """Print the folders; exit code 2 and git's message for an unknown revision."""
    try:
        paths = changed_paths(ROOT, arguments[0] if arguments else merge_base(ROOT))
    except subprocess.CalledProcessError as refused:
        print(refused.stderr.strip(), file=sys.stderr)  # noqa: T201
        return 2
    selection = select(paths, Repository(ROOT))
    for path in selection.uncovered:
        print(f"no folder of tests covers {path}: make test runs all", file=sys.stderr)  # noqa: T201
    for command in selection.commands:
        print(f"a heavy suite covers it too: {command}", file=sys.stderr)  # noqa: T201
    print(*selection.folders)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
