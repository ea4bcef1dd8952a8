"""Let public JOSE libraries, unmodified, open what the switch seals for a partner, and have theirs opened.

Not a part of the tests, because it installs packages: run `python -m tests.peers.jose_against_sandbox`.
"""

import sys
from pathlib import Path

from ekpay_switch.security.envelope import EnvelopeError, close_envelope, open_envelope
from tests.peers.peer import Json, converse, node_client, python_client, run

PYTHON, NODE = ("jwcrypto", "authlib", "python-jose"), ("jose", "node-jose")
SECRET, OTHER = b"0123456789abcdefABCDEF0123456789", b"N" * 32
PLAINS = (
    "{}",
    '{"hdrs": {"nm": "FETCH_BLL_REQ"}}',
    '{"bll_cstnm": "রাহেলা খাতুন"}',
    '{"x": "' + "y" * 20_000 + '"}',
)


def _spoilt() -> dict[str, str]:
    sealed = close_envelope(b"{}", SECRET).decode()
    head, key, nonce, text, _ = sealed.split(".")
    return {
        "another key": close_envelope(b"{}", OTHER).decode(),
        "another tag": ".".join((head, key, nonce, text, "A" * 22)),
    }


async def answer(wanted: Json) -> Json:
    if wanted["wants"] == "envelopes":
        sealed = [(plain, close_envelope(plain.encode(), SECRET).decode()) for plain in PLAINS]
        return {"secret": SECRET.decode(), "sealed": sealed, "spoilt": _spoilt()}
    try:
        return {"plain": open_envelope(wanted["token"].encode(), [SECRET]).decode()}
    except EnvelopeError:
        return {"plain": None}


async def show(folder: Path) -> list[Json]:
    clients = [python_client(name, folder / name) for name in PYTHON]
    clients += [node_client(name, folder / name) for name in NODE]
    return [told for client in clients for told in await converse(client, (), answer)]


if __name__ == "__main__":
    sys.exit(run(show))
