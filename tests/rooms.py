"""The rooms of the tests: folders that mirror those of the product, for `make test ROOM=persistence/refunds`.

`python -m tests.rooms ROOM ...` prints the folder of each room, and refuses an unknown name.
"""

import difflib
import sys
from pathlib import Path, PurePosixPath

TESTS = Path(__file__).parent
# Suites that run for minutes and alone, each with the command that runs it.
HEAVY_SUITES = {
    "browser": "make test-browser",
    "faults": "make test-faults",
    "rehearsals": "make test-rehearsals",
    "reconciliation/scale": "make test-scale",
}
SIMILAR_MAX = 12


class UnknownRoomError(Exception):
    """A name that is no room, or a room that only its own command runs."""


def rooms(tests: Path = TESTS) -> list[str]:
    """Every folder below tests/ that contains a test file at any depth, in order."""
    found: set[str] = set()
    for test in tests.rglob("test_*.py"):
        parents = PurePosixPath(test.relative_to(tests).as_posix()).parents
        found.update(str(parent) for parent in parents)
    return sorted(found - {"."})


def heavy_command(room: str) -> str | None:
    """The command of the heavy suite that a room is or belongs to."""
    return next(
        (command for suite, command in HEAVY_SUITES.items() if f"{room}/".startswith(f"{suite}/")), None
    )


def similar_rooms(name: str, known: list[str]) -> list[str]:
    """The rooms that an unknown name may mean: spelt alike, with the same last part, or beside it."""
    last = PurePosixPath(name).name
    alike = difflib.get_close_matches(name, known, n=SIMILAR_MAX, cutoff=0.7)
    same_last_part = [
        room for room in known if difflib.get_close_matches(last, [PurePosixPath(room).name], cutoff=0.8)
    ]
    parent = next((str(p) for p in PurePosixPath(name).parents if str(p) in known), "")
    beside = [room for room in known if str(PurePosixPath(room).parent) == (parent or ".")]
    return list(dict.fromkeys([*alike, *same_last_part, *beside]))


def folder(name: str, tests: Path = TESTS) -> str:
    """The folder of a room by its name, from the root of the repository; `tests/` before the name is allowed.

    Raises UnknownRoomError with the rooms near the name, or with the command of a heavy suite.
    """
    room = name.removeprefix("tests/").rstrip("/")
    known = rooms(tests)
    if room not in known:
        near = "\n".join(f"  {other}" for other in similar_rooms(room, known)[:SIMILAR_MAX])
        raise UnknownRoomError(f"no room of the tests is called {room}; near it:\n{near}")
    if command := heavy_command(room):
        raise UnknownRoomError(f"{room} is a heavy suite: {command}")
    return f"tests/{room}"


def main(names: list[str]) -> int:
    """Print the folders of the rooms; exit code 2 and a message for an unknown one."""
    try:
        folders = [folder(name) for name in names]
    except UnknownRoomError as refused:
        print(refused, file=sys.stderr)  # noqa: T201
        return 2
    print(*folders)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
