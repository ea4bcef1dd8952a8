"""What is answered where no call of the API answers: its own two members, whatever happened."""

import pytest

from tests.api.echallan.echallan_setup import Window


@pytest.mark.parametrize(
    ("method", "path", "status"), [("POST", "challan/remove", 404), ("GET", "challan/create", 405)]
)
async def test_no_such_call(window: Window, method: str, path: str, status: int) -> None:
    reply = await window.request(method, path)
    assert (reply.status, reply.content) == (status, {"STATUS": str(status), "MESSAGE": "No such call"})


async def test_a_body_without_end(window: Window) -> None:
    reply = await window.request("POST", "challan/create", b" " * 70_000)
    assert (reply.status, reply.told) == (413, "413")


async def test_a_database_that_is_away(window: Window) -> None:
    token = await window.token()

    async def away(*_: object) -> None:
        raise OSError

    window.users.by_partner = window.users.by_username = away  # type: ignore[assignment,method-assign]
    reply = await window.create(token)
    assert (reply.status, reply.content["MESSAGE"]) == (503, "Busy, send the same again")
    assert reply.headers["retry-after"] == "1"
