"""The container files: they copy what the wheel is built from, run as nobody's root and hold no secret."""

import re
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "containers"
CONTAINERFILE = (FOLDER / "Containerfile").read_text(encoding="utf-8").replace("\\\n", " ")
SETUP = (ROOT / "setup.py").read_text(encoding="utf-8")
SECRETS = ("postgres_password", "owner_password", "app_password", "audit_password")


def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8")))


def instructions(name: str) -> list[str]:
    return [line.split(" ", 1)[1] for line in CONTAINERFILE.splitlines() if line.startswith(f"{name} ")]


def test_the_image_is_built_from_what_the_wheel_is_built_from() -> None:
    copied = {word for line in instructions("COPY") if "--from" not in line for word in line.split()[:-1]}
    bundled = re.search(r"BUNDLED = \((.*?)\)", SETUP, re.DOTALL)
    assert bundled is not None
    folders = set(re.findall(r'"(\w+)"', bundled[1])) | {"ekpay_switch"}
    assert copied >= folders | {"setup.py", "pyproject.toml", "requirements.lock"}
    assert [name for name in copied if not (ROOT / name).exists()] == []
    assert all(
        "--require-hashes" in line or "--no-index" in line
        for line in CONTAINERFILE.splitlines()
        if "pip install" in line
    )


def test_the_last_stage_runs_as_a_user_without_rights() -> None:
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", instructions("USER")[-1])
    assert CONTAINERFILE.index("\nUSER ") > CONTAINERFILE.rindex("\nFROM ")
    for name in ("migrate", "web", "worker"):
        service = compose()["services"][name]
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_no_secret_is_in_the_files() -> None:
    assert set(compose()["secrets"]) == set(SECRETS) == set(compose()["services"]["database"]["secrets"])
    example = (FOLDER / "switch.env.example").read_text(encoding="utf-8")
    values = [line.split("=", 1) for line in example.splitlines() if line and not line.startswith("#")]
    assert [name for name, value in values if "KEY" in name and value] == []
    assert all(
        ":PASSWORD@" in value for name, value in values if name.endswith("DATABASE_URL") or "OWNER" in name
    )
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {"/deploy/containers/switch.env", "/deploy/containers/secrets/"} <= set(ignored)
