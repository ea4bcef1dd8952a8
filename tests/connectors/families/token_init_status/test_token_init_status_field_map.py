"""The field map: what is refused when it is read, and that a real specification is a change of data."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from connectors.families.token_init_status.connector import TokenInitStatus
from connectors.manifest import Manifest, read_manifest
from connectors.registry import connector_of
from ekpay_switch.domain.collections.connector_calls import (
    Collected,
    ConfirmedCollection,
    PageCreated,
    judge_collected,
)
from ekpay_switch.domain.money import Money
from ekpay_switch.ports.world import WireAnswer, WireReply, WireRequest
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.manifest_file import ManifestError
from ekpay_switch.wing_kit.rehearsal_ports import InMemoryTokens, StoppedClock
from tests.biller_adapters.families.scroll_rest.desco_stage import NOON
from tests.connectors.conftest import CONFIG, the_manifest
from tests.connectors.families.token_init_status.token_init_status_stage import (
    GENERIC,
    MOVEMENT,
    NAME,
    REFERENCE,
    an_order,
)

FAMILY = (*GENERIC, "upay", "shurjopay")
# What is a house's own: its names, its limits, what it keeps, where it is.
OWN = {"id", "name_en", "name_bn", "amount_max", "charge_basis_points", "payer_charge_basis_points"}
OWN |= {"endpoint", "secrets", "examples", "family_settings", "brand"}


def text_of(connector_id: str) -> str:
    return (CONFIG / "connectors" / f"{connector_id}.toml").read_text(encoding="utf-8")


class Played:
    """A wire that answers each path with one text and keeps what it was sent."""

    def __init__(self, answers: Mapping[str, str]) -> None:
        self.answers = answers
        self.sent: dict[str, WireRequest] = {}

    async def send(self, far_side: str, request: WireRequest) -> WireReply:
        path = request.url.removeprefix(f"http://127.0.0.1:8204/{far_side}")
        self.sent[path] = request
        return WireAnswer(200, {}, self.answers[path].encode())


def connector(manifest: Manifest, wire: Played) -> TokenInitStatus:
    environ = dict.fromkeys(manifest.secrets.values(), "secret")
    return TokenInitStatus(manifest, FamilyContext(wire, InMemoryTokens(), StoppedClock(NOON), environ))


def written(tmp_path: Path, connector_id: str, text: str) -> Manifest:
    path = tmp_path / f"{connector_id}.toml"
    path.write_text(text, encoding="utf-8")
    return read_manifest(path)


# ---- what the manifests say


@pytest.mark.parametrize("connector_id", FAMILY)
def test_the_settings_are_those_that_the_sandbox_knows(connector_id: str) -> None:
    manifest, own = the_manifest(connector_id), f"EKPAY_{connector_id.upper()}_"
    names = ("MERCHANT_ID", "MERCHANT_KEY") if connector_id == "upay" else ("USER", "PASSWORD")
    assert set(manifest.secrets.values()) == {f"{own}{name}" for name in names}
    assert manifest.endpoint.url_default == f"http://127.0.0.1:8204/{connector_id}"
    assert manifest.protocol == ("generic" if connector_id in GENERIC else "public")


@pytest.mark.parametrize("connector_id", GENERIC)
def test_generic_wallets_differ_in_names_limits_and_addresses_only(connector_id: str) -> None:
    first, other = the_manifest(GENERIC[0]), the_manifest(connector_id)
    assert other.model_dump(exclude=OWN) == first.model_dump(exclude=OWN)
    hosts = {"page_hosts": f"{connector_id}.example"}
    assert other.family_settings == {**first.family_settings, **hosts}
    told = [example.body.replace(f"{connector_id}.example", "tap.example") for example in other.examples]
    assert told == [example.body for example in first.examples]


@pytest.mark.parametrize("connector_id", GENERIC)
def test_a_generic_wallet_says_that_its_protocol_is_nobodys(connector_id: str) -> None:
    head = text_of(connector_id).partition("\nid = ")[0]
    assert "publishes no protocol" in head
    assert "docs/protocols/token-init-status.md" in head


def test_the_document_and_the_manifests_know_the_same_codes_and_words() -> None:
    document = (CONFIG.parent / "docs" / "protocols" / "token-init-status.md").read_text(encoding="utf-8")
    codes = set(re.findall(r"^\| \d{3} \| `(\d{4})` \|", document, flags=re.MULTILINE))
    tap = the_manifest("tap")
    assert codes == tap.replies.keys() - {"HTTP 401"}
    words = set(re.findall(r"^\| `([a-z]+)` \|", document, flags=re.MULTILINE))
    for known in ("words", "refund_words"):
        told = tap.family_settings[known]
        assert isinstance(told, dict)
        assert told.keys() <= words
        words -= told.keys()
    assert words == {"status"}  # the head of two tables


# ---- a real specification is a change of data

# What an invented house calls things, applied to a manifest of the generic dialect in this order.
OTHER_SPECIFICATION = (
    ('"/v1/token"', '"/oauth/access"'),
    ('"/v1/payments", role', '"/pay/open", role'),
    (
        'status = { path = "/v1/payments/{provider_reference}", method = "GET"',
        'status = { path = "/pay/ask/{reference}", method = "POST"',
    ),
    ('token_header = "Authorization"', 'token_header = "X-Session"'),
    ('token_prefix = "Bearer"', 'token_prefix = ""'),
    ('amount_form = "text"', 'amount_form = "paisa"'),
    ('"YYYY-MM-DDTHH:MM:SS+06:00"', '"YYYY-MM-DD HH:MM:SS"'),
    ('\ncode = "code"', '\ncode = "head.result"'),
    ('reads.token = "access_token"', 'reads.token = "body.key"'),
    ('reads.life_seconds = "expires_in"', 'reads.life_seconds = ""'),
    ("sends.merchant_reference =", "sends.orderNo ="),
    ("sends.amount = { from", "sends.total = { from"),
    ("sends.return_url", 'sends.shop = { literal = "ekpay" }\nsends.back'),
    ('paid = "paid"', 'SETTLED = "paid"'),
    ('"merchant_reference"', '"body.orderNo"'),
    ('"payment_id"\nreads', '"body.no"\nreads'),
    ('"page_url"', '"body.url"'),
    ('reads.amount = "amount"', 'reads.amount = "body.total"'),
    ('reads.currency = "currency"', 'reads.currency = "body.cur"'),
    ('reads.status = "status"', 'reads.status = "body.state"'),
    ('reads.transaction = "transaction_id"', 'reads.transaction = "body.trx"'),
    ('reads.paid_at = "paid_at"', 'reads.paid_at = "body.at"'),
    ('reference = "body.orderNo"\nstatus = "status"', 'reference = "orderNo"\nstatus = "state"'),
    ('"0000" = { means = "done" }', 'OK = { means = "done" }'),
)


async def test_a_house_with_its_own_specification_is_another_manifest_and_no_code(tmp_path: Path) -> None:
    text = text_of("tap")
    for old, new in OTHER_SPECIFICATION:
        assert old in text, old
        text = text.replace(old, new)
    manifest = written(tmp_path, "tap", text)
    body = {"no": NAME, "orderNo": REFERENCE, "total": 50_000, "cur": "BDT"}
    ok = {"head": {"result": "OK"}}
    wire = Played(
        {
            "/oauth/access": json.dumps(ok | {"body": {"key": "k"}}),
            "/pay/open": json.dumps(
                ok | {"body": body | {"state": "pending", "url": "https://pay.tap.example/"}}
            ),
            f"/pay/ask/{REFERENCE}": json.dumps(
                ok | {"body": body | {"state": "SETTLED", "trx": MOVEMENT, "at": "2026-11-01 12:01:02"}}
            ),
        }
    )
    tap = connector(manifest, wire)
    assert await tap.create(an_order()) == PageCreated(NAME, "https://pay.tap.example/")
    opened = wire.sent["/pay/open"]
    assert opened.headers["X-Session"] == "k"
    told = json.loads(opened.body)
    assert (told["orderNo"], told["total"], told["shop"]) == (REFERENCE, 50_000, "ekpay")
    paid = await tap.inquire(an_order())
    assert isinstance(paid, Collected)
    assert isinstance(judge_collected(an_order(), paid), ConfirmedCollection)
    assert (paid.amount, paid.facts["paid_at"]) == (Money(50_000), "2026-11-01T06:01:02+00:00")


# ---- what is refused when it is read

FAULTS = {
    "executes": ("tap", "executes = false ", "executes = true ", "executes nothing"),
    "no echo": ("tap", "echoes_amount = true", "echoes_amount = false", "echoes_amount"),
    "a secret that is not sent": (
        "tap",
        'sends.password = { secret = "password" }',
        'sends.password = { literal = "x" }',
        "secrets must be those",
    ),
    "a secret that is not there": ("tap", '{ secret = "password" }', '{ secret = "pin" }', "secrets must be"),
    "an unknown source": ("tap", '{ from = "payer_reference" }', '{ from = "payer" }', "payer_reference"),
    "two sources": (
        "tap",
        '{ from = "payer_reference" }',
        '{ from = "payer_reference", literal = "x" }',
        "one of from",
    ),
    "no source": ("tap", '{ from = "payer_reference" }', "{}", "one of from"),
    "a source of another call": (
        "tap",
        'sends.payer_reference = { from = "payer_reference" }',
        'sends.payer_reference = { from = "refund_reference" }',
        "init speaks of what",
    ),
    "a place that nobody fills": (
        "tap",
        'path = "/v1/payments/{provider_reference}", m',
        'path = "/{amount}", m',
        "status speaks",
    ),
    "a GET with a body": (
        "tap",
        "[family_settings.status]",
        "[family_settings.status]\nsends.x = { literal = 1 }",
        "no body",
    ),
    "a word of no meaning": ("tap", 'expired = "never_paid"', 'expired = "perhaps"', "expired"),
    "an unknown setting": ("tap", 'code = "code"\n', 'code = "code"\ncolour = "red"\n', "colour"),
    "no code": ("tap", 'code = "code"\n', "", "code"),
    "a path with a hole": ("tap", 'reads.token = "access_token"', 'reads.token = "a..b"', "token"),
    "refunds without our reference": (
        "tap",
        'reads.rows = "refunds"\n',
        "",
        "with our reference",
    ),
    "a browser that names nothing": (
        "upay",
        'reference = "invoice_id"\nstatus',
        'reference = ""\nstatus',
        "must name the payment",
    ),
    "a list of refunds that names no payment": (
        "upay",
        'reads.reference = "txn_id"',
        'reads.reference = ""',
        "must name the payment of each",
    ),
    "an address that is not kept": (
        "shurjopay",
        ', execute_url = "execute_url"',
        "",
        "url_from_login",
    ),
    "a thing that is not kept": ("shurjopay", 'store_id = "store_id", ', "", "does not keep"),
    "a login that tells itself": (
        "shurjopay",
        "sends.username =",
        'sends.store = { login = "store_id" }\nsends.username =',
        "values of its own answer",
    ),
    "a payee under another name": ("upay", 'member = "merchant_name"', 'member = "shop"', "sends from payee"),
    "a payee that is not sent": ("upay", '{ from = "payee" }', '{ literal = "x" }', "sends from payee"),
    "a payee who may be nobody": ("upay", ', unknown = "ekPay"', "", "where no payee is known"),
    "a language that is not sent": (
        "upay",
        "[payer_page]",
        '[payer_page]\nlanguage = { member = "lang", bn = "bn", en = "en" }',
        "is not sent in this family",
    ),
    "a field map of fewer calls": (
        "shurjopay",
        'verification", role = "inquire" }',
        'verification", role = "inquire" }\nmore = { path = "/x", role = "renew" }',
        "not about the same calls|examples of more",
    ),
}


@pytest.mark.parametrize(("connector_id", "old", "new", "names"), list(FAULTS.values()), ids=list(FAULTS))
def test_a_field_map_that_contradicts_its_manifest_is_refused_by_name(
    tmp_path: Path, connector_id: str, old: str, new: str, names: str
) -> None:
    text = text_of(connector_id)
    assert old in text
    around: Any = FamilyContext(Played({}), InMemoryTokens(), StoppedClock(NOON), {})
    with pytest.raises(ManifestError, match=names):
        connector_of(written(tmp_path, connector_id, text.replace(old, new, 1)), around)


def test_refunds_that_cannot_be_asked_about_have_no_call_that_asks(tmp_path: Path) -> None:
    upay = the_manifest("upay")
    assert upay.refunds is not None
    assert not upay.refunds.can_be_asked
    with pytest.raises(ManifestError, match="come together"):
        written(tmp_path, "upay", text_of("upay").replace("can_be_asked = false", "can_be_asked = true", 1))
