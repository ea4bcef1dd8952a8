"""The pages of the reference: whole, in both languages, and nothing of anybody else's is loaded."""

import re

import pytest
from fastapi import FastAPI

from ekpay_switch.api.reference.routes import DOCUMENTS, document_at
from ekpay_switch.edge_kit.rates import RateLimit
from ekpay_switch.web.pages import Pages
from ekpay_switch.web.reference.lines import with_code
from ekpay_switch.web.reference.routes import PAGES, PATH, mount
from tests.api.api_setup import Reply, request_of
from tests.fakes.world import FakeClock
from tests.web.checkout.checkout_setup import Markup
from tests.web.checkout.language_setup import LANGUAGES


def application(visits: int = 1_000) -> FastAPI:
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    mount(app, document_at, Pages("https://pay.example"), RateLimit(FakeClock(), 1, visits))
    return app


async def visit(path: str, language: str = "en") -> Reply:
    return await request_of(application(), "GET", path, query=f"lang={language}".encode())


def test_every_document_has_a_page() -> None:
    assert set(PAGES.values()) == set(DOCUMENTS)


async def test_the_index_leads_to_every_page() -> None:
    reply = await visit(PATH)
    assert {f"{PATH}/{name}" for name in PAGES} <= set(Markup(reply.body.decode()).links())


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", PAGES)
async def test_a_page_has_every_call_member_and_code(name: str, language: str) -> None:
    document = document_at(PAGES[name])
    page = Markup((await visit(f"{PATH}/{name}", language)).body.decode())
    calls = [call for acts in document["paths"].values() for call in acts.values()]
    anchors = {tag[1]["id"] for tag in page.tags if "id" in tag[1]}
    assert {call["operationId"] for call in calls} | {"codes"} <= anchors
    words = set(re.split(r"[\s.\[\]]+", page.text))
    assert {code["code"] for code in document["x-codes"]} <= words
    members = {
        member
        for schema in document["components"]["schemas"].values()
        for member in schema.get("properties", {})
    }
    problem = {"type", "title", "retryable", "retry_after_s", "detail", "pointer", "errors"}
    refusal = {"responseCode", "responseMessage", "resp_cd", "resp_msg"}
    assert members - words - problem - refusal == set()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("path", [PATH, *(f"{PATH}/{name}" for name in PAGES)])
async def test_a_page_runs_no_script_and_loads_nothing_from_elsewhere(path: str, language: str) -> None:
    reply = await visit(path, language)
    policy = dict(
        part.strip().partition(" ")[::2] for part in reply.headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert (policy["style-src"], policy["font-src"]) == ("'self'", "'self'")
    assert not {"script-src", "connect-src"} & policy.keys()
    page = Markup(reply.body.decode())
    assert [tag for tag, _ in page.tags if tag in {"script", "img", "iframe", "object", "style"}] == []
    assert [names for _, names in page.tags if "style" in names or "src" in names] == []
    loaded = [line["href"] for line in page.all("link")]
    assert loaded
    assert [link for link in [*loaded, *page.links()] if not re.match(r"[/#][^/]", link + " ")] == []


async def test_an_address_that_asks_without_end_is_limited() -> None:
    app = application(visits=1)
    statuses = [(await request_of(app, "GET", f"{PATH}/v1")).status for _ in range(3)]
    assert (statuses[0], statuses[-1]) == (200, 429)


@pytest.mark.parametrize("path", [f"{PATH}/v2", f"{PATH}/", f"{PATH}/v1/x", f"{PATH}/..%2fv1"])
async def test_there_is_no_other_page(path: str) -> None:
    assert (await visit(path)).status in {307, 404}


def test_code_is_marked_and_everything_is_escaped() -> None:
    assert with_code("a `<b>` & `c`") == "a <code>&lt;b&gt;</code> &amp; <code>c</code>"
