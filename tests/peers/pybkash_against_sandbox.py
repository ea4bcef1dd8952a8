"""Let the public client pybkash, unmodified, take and refund payments at the simulated bKash.

Not a part of the tests, because it installs a package: run `python -m tests.peers.pybkash_against_sandbox`.
The client lives in an environment of its own below a temporary folder; nothing else is changed.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from sandbox.payer.payer import Does, Payer, pay
from tests.sandbox.caller import process_of

CLIENT = "pybkash==0.4.2"
WALLET = "01700000003"


def environment(folder: Path) -> Path:
    """Make an environment that has the client alone, and return its interpreter."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)  # noqa: S603 - ourselves
    python = folder / "bin" / "python"
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", CLIENT]
    subprocess.run(command, check=True)  # noqa: S603 - the environment just made
    return python


async def converse(python: Path, origin: str) -> list[dict[str, Any]]:
    """Run the client and be its payer; return what it said, step by step."""
    process = await asyncio.create_subprocess_exec(
        python,
        Path(__file__).with_name("pybkash_client.py"),
        origin,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    said = []
    async for line in process.stdout:
        told = json.loads(line)
        said.append(told)
        sys.stdout.write(line.decode())
        if told["step"] == "approve":
            visit = await pay(told["page"], Payer(WALLET), Does.APPROVE)
            assert visit.status == "success"
            process.stdin.write(b"go on\n")
    said.append({"step": "end", "is_right": await process.wait() == 0})
    return said


async def main() -> int:
    """Return 0 if every step came out as it should."""
    with tempfile.TemporaryDirectory() as folder:
        python = environment(Path(folder) / "client")
        async with process_of(Path(folder) / "book", "--bkash-port") as (_, address):
            said = await converse(python, address.removesuffix("/v1.2.0-beta"))
    wrong = [told["step"] for told in said if not told.get("is_right", True)]
    checked = sum("is_right" in told for told in said)
    sys.stdout.write(f"{checked} steps checked; wrong: {', '.join(wrong) or 'none'}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
