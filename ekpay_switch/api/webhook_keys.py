"""The public keys that receivers check our notifications with, at a well-known address of each endpoint.

They are public, so no caller is authenticated; an unknown id is answered like any other unknown path.
"""

from uuid import UUID

import orjson
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from ekpay_switch.api.problems import problem
from ekpay_switch.ports.notifications import EndpointKeys, NotificationSigner

PATH = "/.well-known/ekpay-webhook-keys"
# Far shorter than the overlap of a rotation: a receiver has the new key long before the old one ends.
_CACHED_SECONDS = 300


def mount(app: FastAPI, endpoints: EndpointKeys, signer: NotificationSigner) -> None:
    """Add GET of an endpoint's keys: a JSON list of `whpk_` texts, the newest first."""

    async def keys(request: Request) -> Response:
        endpoint_id = _endpoint_id(request.path_params["endpoint_id"])
        generations = await endpoints.key_generations(endpoint_id) if endpoint_id else ()
        if endpoint_id is None or not generations:
            return problem(404)
        body = orjson.dumps([signer.public_key(endpoint_id, generation) for generation in generations])
        headers = {"Cache-Control": f"public, max-age={_CACHED_SECONDS}"}
        return Response(body, headers=headers, media_type="application/json")

    app.add_route(PATH + "/{endpoint_id}", keys, methods=["GET"])


def _endpoint_id(text: str) -> UUID | None:
    """The id, if the text is one as we write it."""
    try:
        endpoint_id = UUID(text)
    except ValueError:
        return None
    return endpoint_id if str(endpoint_id) == text else None
