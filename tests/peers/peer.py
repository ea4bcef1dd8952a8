"""What every peer needs: an environment of its own for a public client, and a talk with it line by line.

A client is installed below a folder that is thrown away, each package by the version and hash in `locks`,
and no script of a package is run. Its script sees no variable of ours but PATH and imports nothing of the
product. It prints a line of JSON for each step; where it wants something done that a client cannot do, it
says so under `wants` and reads the answer from its input.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from sandbox.callers.payer.payer import Payer, PayerDecision, pay
from tests.sandbox.caller import process_of

Json = dict[str, Any]
Answer = Callable[[Json], Awaitable[Json]]

_HERE = Path(__file__).parent
_LOCKS = _HERE / "locks"
_BYTES_OF_A_LINE = 1_000_000


@dataclass(frozen=True)
class Client:
    """A public client in an environment of its own: how its script is started, and with which variables."""

    command: tuple[str, ...]
    environ: dict[str, str]


def python_client(name: str, folder: Path) -> Client:
    """Install the Python package that `locks` has under this name, and say how its script is started."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)  # noqa: S603 - ourselves
    python = str(folder / "bin" / "python")
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    locked = ["--require-hashes", "--only-binary", ":all:", "--requirement", str(_LOCKS / f"{name}.lock")]
    subprocess.run([*install, *locked], check=True)  # noqa: S603 - the environment just made
    script = _HERE / f"{name.replace('-', '_')}_client.py"
    # By its path: one of the packages brings a package `tests` of its own.
    return Client((python, str(script)), _environ())


def node_client(name: str, folder: Path, *flags: str) -> Client:
    """Install the npm package that `locks` has under this name, and say how its script is started."""
    shutil.copytree(_LOCKS / name, folder)
    install = ["npm", "ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund"]
    subprocess.run(install, cwd=folder, check=True)  # noqa: S603 - what the lock file names
    script = _HERE / f"{name.replace('-', '_')}_client.cjs"
    return Client(("node", *flags, str(script)), {**_environ(), "NODE_PATH": str(folder / "node_modules")})


def _environ() -> dict[str, str]:
    # A merchant's machine stands in Dhaka, and loopback is reached without a proxy.
    return {"PATH": os.environ["PATH"], "NO_PROXY": "*", "TZ": "Asia/Dhaka"}


async def converse(client: Client, arguments: Sequence[str], answer: Answer) -> list[Json]:
    """Run a client's script and give it what it wants; return what it said, and how it ended."""
    process = await asyncio.create_subprocess_exec(
        *client.command,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=client.environ,
        limit=_BYTES_OF_A_LINE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    said = []
    async for line in process.stdout:
        if not line.startswith(b"{"):
            continue  # the client, or its interpreter, talks to itself
        told = json.loads(line)
        if "wants" in told:
            process.stdin.write(json.dumps(await answer(told)).encode() + b"\n")
            await process.stdin.drain()
            continue
        said.append(told)
        sys.stdout.write(line.decode())
        sys.stdout.flush()
    said.append({"step": "end", "is_right": await process.wait() == 0})
    return said


@asynccontextmanager
async def gateway(name: str, folder: Path) -> AsyncIterator[str]:
    """A family of collecting houses in a process of its own; yields its origin."""
    # `process_of` ends its options with a 0, which is the seed here.
    async with process_of(folder / "book", "--port", f"{name}=0", "--seed") as (_, origin):
        yield origin


async def desk(origin: str, question: str) -> Json:
    """Ask the desk of a simulated institution."""
    async with aiohttp.ClientSession() as session, session.get(f"{origin}/_admin/{question}") as answer:
        told: Json = await answer.json()
        return told


def payers_of(origin: str, house: str) -> Answer:
    """Be the payer that a client wants, of any kind, and say where the page sent its browser."""

    async def answer(wanted: Json) -> Json:
        kind = wanted.get("kind", "normal")
        number = (await desk(origin, f"payers?house={house}&kind={kind}"))["payers"][0]["number"]
        visit = await pay(wanted["page"], Payer(number), PayerDecision(wanted.get("does", "approve")))
        return {"sent_to": visit.sent_to, "carries": dict(visit.carries or {})}

    return answer


def run(show: Callable[[Path], Coroutine[Any, Any, list[Json]]]) -> int:
    """Let a peer show what it can in a folder of its own; 0 if every step came out as it should."""
    with tempfile.TemporaryDirectory() as folder:
        said = asyncio.run(show(Path(folder)))
    wrong = [told["step"] for told in said if not told.get("is_right", True)]
    checked = sum("is_right" in told for told in said)
    sys.stdout.write(f"{checked} steps checked; wrong: {', '.join(wrong) or 'none'}\n")
    return 1 if wrong else 0
