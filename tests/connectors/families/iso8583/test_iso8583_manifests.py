"""The seven manifests of host links, and what such a manifest must not say."""

import re
from pathlib import Path
from typing import Any

import pytest

from connectors.families.iso8583.connector import HostLink
from connectors.manifest import Manifest
from connectors.manifest_parts import Means
from connectors.rehearsal import EXAMPLE_REFUND
from ekpay_switch.domain.outcome import NoAnswer, Unreached
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.manifest_file import ManifestError
from ekpay_switch.wing_kit.rehearsal_ports import InMemoryTokens
from ekpay_switch.wire.http import HttpWire
from tests.connectors.conftest import MANIFESTS, the_manifest
from tests.connectors.families.iso8583.host_link_stage import changed
from tests.wire.conftest import HandClock

DOCUMENT = Path(__file__).parents[4] / "docs" / "protocols" / "iso8583-host-link.md"
SEVEN = [manifest for manifest in MANIFESTS if manifest.family == "iso8583"]
DECLINED = "01 02 03 05 12 13 14 15 30 51 54 55 57 58 61 65 75 91 92".split()  # noqa: SIM905 - as it is written there
UNKNOWN = ["06", "68", "94", "96"]


def made(manifest: Manifest, **environ: str) -> HostLink:
    clock = HandClock()
    return HostLink(manifest, FamilyContext(HttpWire(clock), InMemoryTokens(), clock, environ))


def test_the_manifests_are_those_of_the_document() -> None:
    rows = re.findall(r"\| `(\w+)` \| (\d+) \| DE(\d+) \| (\d+) \|", DOCUMENT.read_text(encoding="utf-8"))
    assert len(rows) == 7
    told = {
        manifest.id: (
            str(manifest.family_settings["host_default"]),
            str(manifest.family_settings["alias_field"]),
            str(manifest.family_settings["acquirer"]),
            manifest.endpoint.url_default,
        )
        for manifest in SEVEN
    }
    assert told == {
        name: (f"127.0.0.1:{port}", alias, acquirer, f"http://127.0.0.1:8207/{name}")
        for name, port, alias, acquirer in rows
    }


@pytest.mark.parametrize("manifest", SEVEN, ids=lambda manifest: manifest.id)
def test_codes_mean_what_the_document_says(manifest: Manifest) -> None:
    by_meaning = {
        means: sorted(code for code, reply in manifest.replies.items() if reply.means is means)
        for means in Means
    }
    assert by_meaning[Means.DONE] == ["00"]
    assert by_meaning[Means.DECLINED] == DECLINED
    assert by_meaning[Means.IN_DOUBT] == UNKNOWN
    assert len(manifest.replies) == 1 + len(DECLINED) + len(UNKNOWN)


@pytest.mark.parametrize("manifest", SEVEN, ids=lambda manifest: manifest.id)
def test_a_host_link_executes_and_can_neither_be_asked_nor_give_back(manifest: Manifest) -> None:
    profile = made(manifest).profile
    assert (profile.executes, profile.refunds, profile.protocol) == (True, None, "generic")
    assert not profile.safety.can_be_asked
    assert profile.host == manifest.family_settings["host_default"]
    assert profile.timing.next_ask_seconds(0) == 5
    # A reversal never stops being repeated.
    assert profile.timing.next_ask_seconds(10_000) == 900


def test_a_host_is_where_its_setting_says() -> None:
    assert made(the_manifest("npsb"), EKPAY_NPSB_HOST="10.1.2.3:9000").profile.host == "10.1.2.3:9000"


@pytest.mark.parametrize(
    "settings",
    [
        {"host_default": "10.0.0.1:8211"},
        {"host_default": "127.0.0.1"},
        {"alias_field": "35"},
        {"acquirer": "123456789012"},
        {"acceptor": "SHORT"},
        {"terminal": "TOOLONG01"},
        {"processing_code": "50"},
        {"merchant_type": "utilities"},
        {"echo_idle_seconds": 0},
        {"colour": "red"},
    ],
    ids=str,
)
def test_settings_that_no_link_can_have_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ManifestError, match="janata"):
        made(changed(the_manifest("janata"), **settings))


@pytest.mark.parametrize(
    "changes",
    [
        {"executes": False},
        {"secrets": {"mac_key": "EKPAY_JANATA_MAC_KEY"}},
        {"refunds": the_manifest("bkash").refunds},
        {"operations": {}},
    ],
    ids=["executes", "secrets", "refunds", "operations"],
)
def test_a_manifest_that_is_no_host_links_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ManifestError, match="janata"):
        made(the_manifest("janata").model_copy(update=changes))


async def test_nothing_is_given_back_over_a_link() -> None:
    bank = made(the_manifest("janata"))
    assert isinstance(await bank.refund(EXAMPLE_REFUND), Unreached)
    told = await bank.inquire_refunds(EXAMPLE_REFUND)
    assert told == NoAnswer("this bank has no refund call", was_asked=False)
