"""Whatever fits or breaks a document is answered, and answered as the document says: no 500, no surprise.

`make test-api` tries many more examples.
"""

import asyncio
import os
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode, openapi
from schemathesis.checks import not_a_server_error
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from ekpay_switch.api.reference.routes import DOCUMENTS, document_at
from tests.api.api_setup import Reply
from tests.api.reference.worlds import WORLDS, World

EXAMPLES = int(os.environ.get("EKPAY_API_EXAMPLES", "12"))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


def calls() -> Iterator[tuple[str, str, str]]:
    for document in DOCUMENTS:
        for path, acts in document_at(document)["paths"].items():
            yield from ((document, path, method.upper()) for method in acts)


def as_request(case: Case[Any], bearer: str) -> requests.PreparedRequest:
    """The case as it goes over the wire; known to the API unless `bearer` is empty."""
    sent = case.as_transport_kwargs(base_url="http://switch")
    headers = {name: text for name, text in sent["headers"].items() if name.lower() != "authorization"}
    if bearer:
        headers["Authorization"] = f"Bearer {bearer}"
    return requests.Request(**{**sent, "headers": headers}).prepare()


def as_response(reply: Reply, request: requests.PreparedRequest) -> Response:
    headers = {name: [text] for name, text in reply.headers.items()}
    return Response(reply.status, headers, reply.body, request, elapsed=0.0, verify=False)


async def send(world: World, request: requests.PreparedRequest) -> Reply:
    body = request.body or b""
    assert isinstance(body, bytes | str)
    assert request.method is not None
    headers = {
        name: text if isinstance(text, str) else text.decode("latin-1")
        for name, text in request.headers.items()
    }
    sent = body.encode() if isinstance(body, str) else body
    return await world.send(request.method, request.path_url, sent, headers)


@pytest.mark.parametrize(
    "mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["fitting", "broken"]
)
@pytest.mark.parametrize(("document", "path", "method"), list(calls()))
def test_every_call_is_answered_as_its_document_says(
    document: str, path: str, method: str, mode: GenerationMode
) -> None:
    operation = openapi.from_dict(document_at(document))[path][method]
    world = WORLDS[document]()
    with asyncio.Runner() as runner:
        runner.run(world.open())

        @settings(
            max_examples=EXAMPLES,
            derandomize=True,
            database=None,
            deadline=None,
            phases=(Phase.explicit, Phase.generate),
            suppress_health_check=list(HealthCheck),
        )
        @given(
            case=operation.as_strategy(generation_mode=mode),
            is_known=st.integers(0, 9).map(bool),
            payment_id=st.sampled_from(["", *world.payment_ids]),
        )
        def answered(case: Case[Any], *, is_known: bool, payment_id: str) -> None:
            if payment_id and case.path_parameters:
                case.path_parameters["payment_id"] = payment_id
            request = as_request(case, world.bearer if is_known else "")
            reply = runner.run(send(world, request))
            case.validate_response(as_response(reply, request), checks=CHECKS)
            # REST v1 refuses what does not fit, so what fits its document must fit its models; to a schema
            # 2.0 is an integer, and not to us.
            is_refused = b'"validation_failed"' in reply.body and b'"not_an_integer"' not in reply.body
            assert mode is GenerationMode.NEGATIVE or not is_refused, (request.body, reply.body)

        answered()
