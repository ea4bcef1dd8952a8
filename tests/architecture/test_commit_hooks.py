"""`.pre-commit-config.yaml`: the hooks are local and fetch nothing, and our files pass what they check."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from tests.commit_hooks import lock_files, secret_scan, toml_files

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / ".pre-commit-config.yaml"
RANDOM = "q7Zr2Kx9" + "Lm4Tv8Wb1Yc6"


def tracked(*patterns: str) -> list[str]:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    return [name for name in names if name and (ROOT / name).is_file()]


def hooks() -> list[dict[str, Any]]:
    repositories = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["repos"]
    assert [repository["repo"] for repository in repositories] == ["local"]
    return list(repositories[0]["hooks"])


def test_the_settings_are_valid() -> None:
    command = [sys.executable, "-m", "pre_commit", "validate-config", str(CONFIG)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_each_hook_runs_a_program_of_the_environment_and_fetches_nothing() -> None:
    for hook in hooks():
        assert hook["language"] == "system"
        assert hook["entry"].startswith(".venv/bin/")
        assert "additional_dependencies" not in hook
        assert shutil.which(Path(hook["entry"].split()[0]).name, path=str(Path(sys.executable).parent))


def test_the_hooks_run_what_make_check_runs_except_the_tests() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    recipe = re.search(r"^check:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    assert recipe
    programs = set(re.findall(r"\$\(BIN\)/([\w-]+)", recipe[1])) - {"pytest"}
    assert programs <= {hook["entry"].split()[0].removeprefix(".venv/bin/") for hook in hooks()}


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("private key", "-----BEGIN PRIVATE " + "KEY-----\nMIIEvQIBADANBgkqhkiG9w0B"),
        ("private key", "-----BEGIN OPENSSH PRIVATE " + "KEY-----\\nMIIEvQIBADANBgkqhkiG9w0B"),
        ("AWS access key", "AK" + "IAQ7ZR2KX9LM4TV8WB"),
        ("GitHub token", "gh" + "p_" + "q7Zr2Kx9" * 5),
        ("GitLab token", "glp" + "at-" + RANDOM),
        ("Slack token", "xo" + "xb-1234567890"),
        ("Google API key", "AI" + "za" + "q7Zr2Kx" * 5),
        ("Stripe key", "sk_" + "live_q7Zr2Kx9Lm"),
        ("webhook secret", "whs" + "ec_" + RANDOM + RANDOM),
        ("JSON web token", "ey" + f"J{RANDOM}.ey" + f"J{RANDOM}.{RANDOM}"),
        ("value of a secret name", f'BKASH_APP_SECRET = "{RANDOM}"'),
        ("value of a secret name", f"EKPAY_MASTER_KEY={RANDOM}"),
        ("value of a secret name", f'"password": "{RANDOM}"'),
    ],
)
def test_a_secret_is_found_and_not_repeated(kind: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / "settings.txt"
    path.write_text(f"first line\n{text}\n", encoding="utf-8")
    assert secret_scan.problems([str(path)]) == [f"{path}:2: {kind}"]


@pytest.mark.parametrize(
    "text",
    [
        'PASSWORD = "rehearsed-which-opens-nothing"',
        'SECRET = "0123456789abcdefABCDEF0123456789"',
        "password: EKPAY_DESCO_PASSWORD",
        'token_url = "/api/v2/SpgService/GetAccessToken"',
        'password = "short1"',
    ],
)
def test_names_words_and_examples_are_no_secrets(text: str) -> None:
    assert list(secret_scan.secrets_in(text)) == []


@pytest.mark.parametrize(
    "name", [".env", "deploy/.env.production", "server.pem", "certs/a.key", "id_ed25519"]
)
def test_a_file_of_keys_is_refused_by_its_name(name: str) -> None:
    assert secret_scan.problems([name]) == [f"{name}: a file of keys"]


def test_no_file_of_ours_holds_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert secret_scan.problems(tracked()) == []


def test_every_toml_file_of_ours_can_be_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(ROOT)
    assert toml_files.problems(tracked("*.toml")) == []
    broken = tmp_path / "broken.toml"
    broken.write_text("a = \n", encoding="utf-8")
    assert [line.partition(": ")[0] for line in toml_files.problems([str(broken)])] == [str(broken)]


def test_the_lock_files_fit(tmp_path: Path) -> None:
    assert lock_files.problems(ROOT) == []
    for name in ("pyproject.toml", *lock_files.LOCKS):
        shutil.copy(ROOT / name, tmp_path)
    project = (tmp_path / "pyproject.toml").read_text(encoding="utf-8")
    project = project.replace('  "codespell>=2.4"', '  "no-such-package>=1",\n  "codespell>=99"')
    (tmp_path / "pyproject.toml").write_text(project, encoding="utf-8")
    assert lock_files.problems(tmp_path) == [
        "requirements-dev.lock: no-such-package>=1 is not pinned: make lock",
        "requirements-dev.lock: codespell>=99 is not pinned: make lock",
    ]


def test_a_pin_without_a_hash_and_two_versions_of_a_package_are_found(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        "[project]\ndependencies = ['a>=1']\n[project.optional-dependencies]\n"
        "build = []\ndev = []\nreconciliation = []\nscale = []\n",
        encoding="utf-8",
    )
    for name in lock_files.LOCKS:
        (tmp_path / name).write_text("a==1.1 \\\n    --hash=sha256:00\n    # via b\n", encoding="utf-8")
    assert lock_files.problems(tmp_path) == []
    (tmp_path / "requirements-dev.lock").write_text("a==1.2\n", encoding="utf-8")
    assert lock_files.problems(tmp_path) == [
        "requirements-dev.lock: a has no hash",
        "requirements-dev.lock: a differs from requirements.lock",
        "requirements-reconciliation.lock: a differs from requirements-dev.lock",
        "requirements-scale.lock: a differs from requirements-dev.lock",
    ]


def test_the_lock_files_are_those_of_make_lock() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8").replace("\\\n", "")
    compiled = {
        line.rpartition("-o ")[2].strip(): {"build", *re.findall(r"--extra (\w+)", line)}
        for line in re.findall(r"^\t\$\(COMPILE\).*$", makefile, re.MULTILINE)
    }
    assert compiled == {name: set(extras) for name, extras in lock_files.LOCKS.items()}
