"""One more biller is one file: what docs/how-to/add-a-biller.md says is done to the letter, and no more."""

import re
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from biller_adapters.field_map import FieldMap
from biller_adapters.manifest import Manifest, read_manifest
from biller_adapters.registry import FAMILIES, build
from biller_adapters.rehearsal import order_for, rehearse
from ekpay_switch.config_files.fees import read_fee_table
from ekpay_switch.domain.bill import BillFound, BillMissing, BillQuery
from ekpay_switch.domain.money import parse_taka
from ekpay_switch.domain.outcome import Approved, Declined, NotFound, Posted
from ekpay_switch.ports.billers import BillerAdapter, Billers
from ekpay_switch.wire.http import HttpWire
from sandbox.billers.direct.family import DirectFamily
from sandbox.kit.biller.institution import REHEARSAL
from sandbox.kit.biller.settings import BillerSettings
from sandbox.kit.institution.clock import Clock
from sandbox.registry import DEFAULT_PORTS, InstitutionName
from tests.biller_adapters.conftest import CONFIG, MANIFESTS
from tests.biller_adapters.families.scroll_rest.desco_stage import DhakaClock
from tests.sandbox.caller import AdminCaller
from tests.sandbox.conftest import served
from tests.wing_kit.shared_tokens import SharedTokens

HOW_TO = (CONFIG.parent / "docs" / "how-to" / "add-a-biller.md").read_text(encoding="utf-8")
(FILE,) = re.findall(r"^```toml\n(.*?)^```$", HOW_TO, re.MULTILINE | re.DOTALL)
BILLER, EKPAY_ID, ACCOUNT = "meghna_water", "b9951", "70000001"
QUERY = BillQuery(BILLER, {"account_no": ACCOUNT})
NOW = datetime(2026, 3, 10, 6, 0, tzinfo=UTC)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The folder config of this installation, and in it the file of the how-to; nothing else is changed."""
    copy = shutil.copytree(CONFIG, tmp_path / "config")
    (copy / "billers" / f"{BILLER}.toml").write_text(FILE, encoding="utf-8")
    return copy


@dataclass
class Installed:
    """What a switch over this folder can pay, and the desk of the simulated far side."""

    billers: Billers
    desk: AdminCaller

    @property
    def biller(self) -> BillerAdapter:
        found = self.billers.by_ekpay_id(EKPAY_ID)
        assert found is not None
        return found


@asynccontextmanager
async def installed(config: Path, home: Path) -> AsyncIterator[Installed]:
    far_side = DirectFamily.open(BillerSettings(home=home, accounts=200), Clock(lambda: NOW))
    async with served(far_side) as (session, origin):
        clock = DhakaClock(NOW)
        wire = HttpWire(clock)
        environ = {
            "EKPAY_MEGHNA_WATER_URL": f"{origin}{DirectFamily.base_path}/{REHEARSAL}",
            "EKPAY_MEGHNA_WATER_PASSWORD": "counter-sandbox",
        }
        billers = build(config, wire, SharedTokens(), clock, environ, divisor=20)
        yield Installed(billers, AdminCaller(session, origin))
        await wire.close()


def the_51st(config: Path) -> Manifest:
    return read_manifest(config / "billers" / f"{BILLER}.toml")


async def test_the_file_alone_brings_the_biller_into_the_catalogue(config: Path, tmp_path: Path) -> None:
    async with installed(config, tmp_path) as switch:
        profile = switch.biller.profile
        assert (profile.id, profile.name_en, profile.category) == (BILLER, "Meghna Water", "water")
        ways = {manifest.id for manifest in MANIFESTS if manifest.route_of is None}
        assert {adapter.profile.id for adapter in switch.billers.all()} == {*ways, BILLER}


async def test_its_recorded_replies_are_understood(config: Path) -> None:
    manifest = the_51st(config)
    for example in manifest.examples:
        understood = await rehearse(manifest, example)
        assert understood.verdict == example.expect, example.title
        assert example.reason in {None, understood.reason}
        assert example.amount is None or understood.amount == parse_taka(example.amount)


async def test_it_is_fetched_paid_paid_again_and_asked_over_http(config: Path, tmp_path: Path) -> None:
    async with installed(config, tmp_path) as switch:
        found = await switch.biller.fetch(QUERY)
        assert isinstance(found, BillFound)
        order = order_for(BILLER, found.bill, NOW.date(), time.monotonic() + 5.0)
        assert await switch.biller.inquire(order) == NotFound()
        first, again = await switch.biller.pay(order), await switch.biller.pay(order)
        assert isinstance(first, Approved)
        assert first == again
        asked = await switch.biller.inquire(order)
        assert isinstance(asked, Posted)
        assert (asked.amount_minor, asked.facts["receipt"]) == (
            found.bill.total.minor,
            first.facts["receipt"],
        )
        other = replace(order, reference="EXAMPLE0000000000000002")
        assert await switch.biller.pay(other) == Declined("already_paid", "410")
        paid = await switch.biller.fetch(QUERY)
        assert isinstance(paid, BillFound)
        assert paid.bill.is_paid
        (taken,) = (await switch.desk.admin("GET", "dump"))["payments"]
        assert (taken["house"], taken["number"]) == (REHEARSAL, ACCOUNT)


async def test_nobodys_account_is_missing(config: Path, tmp_path: Path) -> None:
    async with installed(config, tmp_path) as switch:
        assert (
            await switch.biller.fetch(replace(QUERY, parameters={"account_no": "70090001"})) == BillMissing()
        )


def test_it_has_a_price(config: Path) -> None:
    manifest, fees = the_51st(config), read_fee_table(config / "fees.toml")
    names = frozenset({manifest.id, manifest.category})
    for instrument in ("prefund", "bkash"):
        fee = fees.price(names, instrument, parse_taka("1050.00"), NOW.date())
        assert fee.version == fees.version


def test_it_finds_the_sandbox_where_nothing_is_set(config: Path) -> None:
    place = f"http://127.0.0.1:{DEFAULT_PORTS[InstitutionName.DIRECT]}{DirectFamily.base_path}/{REHEARSAL}"
    assert the_51st(config).endpoint.url_default == place


# ---- what else the how-to says -----------------------------------------------------------------------------


def test_every_family_is_in_the_how_to_with_a_manifest_to_copy() -> None:
    rows = re.findall(r"^\| `([a-z_]+)` \| [^|]+ \| `([a-z_]+)\.toml`[^|]*\|$", HOW_TO, re.MULTILINE)
    assert {family for family, _ in rows} >= FAMILIES.keys()
    families = {manifest.id: manifest.family for manifest in MANIFESTS}
    copied = {family: biller for family, biller in rows if family in families.values()}
    assert {family: families.get(biller) for family, biller in copied.items()} == {
        family: family for family in copied
    }


def test_every_setting_of_the_family_is_in_the_how_to() -> None:
    prefixes = {"send", "year_of", "month_of", "fixed"}
    told = set(re.findall(r"`([a-z_]+)`", HOW_TO)) | set(re.findall(r"`([a-z_]+)_<", HOW_TO))
    assert FieldMap.model_fields.keys() <= told
    assert prefixes <= told


def test_every_key_of_a_manifest_is_in_the_how_to() -> None:
    told = set(re.findall(r"[a-z_]+", HOW_TO))
    assert Manifest.model_fields.keys() <= told
