"""The environment variables that a switch and the simulated SMS gateway share."""

import os
import secrets

from sandbox.messaging.settings import SmsSettings

URL = "EKPAY_SMS_URL"
_TOKEN, _SENDER_ID = "EKPAY_SMS_API_TOKEN", "EKPAY_SMS_SENDER_ID"


def settings_for_switch(origin: str) -> dict[str, str]:
    """Return address, token and sender; what the user's environment has of the last two stands."""
    sender_id: str = SmsSettings.model_fields["sender_id"].default
    return {
        URL: origin,
        _TOKEN: os.environ.get(_TOKEN) or secrets.token_urlsafe(16),
        _SENDER_ID: os.environ.get(_SENDER_ID) or sender_id,
    }
