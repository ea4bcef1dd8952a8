"""Notifications as Amazon's SNS sends them: what they say, and how they are signed.

Key and certificate are made by the simulator itself and live as long as the process. The address of the
certificate has the real shape, so a checker needs a setting for where the certificate lies.
A signature is the same each time it is made, so a repeat is the same to the last byte.
"""

import base64
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache, cached_property

import orjson
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from sandbox.kit.institution.amounts import taka
from sandbox.providers.bkash.payment import BkashPayment
from sandbox.providers.bkash.wire import time_of_notice

API_PAYMENT = "10002294"
"""The number of the kind of transaction that a payment through the interface is."""

_KEY_BITS = 2_048
_DAYS_VALID = 3_650
_SIGNED = ("Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
_HASHES = {"1": hashes.SHA1, "2": hashes.SHA256}


class NotificationKind(StrEnum):
    """What can be sent; all but the first four and the week-old one are wrong."""

    NOTIFICATION = "notification"
    """What is owed for an executed payment, under the MessageId it always has."""
    CONFIRMATION = "confirmation"
    """The request to confirm a subscription."""
    UNSUBSCRIBE = "unsubscribe"
    """The request to confirm the end of a subscription."""
    SECOND_ID = "second_id"
    """A right notification of the same payment under another MessageId."""
    WEEK_LATE = "week_late"
    """A right notification that is seven days old."""
    BAD_SIGNATURE = "bad_signature"
    """The signature is of other bytes."""
    TAMPERED = "tampered"
    """The amount was changed after signing."""
    FOREIGN_KEY = "foreign_key"
    """Signed with a key that the certificate does not have."""
    FOREIGN_HOST = "foreign_host"
    """Rightly signed, and the certificate is said to lie at another party's."""
    OTHER_TOPIC = "other_topic"
    """Rightly signed, about another topic."""
    UNFOUNDED = "unfounded"
    """Rightly signed, and says Completed whatever has happened."""


@dataclass(frozen=True, slots=True)
class SignedMessage:
    """A message ready to be posted."""

    message_id: str
    message_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Sender:
    """Whom a notification comes from and whom the money went to."""

    topic_arn: str
    organisation: str
    short_code: str

    @property
    def host(self) -> str:
        """The host of the region that the topic is in."""
        return f"sns.{self.topic_arn.split(':')[3]}.amazonaws.com"


AMAZON, STRANGER = "amazon", "a stranger"


@cache
def _key_of(owner: str) -> rsa.RSAPrivateKey:
    """The key of an owner, made once a process, which takes a tenth of a second."""
    del owner
    return rsa.generate_private_key(public_exponent=65_537, key_size=_KEY_BITS)


class Signer:
    """A key with a certificate of its own; both are made when they are first needed."""

    def __init__(self, now: datetime, owner: str = AMAZON) -> None:
        self._now = now
        self._owner = owner

    @property
    def _key(self) -> rsa.RSAPrivateKey:
        return _key_of(self._owner)

    @cached_property
    def _certificate(self) -> x509.Certificate:
        name = x509.Name(
            [
                x509.NameAttribute(NameOID.COUNTRY_NAME, "US"),
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Amazon"),
                x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com"),
            ]
        )
        unsigned = x509.CertificateBuilder().subject_name(name).issuer_name(name)
        dated = unsigned.not_valid_before(self._now - timedelta(days=30)).not_valid_after(
            self._now + timedelta(days=_DAYS_VALID)
        )
        numbered = dated.serial_number(x509.random_serial_number()).public_key(self._key.public_key())
        return numbered.sign(self._key, hashes.SHA256())

    @property
    def certificate_pem(self) -> str:
        """The certificate as it is published."""
        return self._certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")

    @property
    def certificate_name(self) -> str:
        """A file name that no other certificate has."""
        return f"SimpleNotificationService-{self._certificate.fingerprint(hashes.SHA256()).hex()[:32]}.pem"

    def sign(self, text: bytes, version: str) -> str:
        """Sign as SignatureVersion 1 or 2 does, in base64."""
        signature = self._key.sign(text, padding.PKCS1v15(), _HASHES[version]())
        return base64.b64encode(signature).decode("ascii")


def string_to_sign(envelope: dict[str, str]) -> bytes:
    """Return what a signature is of: each present key and its value, a line each, in this order."""
    keys = [key for key in _SIGNED if key in envelope]
    if "Token" not in envelope:
        keys = [key for key in keys if key != "SubscribeURL"]
    return "".join(f"{key}\n{envelope[key]}\n" for key in keys).encode()


def message_of(payment: BkashPayment, sender: Sender, at: datetime) -> str:
    """Return the inner message of an executed payment; numbers of wallets begin with 880 here."""
    amount = taka(payment.reported_paisa)
    message = {
        "dateTime": time_of_notice(at),
        "debitMSISDN": f"88{payment.wallet}",
        "creditOrganizationName": sender.organisation,
        "creditShortCode": sender.short_code,
        # An unexecuted payment has no transaction; who says that it has, must name one.
        "trxID": payment.trx_id or "AAAAAAAAAA",
        "transactionStatus": "Completed",
        "transactionType": API_PAYMENT,
        "amount": amount,
        "currency": "BDT",
        "transactionReference": payment.payer_reference,
        "merchantInvoiceNumber": payment.invoice,
        "couponAmount": "0.00",
        "merchantShareAmount": "0.00",
        "saleAmount": amount,
    }
    return orjson.dumps(message).decode()


@dataclass(frozen=True)
class Composer:
    """Writes messages of every kind, the wrong ones too."""

    sender: Sender
    signer: Signer
    foreign_signer: Signer

    def notification(
        self, payment: BkashPayment, kind: NotificationKind, message_id: str, at: datetime, version: str
    ) -> SignedMessage:
        """Write a notification about a payment; `at` is when it happened."""
        envelope = {
            "Type": "Notification",
            "MessageId": message_id,
            "TopicArn": self.sender.topic_arn + ("-other" if kind is NotificationKind.OTHER_TOPIC else ""),
            "Message": message_of(payment, self.sender, at),
            "Timestamp": _timestamp(at),
            "SignatureVersion": version,
        }
        self._sign(envelope, kind)
        if kind is NotificationKind.TAMPERED:
            amount = taka(payment.reported_paisa)
            envelope["Message"] = envelope["Message"].replace(f'"{amount}"', f'"9{amount}"')
        query = f"?Action=Unsubscribe&SubscriptionArn={self.sender.topic_arn}:1"
        envelope["UnsubscribeURL"] = f"https://{self.sender.host}/{query}"
        return _letter(envelope)

    def question(self, kind: NotificationKind, token: str, at: datetime, version: str) -> SignedMessage:
        """Write a request to confirm a subscription, or its end."""
        arn = self.sender.topic_arn
        is_farewell = kind is NotificationKind.UNSUBSCRIBE
        envelope = {
            "Type": "UnsubscribeConfirmation" if is_farewell else "SubscriptionConfirmation",
            "MessageId": str(uuid.uuid4()),
            "Token": token,
            "TopicArn": arn,
            "Message": f"You have chosen to {'leave' if is_farewell else 'subscribe to'} the topic {arn}.",
            "SubscribeURL": (
                f"https://{self.sender.host}/?Action=ConfirmSubscription&TopicArn={arn}&Token={token}"
            ),
            "Timestamp": _timestamp(at),
            "SignatureVersion": version,
        }
        self._sign(envelope, kind)
        return _letter(envelope)

    def _sign(self, envelope: dict[str, str], kind: NotificationKind) -> None:
        text = string_to_sign(envelope)
        if kind is NotificationKind.BAD_SIGNATURE:
            text += b"\n"
        signer = self.foreign_signer if kind is NotificationKind.FOREIGN_KEY else self.signer
        host = "sns.example.com" if kind is NotificationKind.FOREIGN_HOST else self.sender.host
        envelope["Signature"] = signer.sign(text, envelope["SignatureVersion"])
        envelope["SigningCertURL"] = f"https://{host}/{self.signer.certificate_name}"


def _letter(envelope: dict[str, str]) -> SignedMessage:
    return SignedMessage(envelope["MessageId"], envelope["Type"], orjson.dumps(envelope))


def _timestamp(instant: datetime) -> str:
    return f"{instant:%Y-%m-%dT%H:%M:%S}.{instant.microsecond // 1_000:03d}Z"
