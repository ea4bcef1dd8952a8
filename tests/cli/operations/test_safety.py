"""What must not start where real money moves, and what may."""

import asyncio
import base64
from pathlib import Path
from typing import Any

import pytest

from ekpay_switch import telemetry
from ekpay_switch.cli.operations.safety import find_unsafe, refuse_unsafe, unsafe_settings
from ekpay_switch.cli.session import Session
from ekpay_switch.persistence.engine import open_database
from ekpay_switch.persistence.parties.partners import NewPartner, Partners
from ekpay_switch.security.keys import KeyRing
from ekpay_switch.settings import Settings
from tests.cli.command_result import Ekpay

ZEROS, RANDOM = base64.b64encode(bytes(32)).decode(), base64.b64encode(bytes(range(32))).decode()


GATEWAY = {"sms_api_token": "a-token", "sms_sender_id": "EKPAY"}


def _faults(environ: dict[str, str] | None = None, **settings: Any) -> list[str]:  # noqa: ANN401 - of any field
    return list(unsafe_settings(Settings(**settings), environ or {}))


def test_a_first_look_on_one_machine_is_safe() -> None:
    assert _faults() == []


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"time_divisor": 1_000}, "EKPAY_TIME_DIVISOR"),
        ({"host": "0.0.0.0"}, "EKPAY_PUBLIC_URL"),  # noqa: S104 - what is refused
        ({"host": "::"}, "EKPAY_PUBLIC_URL"),
        ({"webhook_trusted_hosts": frozenset({"127.0.0.1:9000"})}, "EKPAY_WEBHOOK_TRUSTED_HOSTS"),
        ({"trusted_proxies": frozenset({"0.0.0.0/0"})}, "EKPAY_TRUSTED_PROXIES"),
        ({"trusted_proxies": frozenset({"10.0.0.0/8", "::/0"})}, "EKPAY_TRUSTED_PROXIES"),
        ({"master_key": ZEROS}, "EKPAY_MASTER_KEY"),
        ({"sms_url": "http://sms.example", **GATEWAY}, "EKPAY_SMS_URL is not https"),
        ({"sms_url": "https://sms.example", "sms_sender_id": "EKPAY"}, "EKPAY_SMS_API_TOKEN"),
        ({"sms_url": "https://sms.example", "sms_api_token": "a-token"}, "EKPAY_SMS_SENDER_ID"),
    ],
)
def test_an_unsafe_setting_is_named(settings: dict[str, Any], named: str) -> None:
    (fault,) = _faults(**settings)
    assert named in fault
    assert ZEROS not in fault
    assert "a-token" not in fault


@pytest.mark.parametrize(
    "settings",
    [
        {"host": "0.0.0.0", "public_url": "https://pay.example"},  # noqa: S104 - behind a proxy
        {"host": "localhost"},
        {"trusted_proxies": frozenset({"10.0.0.0/8", "fd00::/32", "192.0.2.7"})},
        {"master_key": RANDOM},
        {"sms_url": "https://sms.example", **GATEWAY},
        {"sms_url": "http://127.0.0.1:8208", **GATEWAY},
    ],
)
def test_what_is_usual_in_earnest_is_safe(settings: dict[str, Any]) -> None:
    assert _faults(**settings) == []


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"EKPAY_DESCO_PASSWORD": "s3cret"}, "EKPAY_DESCO_URL is unset"),
        ({"EKPAY_DESCO_PASSWORD": "s3cret", "EKPAY_DESCO_URL": "http://desco.example"}, "not https"),
        ({"EKPAY_BKASH_PASSWORD": "s3cret"}, "EKPAY_BKASH_URL is unset"),
        (
            {"EKPAY_JANATA_MAC_KEY": "s3cret", "EKPAY_JANATA_URL": "https://janata.example"},
            "EKPAY_JANATA_HOST is unset",
        ),
        (
            {
                "EKPAY_BKASH_PASSWORD": "s3cret",
                "EKPAY_BKASH_URL": "https://bkash.example",
                "EKPAY_BKASH_SNS_CERTIFICATE_URL": "http://127.0.0.1/c.pem",
            },
            "EKPAY_BKASH_SNS_CERTIFICATE_URL is for rehearsals",
        ),
    ],
)
def test_a_password_that_would_go_to_the_wrong_place_is_named(environ: dict[str, str], named: str) -> None:
    (fault,) = _faults(environ)
    assert named in fault
    assert "s3cret" not in fault


@pytest.mark.parametrize(
    "environ",
    [
        {"EKPAY_DESCO_USER": "ekpay"},
        {"EKPAY_DESCO_PASSWORD": "s3cret", "EKPAY_DESCO_URL": "https://desco.example/api"},
        {"EKPAY_DESCO_PASSWORD": "s3cret", "EKPAY_DESCO_URL": "http://127.0.0.1:8443/api"},
    ],
)
def test_an_institution_that_is_not_asked_or_rightly_asked_is_safe(environ: dict[str, str]) -> None:
    assert _faults(environ) == []


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_neither_process_starts_unsafe_and_both_say_all_reasons(
    ekpay: Ekpay, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    # A process names itself in its log lines before it looks; this one is the test's.
    monkeypatch.setattr(telemetry, "configure", lambda _process: None)
    unsafe = {"EKPAY_TIME_DIVISOR": "1000", "EKPAY_DESCO_PASSWORD": "s3cret"}
    done = ekpay(command, **unsafe)
    assert done.code == 1
    for name in ("EKPAY_TIME_DIVISOR", "EKPAY_DESCO_URL", "EKPAY_REHEARSAL=true"):
        assert name in done.err
    assert "s3cret" not in done.err
    done = ekpay("doctor", **unsafe)
    assert done.code == 1
    assert "EKPAY_TIME_DIVISOR" in done.out
    done = ekpay("doctor", EKPAY_REHEARSAL="true", **unsafe)
    assert done.code == 0
    assert "a rehearsal: EKPAY_TIME_DIVISOR" in done.out


def test_another_installations_master_key_is_found(own_home: Path) -> None:
    settings = Settings(home=own_home, database_url=None)
    session = Session(settings, open_database(settings))

    async def add() -> None:
        engine = session.database.engine()
        try:
            await Partners(engine, KeyRing.open(own_home)).add(NewPartner("keyed", "A bank", "keyed"))
        finally:
            await engine.dispose()

    asyncio.run(add())
    assert find_unsafe(session) == []
    refuse_unsafe(session)
    other = Session(settings.model_copy(update={"master_key": _secret(RANDOM)}), session.database)
    (fault,) = find_unsafe(other)
    assert "another installation" in fault


def _secret(text: str) -> Any:  # noqa: ANN401 - a field of the settings
    return Settings(master_key=text).master_key
