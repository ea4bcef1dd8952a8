"""`/programs` leads to everything that is public, and shows what opens something in a rehearsal only."""

import json
from functools import partial
from pathlib import Path

import pytest
from fastapi import FastAPI

from ekpay_switch.web.landing.notes import FILE, RehearsalNotes, read_notes
from ekpay_switch.web.landing.routes import PATH, LandingPage, mount
from ekpay_switch.web.pages import Pages
from sandbox.rehearsals.demo import landing_notes
from sandbox.rehearsals.installation.ekshop_account import ShopAccount
from sandbox.rehearsals.installation.parties import Parties, StagePartner
from sandbox.rehearsals.installation.rest_shop import RestShop
from tests.api.api_setup import request_of
from tests.web.checkout.checkout_setup import Markup
from tests.web.checkout.language_setup import LANGUAGES

METRICS = "http://127.0.0.1:9180"


async def seen(landing: LandingPage, language: str = "en") -> str:
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    mount(app, landing)
    reply = await request_of(app, "GET", PATH, query=f"lang={language}".encode())
    assert reply.status == 200
    assert "script-src" not in reply.headers["content-security-policy"]
    return reply.body.decode()


def in_rehearsal(home: Path) -> LandingPage:
    return LandingPage(Pages("http://127.0.0.1:8180"), METRICS, partial(read_notes, home))


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_page_leads_to_the_reference_and_to_health(language: str) -> None:
    links = Markup(await seen(LandingPage(Pages("https://pay.example")), language)).links()
    assert {"/docs", "/openapi.json", "/openapi/merchant.json", "/openapi/syndicate.json"} <= set(links)
    assert {"/health/ready", "/receipt/keys"} <= set(links)


async def test_in_earnest_nothing_of_a_rehearsal_is_shown() -> None:
    page = Markup(await seen(LandingPage(Pages("https://pay.example"))))
    assert "rehearsal" not in page.text
    assert [link for link in page.links() if link.startswith("http")] == []


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_rehearsal_shows_what_the_sandbox_has_written(tmp_path: Path, language: str) -> None:
    partner = StagePartner("bank-1", "Doyel", "NS101", "s101", "bank-1-user", "a pass key", "S" * 32)
    ekshop = ShopAccount("m-1", "ekshop_test", "127.0.0.1:8199", "another pass key")
    landing_notes.write_notes(
        tmp_path,
        Parties("http://127.0.0.1:8180", (), (partner,)),
        RestShop("bank-1", "127.0.0.1:8198", "sk_of_a_test"),
        ekshop,
        wallets="01700000000 and on",
        inbox="http://127.0.0.1:8208/inbox",
    )
    assert landing_notes.FILE == FILE
    page = Markup(await seen(in_rehearsal(tmp_path), language))
    assert {"http://127.0.0.1:8199/", f"{METRICS}/metrics"} <= set(page.links())
    for secret in (
        "a pass key",
        "S" * 32,
        "sk_of_a_test",
        "another pass key",
        "ekshop_test",
        "123456",
        "12121",
        "http://127.0.0.1:8208/inbox",
    ):
        assert secret in page.text


@pytest.mark.parametrize(
    "content",
    [None, "", "[]", "{", '{"order_url": 7}', '{"credentials": {"a": 1}}', '"' + "x" * 70_000 + '"'],
    ids=["away", "empty", "list", "broken", "number", "wrong-value", "large"],
)
def test_an_unreadable_file_says_nothing(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / FILE).write_text(content, encoding="utf-8")
    assert read_notes(tmp_path) == RehearsalNotes()


async def test_what_the_file_says_is_text_and_only_a_web_address_is_a_link(tmp_path: Path) -> None:
    notes = {"order_url": "javascript:alert(1)", "credentials": {"<b>name</b>": "<script>alert(1)</script>"}}
    (tmp_path / FILE).write_text(json.dumps(notes), encoding="utf-8")
    html = await seen(in_rehearsal(tmp_path))
    assert "javascript:" not in html
    assert "<script" not in html
    assert "<b>name" not in html
