"""Whose word is believed about where a caller is: nobody's, unless the operator has named our own proxies."""

from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from ekpay_switch.cli.operations.serve import server_config
from ekpay_switch.persistence.engine import open_database
from ekpay_switch.settings import Settings, SettingsError, read_settings

CALLER, PROXY, STRANGER = "203.0.113.9", "10.1.2.3", "198.51.100.7"


async def _seen_from(connected: str, forwarded: str, settings: Settings) -> str:
    """The address that a request comes from, as the application behind uvicorn's own wrapping sees it."""
    config = server_config(settings, open_database(settings))

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        client = Request(scope).client
        await PlainTextResponse(client.host if client else "")(scope, receive, send)

    config.app = application
    config.load()
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "headers": [(b"x-forwarded-for", forwarded.encode())],
        "server": ("switch", 80),
        "client": (connected, 1),
    }
    await config.loaded_app(scope, receive, send)
    return b"".join(one.get("body", b"") for one in sent).decode()


async def test_nobody_is_believed_unless_a_proxy_is_named(tmp_path: Path) -> None:
    assert await _seen_from(STRANGER, CALLER, Settings(home=tmp_path)) == STRANGER


@pytest.mark.parametrize("proxies", [frozenset({PROXY}), frozenset({"10.0.0.0/8"})])
async def test_our_own_proxy_tells_who_called(tmp_path: Path, proxies: frozenset[str]) -> None:
    settings = Settings(home=tmp_path, trusted_proxies=proxies)
    assert await _seen_from(PROXY, CALLER, settings) == CALLER
    assert await _seen_from(STRANGER, CALLER, settings) == STRANGER
    # What the caller itself wrote in front is not what our proxy saw.
    assert await _seen_from(PROXY, f"127.0.0.1, {CALLER}", settings) == CALLER


def test_what_is_no_network_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EKPAY_TRUSTED_PROXIES", "10.0.0.0/33")
    with pytest.raises(SettingsError, match="EKPAY_TRUSTED_PROXIES"):
        read_settings()
    monkeypatch.setenv("EKPAY_TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.1")
    assert read_settings().trusted_proxies == {"10.0.0.0/8", "192.0.2.1"}
