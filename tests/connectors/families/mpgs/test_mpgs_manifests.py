"""Three banks over one family: what differs is data, and what is missing is named."""

import json
from pathlib import Path
from typing import Any

import pytest

from connectors.families.mpgs.connector import Mpgs
from connectors.manifest import Manifest, read_manifest
from connectors.manifest_parts import Means
from connectors.registry import build
from ekpay_switch.domain.collections.connector_calls import AwaitingPayer
from ekpay_switch.ports.world import WireAnswer, WireReply, WireRequest
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.manifest_file import ManifestError
from ekpay_switch.wing_kit.rehearsal_ports import InMemoryTokens, StoppedClock
from tests.biller_adapters.families.scroll_rest.desco_stage import NOON
from tests.connectors.conftest import CONFIG, the_manifest
from tests.connectors.families.mpgs.mpgs_stage import an_order, error

BANKS = {"ebl": "public", "brac_bank": "borrowed", "mutual_trust": "borrowed"}
EBL = (CONFIG / "connectors" / "ebl.toml").read_text(encoding="utf-8")
ITS_OWN = {"id", "name_en", "name_bn", "protocol", "endpoint", "secrets", "brand"}


class Listening:
    """A wire on which no order is there, and which remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.bodies: list[bytes] = []

    async def send(self, far_side: str, request: WireRequest) -> WireReply:
        self.asked.append((far_side, request.url))
        self.bodies.append(request.body)
        return WireAnswer(404, {}, error("INVALID_REQUEST"))


def written(tmp_path: Path, text: str) -> Manifest:
    path = tmp_path / "ebl.toml"
    path.write_text(text, encoding="utf-8")
    return read_manifest(path)


def around(wire: Listening | None = None, **environ: str) -> FamilyContext:
    return FamilyContext(wire or Listening(), InMemoryTokens(), StoppedClock(NOON), environ)


def rest_of(manifest: Manifest) -> dict[str, Any]:
    return manifest.model_dump(exclude=ITS_OWN)


@pytest.mark.parametrize("bank", list(BANKS))
def test_the_banks_differ_in_their_names_and_settings_only(bank: str) -> None:
    manifest = the_manifest(bank)
    assert rest_of(manifest) == rest_of(the_manifest("ebl"))
    assert manifest.protocol == BANKS[bank]
    assert manifest.endpoint.url_default == f"http://127.0.0.1:8206/{bank}"
    own = f"EKPAY_{bank.upper()}_"
    assert set(manifest.secrets.values()) == {
        f"{own}MERCHANT_ID",
        f"{own}API_PASSWORD",
        f"{own}WEBHOOK_SECRET",
    }


@pytest.mark.parametrize("bank", list(BANKS))
async def test_each_bank_is_asked_at_its_own_address_as_its_own_merchant(bank: str) -> None:
    wire, own = Listening(), f"EKPAY_{bank.upper()}"
    given = {f"{own}_MERCHANT_ID": f"{bank} & co", f"{own}_API_PASSWORD": "open sesame"}
    order = an_order()
    assert await Mpgs(the_manifest(bank), around(wire, **given)).inquire(order) == AwaitingPayer()
    url = f"http://127.0.0.1:8206/{bank}/api/rest/version/78/merchant/{bank}%20%26%20co"
    assert wire.asked == [(bank, f"{url}/order/{order.reference}")]


def test_without_secrets_every_bank_is_there_all_the_same() -> None:
    found = build(CONFIG, Listening(), InMemoryTokens(), StoppedClock(NOON), {})
    assert {connector.profile.id for connector in found.all()} >= BANKS.keys()


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        ('merchant_id = "EKPAY_EBL', 'user = "EKPAY_EBL', "secrets of this family"),
        ('rest_version = "78"', 'rest_version = "latest"', "rest_version"),
        ('page_path = "/checkout/pay/{session_id}"', 'page_path = "/checkout/pay"', "page_path"),
        ('page_path = "/checkout/pay/{session_id}"', 'page_path = "//x.example/{other}"', "page_path"),
        ('merchant_name = "ekPay"', 'merchant_name = "<b>"', "merchant_name"),
        ("/transaction/{refund_id}", "/transaction/{transaction_id}", "path of refund needs"),
        ("/transaction/{refund_id}", "/transaction/1", "path of refund needs"),
        ("executes = false", "executes = true", "executes must be false"),
        ('"interaction.merchant.name"', '"order.id"', "payee.member is order.id"),
        ('"interaction.locale"', '"order.amount"', "language.member is order.amount"),
        ("length_max = 40", "length_max = 9", "length_max"),
        ('alphabet = "any"', 'alphabet = "bangla"', "alphabet"),
    ],
)
def test_what_the_family_misses_is_named(tmp_path: Path, old: str, new: str, names: str) -> None:
    assert old in EBL
    with pytest.raises(ManifestError, match=names):
        Mpgs(written(tmp_path, EBL.replace(old, new)), around())


def test_no_cause_by_itself_declines_but_a_rejection() -> None:
    replies = the_manifest("ebl").replies
    declining = {code for code, reply in replies.items() if reply.means is Means.DECLINED}
    assert {code for code in declining if code.startswith("error ") and code.count(" ") == 1} == {
        "error REQUEST_REJECTED"
    }
    assert not {code for code in declining if code.startswith(("result ", "HTTP ", "status "))}


@pytest.mark.parametrize(("divisor", "seconds"), [(1, 1_800), (7, 257), (60, 30), (3_600, 1)])
async def test_the_gateway_is_told_whole_seconds_and_no_longer_a_life_than_the_core(
    divisor: int, seconds: int
) -> None:
    wire = Listening()
    given = {"EKPAY_EBL_MERCHANT_ID": "TEST01", "EKPAY_EBL_API_PASSWORD": "open sesame"}
    shortened = FamilyContext(wire, InMemoryTokens(), StoppedClock(NOON), given, divisor)
    await Mpgs(the_manifest("ebl"), shortened).create(an_order())
    assert json.loads(wire.bodies[0])["interaction"]["timeout"] == seconds
