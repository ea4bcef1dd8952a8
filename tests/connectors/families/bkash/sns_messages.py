"""Messages as Amazon's SNS signs them, by a codec of the tests' own."""

import base64
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from connectors.rehearsal import EXAMPLE_ORDER

TOPIC = "arn:aws:sns:ap-southeast-1:123456789012:payments"
HOST = "https://sns.ap-southeast-1.amazonaws.com"
CERTIFICATE_URL = f"{HOST}/SimpleNotificationService-0123456789abcdef.pem"
ISSUED = datetime(2025, 1, 1, tzinfo=UTC)
INNER = {
    "dateTime": "20251020120102",
    "debitMSISDN": "8801712345678",
    "trxID": "EXAMPLE001",
    "transactionStatus": "Completed",
    "amount": "500.00",
    "currency": "BDT",
    "merchantInvoiceNumber": EXAMPLE_ORDER.reference,
}


@cache
def rsa_key(bits: int = 2_048, number: int = 0) -> rsa.RSAPrivateKey:
    del number  # another number is another key
    return rsa.generate_private_key(public_exponent=65_537, key_size=bits)


def certificate(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, days: int = 3_650, issued: datetime = ISSUED
) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(issued)
        .not_valid_after(issued + timedelta(days=days))
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )


def sign(text: str, version: str, key: rsa.RSAPrivateKey) -> str:
    algorithm = hashes.SHA1() if version == "1" else hashes.SHA256()  # noqa: S303 - as SNS does
    return base64.b64encode(key.sign(text.encode(), padding.PKCS1v15(), algorithm)).decode()


@dataclass
class Letter:
    """One message; changed before it is signed by `members`, after it by `afterwards`."""

    kind: str = "Notification"
    version: str = "1"
    members: dict[str, object] = field(default_factory=dict)
    afterwards: dict[str, object] = field(default_factory=dict)
    key: rsa.RSAPrivateKey = field(default_factory=rsa_key)

    def envelope(self) -> dict[str, object]:
        told: dict[str, object] = {
            "Type": self.kind,
            "MessageId": "8f2b1f3e-0000-5000-8000-000000000001",
            "TopicArn": TOPIC,
            "Message": json.dumps(INNER),
            "Timestamp": "2025-10-20T06:01:03.000Z",
            "SignatureVersion": self.version,
            "SigningCertURL": CERTIFICATE_URL,
        }
        if self.kind != "Notification":
            told |= {"Token": "token-1", "SubscribeURL": f"{HOST}/?Action=ConfirmSubscription&Token=token-1"}
        told |= self.members
        return told | {"Signature": sign(self.text(told), self.version, self.key)} | self.afterwards

    def text(self, told: dict[str, object]) -> str:
        """Spelt out by hand, member by member, as the documentation lists them."""
        lines = f"Message\n{told['Message']}\nMessageId\n{told['MessageId']}\n"
        if self.kind == "Notification":
            lines += f"Subject\n{told['Subject']}\n" if "Subject" in told else ""
            return (
                f"{lines}Timestamp\n{told['Timestamp']}\nTopicArn\n{told['TopicArn']}\nType\n{told['Type']}\n"
            )
        lines += f"SubscribeURL\n{told['SubscribeURL']}\nTimestamp\n{told['Timestamp']}\n"
        return f"{lines}Token\n{told['Token']}\nTopicArn\n{told['TopicArn']}\nType\n{told['Type']}\n"

    def body(self) -> bytes:
        return json.dumps(self.envelope()).encode()
