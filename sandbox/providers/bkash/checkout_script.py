"""The script that shops load onto their pages, which shows the payer's page in a frame there."""

import json
import re
from pathlib import Path

from sandbox.kit.institution.replies import Reply, bytes_reply

SCRIPT_PATH = re.compile(r"/versions/1\.[12]\.0-beta/checkout/bKash-checkout(?:-sandbox)?\.js")
"""Where shops load it from: the script of the sandbox and the live one are the same here."""

_SCRIPT = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")


def script_reply(address: str) -> Reply:
    """Return the script; `address` is where a browser finds the payer's page."""
    text = _SCRIPT.replace('"ADDRESS"', json.dumps(address))
    headers = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))
    return bytes_reply("text/javascript; charset=utf-8", text.encode(), headers=headers)
