"""What the family needs of its manifests and its settings, and that no secret is ever told."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from connectors.families.sslcommerz.connector import Sslcommerz
from connectors.manifest import Manifest
from ekpay_switch.domain.collections.connector_calls import PageCreated
from ekpay_switch.domain.outcome import NoAnswer, Unreached
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.manifest_file import ManifestError
from ekpay_switch.wing_kit.rehearsal_ports import InMemoryTokens, StoppedClock
from tests.biller_adapters.families.scroll_rest.desco_stage import NOON
from tests.connectors.conftest import the_manifest
from tests.connectors.families.sslcommerz.sslcommerz_stage import (
    POLITE,
    SECRET,
    Played,
    a_connector,
    a_refund,
    an_order,
    played,
    secrets,
)

BOTH = ["sslcommerz", "aamarpay"]


def with_settings(manifest: Manifest, settings: Mapping[str, str]) -> Sslcommerz:
    changed = manifest.model_copy(update={"family_settings": settings})
    return played(changed, Played(changed, {}))


@pytest.mark.parametrize("connector_id", BOTH)
async def test_without_a_secret_nothing_is_sent_and_its_setting_is_named(connector_id: str) -> None:
    manifest = the_manifest(connector_id)
    for setting in manifest.secrets.values():
        wire = Played(manifest, POLITE[connector_id])
        environ = {name: secret for name, secret in secrets(manifest).items() if name != setting}
        around = FamilyContext(wire, InMemoryTokens(), StoppedClock(NOON), environ)
        connector = Sslcommerz(manifest, around)
        why = f"{setting} is not set"
        assert await connector.create(an_order()) == Unreached(why)
        assert await connector.inquire(an_order()) == NoAnswer(why, was_asked=False)
        assert wire.asked == []


async def test_without_a_secret_no_refund_is_sent() -> None:
    manifest = the_manifest("sslcommerz")
    connector = played(manifest, Played(manifest, {}), EKPAY_SSLCOMMERZ_STORE_PASSWORD="")
    assert await connector.refund(a_refund()) == Unreached("EKPAY_SSLCOMMERZ_STORE_PASSWORD is not set")


@pytest.mark.parametrize("connector_id", BOTH)
def test_every_setting_of_the_family_is_needed_and_no_other_is_taken(connector_id: str) -> None:
    manifest = the_manifest(connector_id)
    settings = {name: str(value) for name, value in manifest.family_settings.items()}
    for missing in settings:
        without = {name: value for name, value in settings.items() if name != missing}
        with pytest.raises(ManifestError, match=missing):
            with_settings(manifest, without)
    with pytest.raises(ManifestError, match="colour"):
        with_settings(manifest, settings | {"colour": "red"})


@pytest.mark.parametrize("dialect", ["", "v5", "['v4']"])
def test_a_dialect_that_nobody_speaks_is_refused(dialect: str) -> None:
    with pytest.raises(ManifestError, match="the dialect must be aamarpay or v4"):
        with_settings(the_manifest("sslcommerz"), {"dialect": dialect})


@pytest.mark.parametrize("connector_id", BOTH)
def test_secrets_of_another_dialect_are_refused(connector_id: str) -> None:
    manifest = the_manifest(connector_id)
    changed = manifest.model_copy(update={"secrets": {"store_id": manifest.secrets["store_id"]}})
    with pytest.raises(ManifestError, match="secrets of this family are"):
        played(changed, Played(changed, {}))


@pytest.mark.parametrize("connector_id", BOTH)
def test_an_operation_that_is_missing_is_named(connector_id: str) -> None:
    manifest = the_manifest(connector_id)
    operations = {name: one for name, one in manifest.operations.items() if name != "query"}
    changed = manifest.model_copy(update={"operations": operations})
    with pytest.raises(ManifestError, match="query"):
        played(changed, Played(changed, {}))


@pytest.mark.parametrize("connector_id", BOTH)
async def test_no_answer_of_ours_holds_a_secret(connector_id: str) -> None:
    manifest = the_manifest(connector_id)
    echo = SECRET.encode()
    quoted = b'{"status": "%s", "result": "%s", "APIConnect": "%s", "status_code": "%s"}' % ((echo,) * 4)
    for answer in (echo, quoted, b'"%s"' % echo):
        everywhere = dict.fromkeys(POLITE[connector_id], answer)
        connector = a_connector(manifest, **everywhere)
        told = [
            await connector.create(an_order()),
            await connector.inquire(an_order()),
            await connector.refund(a_refund()),
        ]
        assert SECRET not in repr(told)
        assert SECRET not in repr(connector)


@pytest.mark.parametrize("connector_id", BOTH)
async def test_a_status_other_than_200_is_no_usable_answer(connector_id: str) -> None:
    manifest = the_manifest(connector_id)
    for status in (201, 302, 400, 401, 500):
        connector = played(manifest, Played(manifest, POLITE[connector_id], status))
        assert not isinstance(await connector.create(an_order()), PageCreated)
        assert await connector.inquire(an_order()) == NoAnswer(f"HTTP {status}")


def test_the_two_share_one_family_and_differ_in_their_refunds() -> None:
    ours, theirs = the_manifest("sslcommerz"), the_manifest("aamarpay")
    assert ours.family == theirs.family == "sslcommerz"
    profiles = [a_connector(one).profile for one in (ours, theirs)]
    assert [profile.refunds is None for profile in profiles] == [False, True]
    assert [profile.executes for profile in profiles] == [False, False]
    assert not any(replace(profile, id="x").safety.not_found_settle_seconds for profile in profiles)
