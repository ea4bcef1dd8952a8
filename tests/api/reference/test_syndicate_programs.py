"""The programs of docs/syndicate-api.md: the Python runs as it stands, the shell sends what we take."""

import asyncio
import json
import re
import shlex
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from pydantic import BaseModel

from ekpay_switch.api.syndicate.codes import BASE
from ekpay_switch.api.syndicate.messages import BalanceRequest, FetchRequest, StatusRequest
from tests.api.api_setup import PATHS, Desk
from tests.factories import BILL_NO, PASS_KEY, SECRET, a_bill

PAGE = (Path(__file__).parents[3] / "docs" / "syndicate-api.md").read_text(encoding="utf-8")
MODELS: dict[str, type[BaseModel]] = {
    "check-bbalance": BalanceRequest,
    "fetch-bill": FetchRequest,
    "check-bill-status": StatusRequest,
}


def block(language: str) -> str:
    (text,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(text)


@asynccontextmanager
async def listening(desk: Desk) -> AsyncIterator[str]:
    """The desk on a port of its own; its base URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(desk.app, log_level="critical", lifespan="off"))
    serving = asyncio.create_task(server.serve([listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving
        listener.close()


async def test_the_python_program_fetches_and_pays_a_bill() -> None:
    desk = Desk()
    desk.small.biller.bills[BILL_NO] = a_bill()
    async with listening(desk) as address:
        program = await asyncio.create_subprocess_exec(
            sys.executable, "-c", block("python"),
            env={"SWITCH": address, "USER_ID": "bank1-user", "PASS_KEY": PASS_KEY, "SECRET": SECRET,
                 "NODE": "NS101", "SYNDICATE": "s101", "BILL": BILL_NO},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await asyncio.wait_for(program.communicate(), 60)
    assert err.decode() == ""
    assert out.decode().splitlines() == ["fetched 0000 1050.00 paid: N", "payment 0000 success"]
    assert len(desk.small.books.payments) == 1


def test_the_shell_program_sends_messages_that_we_take_to_calls_that_there_are() -> None:
    words = shlex.split(block("sh"), comments=True)
    said = {words[place + 1]: words[place + 2] for place, word in enumerate(words) if word == "say"}
    assert said.keys() == MODELS.keys()
    for path, text in said.items():
        message = json.loads(text)
        MODELS[path].model_validate(message)
        assert PATHS[message["hdrs"]["nm"]] == path
    assert f"SWITCH=http://127.0.0.1:8180{BASE}" in words
    assert block("sh").count("$SWITCH/") == 2
