"""The workflow proves what `.ci/run` proves, and the settings of editors and hosts can be read."""

import json
import re
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

ROOT = Path(__file__).parents[2]
PROOF = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
# They run for minutes, and `make test-rehearsals` proves the same by smaller days.
WHOLE_DAYS = ["ekshop-day", "demo"]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def workflow() -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")))


def targets_of_the_proof() -> list[str]:
    lines = re.findall(r"^make (.+)$", PROOF, re.MULTILINE)
    return [word for line in lines for word in line.split() if not word.startswith("--") and "=" not in word]


def test_the_jobs_are_the_targets_of_the_proof_and_the_whole_days() -> None:
    targets = targets_of_the_proof()
    assert workflow()["jobs"]["make"]["strategy"]["matrix"]["target"] == [*targets, *WHOLE_DAYS]
    assert len(set(targets)) == len(targets) == 7
    assert all(f"\n{target}: " in MAKEFILE for target in targets)


def test_what_runs_side_by_side_prints_one_after_the_other() -> None:
    side_by_side = [line for line in PROOF.splitlines() if "--jobs" in line]
    assert side_by_side
    assert [line for line in side_by_side if "--output-sync" not in line.split()] == []


def test_the_workflow_and_the_proof_install_the_same_packages() -> None:
    steps = [step.get("run") for step in workflow()["jobs"]["make"]["steps"]]
    assert "bash .ci/packages" in steps
    assert "\nbash .ci/packages\n" in PROOF
    assert "apt-get" not in PROOF


def test_the_workflow_may_read_and_nothing_else() -> None:
    assert workflow()["permissions"] == {"contents": "read"}
    assert "permissions" not in workflow()["jobs"]["make"]


def test_the_workflow_uses_only_actions_of_the_host_itself() -> None:
    used = [step["uses"] for step in workflow()["jobs"]["make"]["steps"] if "uses" in step]
    assert used
    assert [
        action for action in used if not re.fullmatch(r"actions/[\w-]+@(?:v\d+|[0-9a-f]{40})", action)
    ] == []


def test_the_development_container_sets_up_what_the_makefile_sets_up() -> None:
    text = (ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8")
    container = json.loads(re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE))
    assert "3.11" in container["image"]
    assert container["postCreateCommand"].startswith("make setup")
    assert ".ci/packages" in container["onCreateCommand"]
