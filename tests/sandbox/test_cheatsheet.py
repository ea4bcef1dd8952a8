"""The cheatsheet: everything on it can be typed, and is what the pages say."""

import json

import pytest
from typer.testing import CliRunner

from sandbox import cheatsheet as sheets
from sandbox.commands import app
from sandbox.kit.provider.magic_numbers import Payers
from sandbox.kit.provider.numbers_to_try import numbers_to_try
from sandbox.kit.provider.payer_numbers import PayerKind
from sandbox.kit.provider.settings import ProviderSettings
from sandbox.messaging.faults import MAGIC
from sandbox.providers.bkash.numbers_to_try import WALLET_MEANINGS
from sandbox.providers.bkash.numbers_to_try import numbers_to_try as bkash_numbers
from sandbox.providers.bkash.settings import BkashSettings
from sandbox.providers.bkash.wallets import BkashWallets, WalletKind
from sandbox.registry import BILLER_FAMILIES, PROVIDER_FAMILIES, InstitutionName


def test_every_provider_and_biller_is_on_it_with_numbers_that_are_its_own() -> None:
    sheet = sheets.build_cheatsheet()
    by_id = {one.id: one for family in PROVIDER_FAMILIES.values() for one in family.institutions}
    assert {entry["id"] for entry in sheet["providers"]} == {*by_id, "bkash"}
    for entry in sheet["providers"][1:]:
        family = PROVIDER_FAMILIES[InstitutionName(by_id[entry["id"]].family)]
        payers = Payers(PayerKind(entry["payer"]), 1, family.own_kinds)
        for row in (*sheet["magic"][entry["payer"]], *entry["own"]):
            known = payers.magic(row["number"])
            assert known is not None
            assert known.name == row["kind"]
    billers = {one.id for family in BILLER_FAMILIES.values() for one in family.institutions} - {"rehearsal"}
    assert {entry["id"] for entry in sheet["billers"]} >= billers


def test_every_kind_of_bkash_wallet_has_a_meaning_and_a_wallet() -> None:
    assert set(WALLET_MEANINGS) == set(WalletKind)
    wallets = BkashWallets(1)
    rows = sheets.build_cheatsheet()["providers"][0]["own"]
    kinds = [wallets.kind(row["number"]) for row in rows]
    assert [kind.name.lower() for kind in kinds if kind] == [row["kind"] for row in rows]


def test_the_pages_show_what_the_sheet_says() -> None:
    sheet = sheets.build_cheatsheet()
    for kind in PayerKind:
        listed = {row["number"] for row in sheet["magic"][kind.value]}
        assert {one.number for one in numbers_to_try(Payers(kind, 1), ProviderSettings()).numbers} <= listed
    own = {row["number"] for row in sheet["providers"][0]["own"]} | {sheet["providers"][0]["number"]}
    assert {one.number for one in bkash_numbers(BkashSettings()).numbers} <= own


def test_every_number_whose_messages_go_wrong_is_on_it() -> None:
    sheet = sheets.build_cheatsheet()
    assert {row["number"]: row["kind"] for row in sheet["messages"]} == MAGIC
    assert sheet["logins"][-1]["user"] == "EKPAY"


def test_it_is_printed_for_people_and_for_programs_with_the_pin_that_was_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EKPAY_SANDBOX_GATEWAY_PIN", "98765")
    for name in ("EKPAY_BKASH_PASSWORD", "EKPAY_SMS_API_TOKEN"):
        monkeypatch.setenv(name, "of-a-real-account")
    printed = CliRunner().invoke(app, ["cheatsheet"]).output
    texts = ("PIN 98765", "PIN 12121", "01991000000", "bkash-sandbox", "8801900000001", "sms-sandbox")
    lines = [text for text in texts if text in printed]
    assert (len(lines), "of-a-real-account" in printed) == (6, False)
    as_json = json.loads(CliRunner().invoke(app, ["cheatsheet", "--json"]).output)
    assert as_json == sheets.build_cheatsheet()


def test_what_a_run_prints_is_three_lines() -> None:
    assert len(sheets.short_lines(sheets.build_cheatsheet())) == 3
