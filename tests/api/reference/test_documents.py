"""The documents are those of the code that serves: whole, described, and the same as in docs/openapi."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from schemathesis import openapi

from ekpay_switch.api.merchant.refusals import ResponseCode
from ekpay_switch.api.reference.routes import DOCUMENTS, document_at, document_text, mount
from ekpay_switch.api.syndicate.codes import MESSAGES
from ekpay_switch.api.v1.problems import ProblemCode
from ekpay_switch.cli.reference.openapi_documents import FOLDER, committed_name, write_documents
from ekpay_switch.domain.merchants.merchant import MerchantCode
from tests.api.api_setup import Desk, request_of
from tests.api.merchant.merchant_api_setup import Stall
from tests.api.reference.worlds import Content
from tests.api.v1.v1_setup import Till

APPLICATIONS = {"/openapi.json": Till, "/openapi/merchant.json": Stall, "/openapi/syndicate.json": Desk}
CODES = {
    "/openapi.json": {code.value for code in ProblemCode},
    "/openapi/merchant.json": {code.value for code in (*ResponseCode, *MerchantCode)},
    "/openapi/syndicate.json": set(MESSAGES),
}
PREFIXES = {
    "/openapi.json": ("/v1/payments", "/v1/bills"),
    "/openapi/merchant.json": "/ekpaypg/",
    "/openapi/syndicate.json": "/syndicate/",
}


def members(schema: object, where: str = "") -> Iterator[tuple[str, Content]]:
    """Every member that a schema describes, however deep."""
    if isinstance(schema, list):
        for part in schema:
            yield from members(part, where)
    if isinstance(schema, dict):
        for name, part in schema.get("properties", {}).items():
            yield f"{where}.{name}", part
        for name, part in schema.items():
            yield from members(part, f"{where}.{name}")


@pytest.mark.parametrize("path", DOCUMENTS)
def test_the_committed_document_is_the_one_that_is_served(path: str) -> None:
    """`make reference` writes it again."""
    assert (FOLDER / committed_name(path)).read_text(encoding="utf-8") == document_text(path)


def test_every_document_is_written(tmp_path: Path) -> None:
    write_documents(tmp_path / "openapi")
    written = {file.name for file in (tmp_path / "openapi").iterdir()}
    assert written == {file.name for file in FOLDER.iterdir()} == {committed_name(path) for path in DOCUMENTS}


@pytest.mark.parametrize("path", DOCUMENTS)
async def test_a_document_is_served_as_it_is_committed(path: str) -> None:
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    mount(app)
    reply = await request_of(app, "GET", path)
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    assert reply.body.decode() == document_text(path)


@pytest.mark.parametrize("path", DOCUMENTS)
def test_a_document_is_valid_and_names_no_other_host(path: str) -> None:
    openapi.from_dict(document_at(path)).validate()
    hosts = set(re.findall(r"https?://([a-z.]+)", document_text(path)))
    assert hosts <= {"shop.example"}


@pytest.mark.parametrize("path", DOCUMENTS)
def test_a_document_has_the_routes_that_are_mounted_and_no_other(path: str) -> None:
    app = APPLICATIONS[path]().app
    mounted = {
        (route.path, method)
        for route in app.routes
        if route.path.startswith(PREFIXES[path])
        for method in route.methods - {"HEAD"}
    }
    listed = {
        (where, method.upper()) for where, acts in document_at(path)["paths"].items() for method in acts
    }
    assert listed == mounted


@pytest.mark.parametrize("path", DOCUMENTS)
def test_every_member_and_parameter_is_described(path: str) -> None:
    document = document_at(path)
    silent = [
        where
        for where, part in members(document["components"]["schemas"])
        if not str(part.get("description", "")).endswith(".")
    ]
    assert silent == []
    calls = [call for acts in document["paths"].values() for call in acts.values()]
    assert [call["operationId"] for call in calls if not (call["summary"] and call["description"])] == []
    assert [
        parameter["name"]
        for call in calls
        for parameter in call.get("parameters", ())
        if not parameter["description"]
    ] == []


@pytest.mark.parametrize("path", DOCUMENTS)
def test_every_code_is_there_with_what_to_do(path: str) -> None:
    listed = document_at(path)["x-codes"]
    assert {code["code"] for code in listed} == CODES[path]
    assert [code["code"] for code in listed if not code["meaning"] or not code["action"].endswith(".")] == []


def test_every_problem_is_an_answer_of_some_call() -> None:
    document = document_at("/openapi.json")
    told = set(re.findall(r"- `([a-z_]+)`:", json.dumps(document["paths"])))
    # The framework refuses other methods and paths before any call.
    assert told == CODES["/openapi.json"] - {ProblemCode.METHOD_NOT_ALLOWED.value}


@pytest.mark.parametrize("path", DOCUMENTS)
def test_a_call_with_a_body_has_an_example(path: str) -> None:
    calls = [call for acts in document_at(path)["paths"].values() for call in acts.values()]
    bodies = [body for call in calls if (body := call.get("requestBody")) is not None]
    assert bodies
    assert [body for body in bodies if not body["content"]["application/json"]["examples"]] == []
