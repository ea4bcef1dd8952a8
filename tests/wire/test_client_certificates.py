"""Mutual TLS on a real socket: who is let in, who is not, and what a fault of our own files comes to."""

import ssl
from dataclasses import replace
from pathlib import Path

import pytest

from ekpay_switch.ports.world import ClientCertificate, NotSent, WireAnswer, WireRequest
from ekpay_switch.wire.http import HttpWire
from tests.wire.certificates import Authority
from tests.wire.scripted_peer import Caller, a_request, rude_peer


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """An authority that this process trusts, as it would trust the system's own."""
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    return authority


async def polite(caller: Caller) -> None:
    shown = caller.writer.get_extra_info("peercert")
    name = shown["subject"][0][0][1] if shown else "nobody"
    await caller.answer(name.encode())


def shown(request: WireRequest, pair: ClientCertificate | None) -> WireRequest:
    return replace(request, client_certificate=pair)


async def test_a_far_side_sees_whom_we_are(wire: HttpWire, authority: Authority) -> None:
    async with rude_peer(polite, authority.server()) as peer:
        reply = await wire.send("bank", shown(a_request(peer.url()), authority.client()))
    assert isinstance(reply, WireAnswer)
    assert reply.body == b"ekpay"


async def test_two_certificates_never_share_a_connection(wire: HttpWire, authority: Authority) -> None:
    async with rude_peer(polite, authority.server()) as peer:
        names = []
        for name in ("one", "other", "one"):
            reply = await wire.send("bank", shown(a_request(peer.url()), authority.client(name)))
            assert isinstance(reply, WireAnswer)
            names.append(reply.body)
    assert names == [b"one", b"other", b"one"]
    assert peer.connections == 2


async def test_the_files_are_read_once(wire: HttpWire, authority: Authority) -> None:
    pair = authority.client()
    async with rude_peer(polite, authority.server()) as peer:
        await wire.send("bank", shown(a_request(peer.url()), pair))
        authority.lose(pair)
        assert isinstance(await wire.send("bank", shown(a_request(peer.url()), pair)), WireAnswer)
    assert peer.connections == 1


async def test_without_a_certificate_nobody_is_let_in(wire: HttpWire, authority: Authority) -> None:
    async with rude_peer(polite, authority.server()) as peer:
        assert not isinstance(await wire.send("bank", a_request(peer.url())), WireAnswer)
    assert peer.heard == []


async def test_a_stranger_that_the_handshake_refuses_sent_nothing(
    wire: HttpWire, authority: Authority, tmp_path: Path
) -> None:
    """Only up to TLS 1.2: later the refusal comes after the request has left, and it is in doubt."""
    (tmp_path / "strange").mkdir()
    stranger = Authority(tmp_path / "strange", "stranger").client()
    async with rude_peer(polite, authority.server(version=ssl.TLSVersion.TLSv1_2)) as peer:
        assert isinstance(await wire.send("bank", shown(a_request(peer.url()), stranger)), NotSent)
    assert peer.heard == []


async def test_a_stranger_under_the_newest_version_is_not_answered(
    wire: HttpWire, authority: Authority, tmp_path: Path
) -> None:
    (tmp_path / "strange").mkdir()
    stranger = Authority(tmp_path / "strange", "stranger").client()
    async with rude_peer(polite, authority.server()) as peer:
        assert not isinstance(await wire.send("bank", shown(a_request(peer.url()), stranger)), WireAnswer)
    assert peer.heard == []


async def test_a_far_side_that_nobody_vouches_for_is_not_sent_to(wire: HttpWire, tmp_path: Path) -> None:
    """Showing a certificate must not stop us from looking at theirs."""
    authority = Authority(tmp_path)
    async with rude_peer(polite, authority.server()) as peer:
        reply = await wire.send("bank", shown(a_request(peer.url()), authority.client()))
    assert isinstance(reply, NotSent)
    assert peer.heard == []


async def test_a_far_side_under_another_address_is_not_sent_to(wire: HttpWire, authority: Authority) -> None:
    async with rude_peer(polite, authority.server("127.0.0.2")) as peer:
        assert isinstance(await wire.send("bank", shown(a_request(peer.url()), authority.client())), NotSent)
    assert peer.heard == []


@pytest.mark.parametrize("fault", ["missing", "no_pem", "folder", "another_key", "locked", "no_name", "nul"])
async def test_a_certificate_that_cannot_be_used_is_not_sent(
    wire: HttpWire, authority: Authority, tmp_path: Path, fault: str
) -> None:
    good = authority.client()
    rubbish = tmp_path / "rubbish.pem"
    rubbish.write_text("no certificate", encoding="utf-8")
    pair = {
        "missing": replace(good, certificate=str(tmp_path / "nowhere.pem")),
        "no_pem": replace(good, certificate=str(rubbish)),
        "folder": replace(good, key=str(tmp_path)),
        "another_key": replace(good, key=authority.client("other").key),
        "locked": authority.client("locked", b"a passphrase"),
        "no_name": ClientCertificate("", ""),
        "nul": replace(good, key="\0"),
    }[fault]
    async with rude_peer(polite, authority.server()) as peer:
        reply = await wire.send("bank", shown(a_request(peer.url()), pair))
        assert isinstance(reply, NotSent)
        assert reply.why.startswith("the client certificate cannot be used: ")
        assert str(tmp_path) not in reply.why
        # The fault is ours: the far side's breaker knows nothing of it, and a mended file is read at once.
        for _ in range(20):
            await wire.send("bank", shown(a_request(peer.url()), pair))
        assert isinstance(await wire.send("bank", shown(a_request(peer.url()), good)), WireAnswer)
    assert len(peer.heard) == 1


async def test_over_plain_http_no_certificate_is_read(wire: HttpWire) -> None:
    async with rude_peer(polite) as peer:
        request = shown(a_request(peer.url()), ClientCertificate("nowhere.pem", "nowhere.key"))
        assert isinstance(await wire.send("bank", request), WireAnswer)
