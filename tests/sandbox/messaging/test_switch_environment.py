import pytest

from sandbox.messaging.settings import SmsSettings
from sandbox.messaging.switch_environment import settings_for_switch

ORIGIN = "http://127.0.0.1:8208"


def test_switch_and_gateway_share_a_new_token(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = settings_for_switch(ORIGIN), settings_for_switch(ORIGIN)
    assert (first["EKPAY_SMS_URL"], first["EKPAY_SMS_SENDER_ID"]) == (ORIGIN, "EKPAY")
    assert first["EKPAY_SMS_API_TOKEN"] != second["EKPAY_SMS_API_TOKEN"]
    for name, value in first.items():
        monkeypatch.setenv(name, value)
    settings = SmsSettings()
    assert settings.api_token.get_secret_value() == first["EKPAY_SMS_API_TOKEN"]
    assert settings.sender_id == "EKPAY"


def test_what_the_user_has_set_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EKPAY_SMS_API_TOKEN", "mine")
    monkeypatch.setenv("EKPAY_SMS_SENDER_ID", "SHOP")
    assert settings_for_switch(ORIGIN) == {
        "EKPAY_SMS_URL": ORIGIN,
        "EKPAY_SMS_API_TOKEN": "mine",
        "EKPAY_SMS_SENDER_ID": "SHOP",
    }
