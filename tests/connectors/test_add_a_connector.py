"""One more connector is one file: what docs/how-to/add-a-connector.md says is done, and no more.

The 26th is written by the command and paid at a house that the sandbox does not have; then it comes a second
time, as a package of its own.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.manifest import read_manifest
from connectors.new_connector import first_misunderstood_example, write_manifest_draft
from connectors.registry import FAMILIES, build
from ekpay_switch.cli.conformance.run import FactVerdict, SafetyFact
from ekpay_switch.cli.connectors.conformance import ConnectorConformance
from ekpay_switch.domain.collections.connector_calls import (
    CallbackHint,
    CollectOrder,
    NeverPaid,
    PageCreated,
    RefundLine,
)
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payments.inquiries import SafetyFacts
from ekpay_switch.ports.connectors import Connectors
from ekpay_switch.wing_kit.manifest_draft import MARK, DraftRequest, UnwritableError
from ekpay_switch.wing_kit.rehearsal_ports import InMemoryTokens
from ekpay_switch.wire.http import HttpWire
from sandbox.callers.payer.payer import Payer, pay
from sandbox.kit.institution.clock import Clock
from sandbox.kit.payer_pages.language import Text
from sandbox.kit.provider.institution import ProviderInstitution, RefundRules
from sandbox.kit.provider.settings import ProviderSettings
from sandbox.providers.token_init_status.family import TokenInitStatusFamily
from sandbox.providers.token_init_status.institutions import FAMILY
from tests.connectors.conftest import CONFIG, MANIFESTS
from tests.connectors.sandbox_stage import SandboxStage, StageClock, a_refund_of
from tests.sandbox.caller import AdminCaller
from tests.sandbox.conftest import served
from tests.sandbox.kit.provider.push_receiver import a_letterbox

ROOT = CONFIG.parent
HOW_TO = (ROOT / "docs" / "how-to" / "add-a-connector.md").read_text(encoding="utf-8")
PROVIDER = "meghna_pay"
WISH = DraftRequest(PROVIDER, FAMILY, name_en="Meghna Pay", name_bn="মেঘনা পে")
CAUTIOUS = SafetyFacts(
    deduplicates=False,
    can_be_asked=False,
    not_found_settle_seconds=None,
    can_be_undone=False,
    echoes_amount=False,
)


class Meghna(TokenInitStatusFamily):
    """The family of the sandbox with one house, which it does not have otherwise."""

    institutions = (
        ProviderInstitution(
            id=PROVIDER,
            name=Text("মেঘনা পে", "Meghna Pay"),
            family=FAMILY,
            refunds=RefundRules(parts_max=10, is_partial=True, days=60),
            family_data={"dialect": "generic", "least_paisa": "1000", "most_paisa": "2500000"},
        ),
    )


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return shutil.copytree(CONFIG, tmp_path / "config")


def confirmed(text: str) -> str:
    """The manifest once its marks are gone through: what this house does is what the pattern's does."""
    facts = ("deduplicates", "can_be_asked", "can_be_undone")
    for fact in facts:
        text = text.replace(f"{fact} = false", f"{fact} = true")
    text = text.replace('deduplicates_for = "never"', 'deduplicates_for = "ever"')
    return re.sub(rf" {MARK}.*", "", text.replace('status = "suspended"', 'status = "active"'))


# ---- what the command writes


@pytest.mark.parametrize("family", sorted({manifest.family for manifest in MANIFESTS}))
async def test_a_manifest_of_any_family_can_be_read_and_tried_at_once(config: Path, family: str) -> None:
    path = write_manifest_draft(config, DraftRequest("meghna_test", family))
    manifest, text = read_manifest(path), path.read_text(encoding="utf-8")
    assert (manifest.status, manifest.family) == ("suspended", family)
    assert set(re.findall(r"EKPAY_[A-Z0-9]+_[A-Z0-9]+", text)) == {"EKPAY_MEGHNA_TEST"}
    assert text.count(MARK) > 15
    assert await first_misunderstood_example(path) == ""
    made = connectors_of(config).by_id("meghna_test")
    assert made is not None
    echoes = family == "token_init_status"
    assert made.profile.safety == replace(CAUTIOUS, echoes_amount=echoes)


def connectors_of(config: Path, **environ: str) -> Connectors:
    clock = StageClock()
    return build(config, HttpWire(clock), InMemoryTokens(), clock, environ)


def test_any_manifest_of_a_family_can_be_the_pattern(config: Path) -> None:
    for pattern in MANIFESTS:
        like = DraftRequest(f"like_{pattern.id}", pattern.family, pattern.id)
        manifest = read_manifest(write_manifest_draft(config, like))
        kept = {"amount_max", "timing", "operations", "replies", "examples", "page_life_seconds", "refunds"}
        assert manifest.model_dump(include=kept) == pattern.model_dump(include=kept)
        assert manifest.protocol in {"borrowed", "generic"}


def test_nothing_of_the_pattern_is_told_as_a_source(config: Path) -> None:
    lines = write_manifest_draft(config, WISH).read_text(encoding="utf-8").splitlines()
    said = [line for line in lines[5:] if "#" in line]
    assert [line for line in said if MARK not in line] == [
        "# The cautious answers. State a fact where the document does; `certify` tries it.",
        "# The pattern's sandbox: no real institution is asked by default.",
    ]


@pytest.mark.parametrize(
    ("wish", "why"),
    [
        (DraftRequest("Meghna", FAMILY), "no id"),
        (DraftRequest("../meghna", FAMILY), "no id"),
        (DraftRequest("tap", FAMILY), "there already"),
        (DraftRequest("meghna_pay", "carrier_pigeon"), "there is no family carrier_pigeon"),
        (DraftRequest("meghna_pay", FAMILY, pattern_id="bkash"), "bkash is not of the family"),
    ],
)
def test_what_cannot_be_is_refused_and_writes_nothing(config: Path, wish: DraftRequest, why: str) -> None:
    before = {path: path.read_bytes() for path in (config / "connectors").iterdir()}
    with pytest.raises(UnwritableError, match=why):
        write_manifest_draft(config, wish)
    assert {path: path.read_bytes() for path in (config / "connectors").iterdir()} == before


def test_what_comes_out_wrong_is_taken_away_again(config: Path) -> None:
    tap = config / "connectors" / "tap.toml"
    text = tap.read_text(encoding="utf-8")
    tap.write_text(text.replace('title = "failed"', 'title = "paid?"').replace(
        'failed = "never_paid"', 'failed = "paid"'), encoding="utf-8")  # fmt: skip
    done = python("connectors.new_connector", PROVIDER, FAMILY, "--config", str(config))
    assert (done.returncode, done.stderr) == (1, "nothing was written: 'paid?' is not understood\n")
    long_id = "m" * 41  # the names of its settings would be too long
    done = python("connectors.new_connector", long_id, "bkash", "--config", str(config))
    assert (done.returncode, done.stderr.partition(":")[0]) == (1, "nothing was written")
    assert not [path for path in (config / "connectors").iterdir() if path.stem in {PROVIDER, long_id}]


def test_a_name_is_written_as_it_is(config: Path) -> None:
    wish = replace(WISH, name_en='"Meghna" Pay # 1', name_bn="মেঘনা \\")
    manifest = read_manifest(write_manifest_draft(config, wish))
    assert (manifest.name_en, manifest.name_bn) == (wish.name_en, wish.name_bn)


def test_the_command_is_typed_as_the_how_to_says(config: Path) -> None:
    typed = re.search(r"^make new-connector ID=(\w+) FAMILY=(\w+)$", HOW_TO, re.MULTILINE)
    assert typed is not None
    command = f"{typed[1]} {typed[2]} --config"
    done = python("connectors.new_connector", *command.split(), str(config))
    assert done.returncode == 0, done.stderr
    assert "59 recorded replies are understood" in done.stdout
    again = python("connectors.new_connector", *command.split(), str(config))
    assert (again.returncode, again.stderr) == (1, "nothing was written: meghna_pay.toml is there already\n")
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert '-m connectors.new_connector "$(ID)" "$(FAMILY)"' in recipe


def python(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return typed([sys.executable, "-m", module, *arguments])


def typed(command: list[str], **environ: str) -> subprocess.CompletedProcess[str]:
    around = {**os.environ, **environ}
    return subprocess.run(command, cwd=ROOT, env=around, capture_output=True, text=True, check=False)  # noqa: S603 - ourselves


# ---- what can be done with it


@asynccontextmanager
async def at_meghna(config: Path, home: Path) -> AsyncIterator[SandboxStage]:
    """The 26th connector, built with all others of an installation, and the house that it speaks to."""
    clock = StageClock()
    given = ProviderSettings(home=home, accounts=200, slow_seconds=0.3, hang_seconds=0.3)
    async with a_letterbox() as letterbox, served(Meghna.open(given, Clock(clock.now))) as (session, origin):
        environ = dict(Meghna.settings_for_switch(origin, given.password.get_secret_value()))
        wire = HttpWire(clock)
        connector = build(config, wire, InMemoryTokens(), clock, environ).by_id(PROVIDER)
        assert connector is not None
        desk = AdminCaller(session, origin)
        yield SandboxStage(PROVIDER, connector, desk, clock, letterbox, environ, wire)
        await wire.close()


async def test_it_is_suspended_until_somebody_says_otherwise(config: Path) -> None:
    path = write_manifest_draft(config, WISH)
    made = connectors_of(config).by_id(PROVIDER)
    assert made is not None
    assert (made.profile.status, made.profile.name_bn) == ("suspended", "মেঘনা পে")
    path.write_text(confirmed(path.read_text(encoding="utf-8")), encoding="utf-8")
    made = connectors_of(config).by_id(PROVIDER)
    assert made is not None
    assert made.profile.status == "active"
    assert len(connectors_of(config).all()) == len(MANIFESTS) + 1


async def test_it_collects_and_gives_back_over_http(config: Path, tmp_path: Path) -> None:
    write_manifest_draft(config, WISH)
    async with at_meghna(config, tmp_path) as stage:
        order, collected = await stage.paid()
        assert collected.amount == order.amount
        hint = await stage.brought((await stage.visited())[1])
        assert isinstance(hint, CallbackHint)
        assert isinstance(await stage.inquired("insufficient_funds"), NeverPaid)
        back = await stage.connector.refund(a_refund_of(order, collected, 20_000))
        assert isinstance(back, RefundLine)
        assert (back.amount, back.is_done) == (Money(20_000), True)
        booked = await stage.booked(order)
        assert [refund["amount_paisa"] for refund in booked["refunds"]] == [20_000]


async def test_certifying_it_proves_the_facts_that_were_stated(config: Path, tmp_path: Path) -> None:
    path = write_manifest_draft(config, WISH)
    assert set((await certified(config, tmp_path / "cautious")).values()) == {
        FactVerdict.NOT_SHOWN,
        FactVerdict.PROVEN,
    }
    path.write_text(confirmed(path.read_text(encoding="utf-8")), encoding="utf-8")
    assert await certified(config, tmp_path / "stated") == {
        # A provider whose page takes the money is sent a payment once, so a second one is not seen.
        SafetyFact.DEDUPLICATES: FactVerdict.NOT_SHOWN,
        SafetyFact.CAN_BE_ASKED: FactVerdict.PROVEN,
        SafetyFact.CAN_BE_UNDONE: FactVerdict.PROVEN,
        SafetyFact.ECHOES_AMOUNT: FactVerdict.PROVEN,
    }


async def certified(config: Path, home: Path) -> dict[SafetyFact, FactVerdict]:
    async with at_meghna(config, home) as stage:

        async def agrees(_order: CollectOrder, created: PageCreated) -> bool:
            await pay(created.page_url, Payer(await stage.number("normal")))
            return True

        run = ConnectorConformance(stage.connector, agrees, Money(1_000), send_seconds=5)
        assert [finding async for finding in run.run() if not finding.is_right] == []
        return run.verdicts()


# ---- the same as a package of its own


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package of the how-to, built and installed into a folder that is nobody's environment."""
    folder = tmp_path_factory.mktemp("package")
    project, site = folder / "project", folder / "site"
    package = project / "ekpay_meghna"
    package.mkdir(parents=True)
    (project / "pyproject.toml").write_text(block("toml"), encoding="utf-8")
    (package / "__init__.py").write_text(block("python"), encoding="utf-8")
    made = write_manifest_draft(shutil.copytree(CONFIG, folder / "config"), WISH)
    shutil.move(made, package / f"{PROVIDER}.toml")
    offline = ("--no-deps", "--no-build-isolation", "--no-index", "--quiet")
    done = python("pip", "install", *offline, "--target", str(site), str(project))
    assert done.returncode == 0, done.stderr
    return site


def block(language: str) -> str:
    (text,) = re.findall(rf"^```{language}\n(.*?)^```$", HOW_TO, re.MULTILINE | re.DOTALL)
    return str(text)


def listed(config: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    ekpay = str(Path(sys.executable).with_name("ekpay"))
    return typed([ekpay, "connectors", "list", "--json"], EKPAY_CONFIG=str(config), **environ)


def test_a_package_brings_a_connector_from_outside(config: Path, installed: Path) -> None:
    url = "https://sandbox.meghna.example"
    done = listed(config, PYTHONPATH=str(installed), EKPAY_MEGHNA_PAY_URL=url)
    assert done.returncode == 0, done.stderr
    told = {one["id"]: one for one in json.loads(done.stdout)}
    assert told.keys() == {PROVIDER, *(manifest.id for manifest in MANIFESTS)}
    assert (told[PROVIDER]["url"], told[PROVIDER]["status"]) == (url, "suspended")


def test_two_that_bring_the_same_connector_are_refused(config: Path, installed: Path) -> None:
    write_manifest_draft(config, WISH)
    done = listed(config, PYTHONPATH=str(installed))
    assert done.returncode == 1
    assert "two wings bring the same connector" in done.stderr


# ---- what else the how-to says


def test_every_family_is_in_the_how_to_with_manifests_to_write_after(config: Path) -> None:
    rows = re.findall(r"^\| `([a-z0-9_]+)` \| .* \| ((?:`[a-z_]+\.toml`(?:, )?)+) \|$", HOW_TO, re.MULTILINE)
    assert {family for family, _ in rows} >= FAMILIES.keys()
    families = {manifest.id: manifest.family for manifest in MANIFESTS}
    for family, cell in rows:
        patterns = re.findall(r"`([a-z_]+)\.toml`", cell)
        assert {families[pattern] for pattern in patterns} == {family}
        head = (
            write_manifest_draft(config, DraftRequest(f"a_{family}", family))
            .read_text(encoding="utf-8")
            .splitlines()[0]
        )
        assert head.endswith(f"begun by make new-connector after {patterns[0]}.")


def test_every_place_that_the_how_to_names_is_there() -> None:
    named = re.findall(r"`((?:config|connectors|docs|ekpay_switch|sandbox|tests)/[a-z0-9_/.]+)`", HOW_TO)
    places = {name for name in named if "meghna" not in name}
    assert len(places) > 5
    assert [name for name in places if not (ROOT / name).exists()] == []
