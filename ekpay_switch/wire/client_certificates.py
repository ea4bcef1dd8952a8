"""Client certificates for far sides that require mutual TLS."""

import asyncio
import ssl

from ekpay_switch.ports.world import ClientCertificate, WireRequest

_HTTPS = "https:"


class UnusableCertificateError(Exception):
    """The client certificate or its key is missing, unreadable, not PEM, locked or of another pair."""


class ClientCertificates:
    """One TLS context a pair of files, read once and kept as long as this object.

    A new certificate under the same name is therefore seen by the next process. What could not be read is
    read again by the next request.
    """

    def __init__(self) -> None:
        self._contexts: dict[ClientCertificate, ssl.SSLContext] = {}

    async def context_for(self, request: WireRequest) -> ssl.SSLContext | None:
        """The context that shows this request's certificate, or None where there is none to show.

        Raises:
            UnusableCertificateError: its text names the kind of fault, and neither file.
        """
        pair = request.client_certificate
        if pair is None or not request.url.lower().startswith(_HTTPS):
            return None
        if pair not in self._contexts:
            # Reading and parsing files would hold up every other call.
            context = await asyncio.to_thread(_context, pair)
            self._contexts.setdefault(pair, context)
        return self._contexts[pair]


def _context(pair: ClientCertificate) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context()
        # Without a passphrase of its own, OpenSSL would ask for one on the terminal.
        context.load_cert_chain(pair.certificate, pair.key, password="")
    except (OSError, ValueError) as fault:
        raise UnusableCertificateError(
            f"the client certificate cannot be used: {type(fault).__name__}"
        ) from None
    return context
