"""A stranger who writes as bKash's notification service does, and signs with a key of their own."""

import uuid
from datetime import UTC, datetime

import aiohttp

from sandbox.providers.bkash.notifications import STRANGER, Composer, NotificationKind, Sender, Signer
from sandbox.providers.bkash.payment import BkashPayment
from tests.faults.connectors.stage import Site

_ORGANISATION, _SHORT_CODE, _WALLET = "ekPay", "50022", "01700000000"
_FORGED = 400


class BelievedError(Exception):
    """A stranger's letter was not refused as forged; the text is what it was answered."""


async def stranger_notifies(site: Site, reference: str, total: int) -> None:
    """Post that our order of so many paisa was paid.

    Raises:
        BelievedError: it was answered otherwise than a forged one is.
    """
    now, topic = datetime.now(UTC), site.stage.tool.environment["EKPAY_BKASH_SNS_TOPIC_ARN"]
    composer = Composer(Sender(topic, _ORGANISATION, _SHORT_CODE), Signer(now), Signer(now, STRANGER))
    paid = BkashPayment(
        payment_id="",
        page_hash="",
        invoice=reference,
        amount_paisa=total,
        payer_reference="",
        callback_url="",
        created_at=now.isoformat(),
        wallet=_WALLET,
    )
    letter = composer.notification(paid, NotificationKind.NOTIFICATION, str(uuid.uuid4()), now, "1")
    headers = {
        "Content-Type": "text/plain; charset=UTF-8",
        "x-amz-sns-message-type": letter.message_type,
        "x-amz-sns-message-id": letter.message_id,
        "x-amz-sns-topic-arn": topic,
    }
    async with (
        aiohttp.ClientSession() as session,
        session.post(site.stage.callback_address, data=letter.body, headers=headers) as answer,
    ):
        if answer.status != _FORGED:
            raise BelievedError(str(answer.status))
