"""Certificates made for one test: an authority, a server that it vouches for, and clients of ours."""

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ekpay_switch.ports.world import ClientCertificate

Key = ec.EllipticCurvePrivateKey
HERE = "127.0.0.1"


class Authority:
    """Writes PEM files into one folder; whoever trusts `certificate` trusts what it made."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        ours = self._builder(self._name, self._key).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        self.certificate = self._write(name, ours)

    def client(self, name: str = "ekpay", passphrase: bytes = b"") -> ClientCertificate:
        certificate, key = self._pair(name, passphrase)
        return ClientCertificate(str(certificate), str(key))

    def lose(self, pair: ClientCertificate) -> None:
        Path(pair.key).unlink()

    def server(self, address: str = HERE, version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
        """What a far side listens with that takes clients of this authority and nobody else."""
        certificate, key = self._pair("server", address=address)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)
        context.load_verify_locations(self.certificate)
        context.verify_mode = ssl.CERT_REQUIRED
        if version is not None:
            context.maximum_version = version
        return context

    def _pair(self, name: str, passphrase: bytes = b"", address: str = HERE) -> tuple[Path, Path]:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        where = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
        certificate = self._write(name, self._builder(subject, key).add_extension(where, critical=False))
        locked: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if passphrase:
            locked = serialization.BestAvailableEncryption(passphrase)
        pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        path = self._folder / f"{name}.key"
        path.write_bytes(key.private_bytes(pem, pkcs8, locked))
        return certificate, path

    def _builder(self, subject: x509.Name, key: Key) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
        )

    def _write(self, name: str, builder: x509.CertificateBuilder) -> Path:
        path = self._folder / f"{name}.pem"
        signed = builder.sign(self._key, hashes.SHA256())
        path.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        return path
