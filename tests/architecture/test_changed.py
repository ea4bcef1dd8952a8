"""`make test-changed`: which folders of tests cover which change."""

import subprocess
from pathlib import Path

import pytest

from tests import changed
from tests.changed import Repository, changed_paths, merge_base, select
from tests.rooms import rooms

FILES = {
    "ekpay_switch/settings.py": "",
    "tests/biller_adapters/test_manifests.py": "",
    "tests/connectors/test_manifests.py": "",
    "tests/contracts/test_refunds.py": "",
    "tests/architecture/test_limits.py": "",
    "tests/cli/test_fees.py": '"config/fees.toml"',
    "tests/fakes/books.py": "from ekpay_switch.settings import Settings",
    "tests/faults/test_kills.py": "from tests.fakes.books import Books",
    "tests/flows/test_pay.py": "from tests.fakes import (\n    books,\n)\n",
    "tests/flows/scene.py": "from tests.fakes import books\n",
    "tests/persistence/refunds/rows.py": "",
    "tests/persistence/refunds/test_rows.py": "",
    "tests/persistence/test_hot_plans.py": "from tests.flows.scene import Scene\n",
    "tests/reconciliation/matching/test_lines.py": "",
    "tests/test_settings.py": "from ekpay_switch import settings\n",
    "tests/wire/test_http.py": "import ekpay_switch.settings\n",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def git(root: Path, *arguments: str) -> None:
    author = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *author, *arguments], cwd=root, check=True, capture_output=True)  # noqa: S607


@pytest.mark.parametrize(
    ("path", "folders"),
    [
        ("ekpay_switch/persistence/refunds/rows.py", ["contracts", "persistence/refunds"]),
        ("ekpay_switch/persistence/schema/books.py", ["contracts", "persistence"]),
        ("ekpay_switch/ports/refunds.py", ["contracts"]),
        ("ekpay_switch/flows/refunds/refund.py", ["flows"]),
        ("ekpay_switch/cli/templates/x.txt", ["cli"]),
        ("reconciliation/matching/lines.py", ["reconciliation/matching"]),
        ("reconciliation/audited.py", ["reconciliation"]),
        ("connectors/families/token.py", ["connectors"]),
        ("config/billers/breb.toml", ["biller_adapters"]),
        ("config/connectors/bkash.toml", ["connectors"]),
        ("config/routing.toml", ["biller_adapters", "connectors"]),
        ("config/fees.toml", ["biller_adapters", "cli", "connectors"]),
        ("migrations/versions/0001_books.py", ["persistence"]),
        ("docs/glossary.md", ["architecture"]),
        ("Makefile", ["architecture"]),
        ("tests/persistence/refunds/test_rows.py", ["persistence/refunds"]),
        ("tests/persistence/refunds/rows.py", ["persistence/refunds"]),
    ],
)
def test_a_changed_file_is_covered_by_the_deepest_folder_that_mirrors_it(
    path: str, folders: list[str], root: Path
) -> None:
    selection = select([path], Repository(root))
    assert selection.folders == [f"tests/{folder}" for folder in folders]
    assert selection.uncovered == []


def test_a_helper_of_tests_is_covered_by_the_tests_that_use_it_directly_or_not(root: Path) -> None:
    selection = select(["tests/fakes/books.py"], Repository(root))
    assert selection.folders == ["tests/flows", "tests/persistence"]
    assert selection.commands == ["make test-faults"]


def test_a_module_that_no_folder_mirrors_is_covered_by_the_tests_that_import_it(root: Path) -> None:
    selection = select(["ekpay_switch/settings.py"], Repository(root))
    assert selection.folders == ["tests/flows", "tests/persistence", "tests/test_settings.py", "tests/wire"]


def test_the_rooms_of_what_is_not_mirrored_exist() -> None:
    named = {room for listed in changed.ROOMS_BY_PREFIX.values() for room in listed}
    assert named <= set(rooms())


def test_a_test_beside_the_rooms_covers_itself(root: Path) -> None:
    assert select(["tests/test_settings.py"], Repository(root)).folders == ["tests/test_settings.py"]


def test_what_nothing_smaller_than_all_tests_covers_is_named(root: Path) -> None:
    selection = select(["tests/conftest.py", "ekpay_switch/telemetry.py"], Repository(root))
    assert selection.folders == []
    assert selection.uncovered == ["ekpay_switch/telemetry.py", "tests/conftest.py"]


def test_a_folder_inside_another_one_is_not_run_twice(root: Path) -> None:
    paths = ["ekpay_switch/persistence/refunds/rows.py", "migrations/env.py"]
    assert select(paths, Repository(root)).folders == ["tests/contracts", "tests/persistence"]


def test_a_heavy_suite_is_named_by_its_command_and_not_run(root: Path) -> None:
    selection = select(["tests/faults/test_kills.py"], Repository(root))
    assert (selection.folders, selection.commands) == ([], ["make test-faults"])


def test_committed_uncommitted_new_moved_and_deleted_files_have_changed(root: Path) -> None:
    git(root, "init", "-b", "main")
    git(root, "add", ".")
    git(root, "commit", "-m", "Start")
    git(root, "checkout", "-b", "work")
    (root / "tests/wire/test_http.py").write_text("# committed\n", encoding="utf-8")
    git(root, "mv", "tests/cli/test_fees.py", "tests/cli/test_fee.py")
    git(root, "commit", "-am", "Change")
    (root / "tests/flows/test_pay.py").unlink()
    (root / "tests/persistence/test_new.py").touch()
    assert changed_paths(root, merge_base(root)) == {
        "tests/cli/test_fee.py",
        "tests/cli/test_fees.py",
        "tests/flows/test_pay.py",
        "tests/persistence/test_new.py",
        "tests/wire/test_http.py",
    }
    assert changed_paths(root, "HEAD") == {"tests/flows/test_pay.py", "tests/persistence/test_new.py"}


def test_what_main_has_gained_since_is_no_change_of_ours(root: Path) -> None:
    git(root, "init", "-b", "main")
    git(root, "add", ".")
    git(root, "commit", "-m", "Start")
    git(root, "branch", "work")
    (root / "tests/wire/test_http.py").write_text("# theirs\n", encoding="utf-8")
    git(root, "commit", "-am", "Go on")
    git(root, "checkout", "work")
    assert changed_paths(root, merge_base(root)) == set()


def test_the_main_of_origin_counts_before_ours(root: Path) -> None:
    git(root, "init", "-b", "main")
    git(root, "add", ".")
    git(root, "commit", "-m", "Start")
    git(root, "update-ref", "refs/remotes/origin/main", "HEAD")
    (root / "tests/wire/test_http.py").write_text("# not pushed\n", encoding="utf-8")
    git(root, "commit", "-am", "Go on")
    assert changed_paths(root, merge_base(root)) == {"tests/wire/test_http.py"}


def test_an_unknown_revision_is_refused_in_the_words_of_git(capsys: pytest.CaptureFixture[str]) -> None:
    assert changed.main(["no-such-revision"]) != 0
    assert "no-such-revision" in capsys.readouterr().err
