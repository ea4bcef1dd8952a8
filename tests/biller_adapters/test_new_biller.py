"""`make new-biller`: what it writes can be read and tried at once, and nobody can pay it."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from biller_adapters.manifest import read_manifest
from biller_adapters.new_biller import first_misunderstood_example, write_manifest_draft
from biller_adapters.registry import build
from ekpay_switch.wing_kit.manifest_draft import MARK, DraftRequest, UnwritableError
from ekpay_switch.wing_kit.rehearsal_ports import InMemoryTokens
from ekpay_switch.wire.http import HttpWire
from tests.biller_adapters.conftest import CONFIG, MANIFESTS
from tests.wire.conftest import HandClock

ROOT = CONFIG.parent
PATTERNS = [manifest for manifest in MANIFESTS if manifest.route_of is None]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return shutil.copytree(CONFIG, tmp_path / "config")


@pytest.mark.parametrize("family", sorted({manifest.family for manifest in PATTERNS}))
async def test_a_manifest_of_any_family_can_be_read_and_tried_at_once(config: Path, family: str) -> None:
    path = write_manifest_draft(config, DraftRequest("meghna_test", family))
    manifest, text = read_manifest(path), path.read_text(encoding="utf-8")
    assert (manifest.status, manifest.family) == ("suspended", family)
    assert text.count(MARK) > 15
    assert await first_misunderstood_example(path) == ""
    clock = HandClock()
    billers = build(config, HttpWire(clock), InMemoryTokens(), clock, {})
    assert manifest.ekpay_id not in {one.ekpay_id for one in MANIFESTS}
    assert billers.by_ekpay_id(manifest.ekpay_id) is not None
    assert (manifest.safety.deduplicates, manifest.safety.can_be_undone) == (False, False)


def test_any_manifest_can_be_the_pattern(config: Path) -> None:
    for pattern in PATTERNS:
        manifest = read_manifest(
            write_manifest_draft(config, DraftRequest(f"like_{pattern.id}"[:41], pattern.family, pattern.id))
        )
        kept = {"parameters", "timing", "operations", "late_fee", "category"}
        assert manifest.model_dump(include=kept) == pattern.model_dump(include=kept)


def test_each_takes_the_next_id_of_ours(config: Path) -> None:
    first = read_manifest(write_manifest_draft(config, DraftRequest("first_one", "direct_rest"))).ekpay_id
    second = read_manifest(write_manifest_draft(config, DraftRequest("second_one", "direct_rest"))).ekpay_id
    assert re.fullmatch("b9[0-9]{3}", first)
    assert int(second[1:]) > int(first[1:])


def test_a_second_route_is_no_pattern(config: Path) -> None:
    route = next(manifest for manifest in MANIFESTS if manifest.route_of is not None)
    with pytest.raises(UnwritableError, match=f"{route.id} is not of the family"):
        write_manifest_draft(config, DraftRequest("meghna_test", route.family, pattern_id=route.id))


def test_the_command_writes_or_says_why_not(config: Path) -> None:
    done = typed(config, "meghna_test", "syndicate_client")
    assert done.returncode == 0, done.stderr
    assert "recorded replies are understood" in done.stdout
    again = typed(config, "meghna_test", "syndicate_client")
    assert (again.returncode, again.stderr) == (1, "nothing was written: meghna_test.toml is there already\n")
    assert '-m biller_adapters.new_biller "$(ID)" "$(FAMILY)"' in (ROOT / "Makefile").read_text("utf-8")


def test_what_comes_out_wrong_is_taken_away_again(config: Path) -> None:
    pattern = config / "billers" / "dpdc_postpaid.toml"
    text = pattern.read_text(encoding="utf-8")
    pattern.write_text(text.replace('amount = "1050.00"', 'amount = "1051.00"'), encoding="utf-8")
    done = typed(config, "meghna_test", "direct_rest")
    assert done.returncode == 1
    assert "is not understood" in done.stderr
    assert not (config / "billers" / "meghna_test.toml").exists()


def typed(config: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "biller_adapters.new_biller", *words, "--config", str(config)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - ourselves
