"""Commands of a rehearsal over a command server; the server of these tests is a line of Python."""

import asyncio
import json
import sys

import pytest

from sandbox.rehearsals.installation.command_server import CommandServer, CommandServerEndedError
from sandbox.rehearsals.installation.ekpay_command import CommandFailedError, EkpayCommand

ECHO = """
import json, sys
lines = [json.loads(sys.stdin.readline()) for _ in range(2)]
for line in reversed(lines):
    words = json.dumps([line["arguments"], line["environment"]])
    print(json.dumps({"id": line["id"], "code": 0, "stdout": words, "stderr": ""}), flush=True)
refused = json.loads(sys.stdin.readline())
print(json.dumps({"id": refused["id"], "code": 1, "stdout": "", "stderr": "ekpay: no"}), flush=True)
sys.stdin.readline()
"""


async def started(source: str) -> CommandServer:
    return await CommandServer.start([sys.executable, "-c", source], {})


async def test_answers_reach_whoever_asked_in_whatever_order_they_come() -> None:
    server = await started(ECHO)
    tool = EkpayCommand({}, server)
    first, second = await asyncio.gather(tool.read("a", "b", S="x"), tool.read("c"))
    assert first == [["a", "b"], {"S": "x"}]
    assert second == [["c"], {}]
    with pytest.raises(CommandFailedError, match=r"^ekpay d e: ekpay: no$"):
        await tool.run("d", "e", "f")
    await server.stop()


async def test_a_server_that_ends_fails_whoever_waits_and_whoever_comes() -> None:
    server = await started("import sys; sys.stdin.readline()")
    with pytest.raises(CommandServerEndedError):
        await server.run(["a"], {})
    with pytest.raises(CommandServerEndedError):
        await server.run(["b"], {})
    await server.stop()


async def test_an_answer_of_a_cancelled_request_is_passed_over() -> None:
    server = await started(ECHO)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(server.run(["a"], {}), 0.01)
    answer = await server.run(["b"], {})
    assert json.loads(answer.output) == [["b"], {}]
    await server.stop()


async def test_an_answer_that_cannot_be_read_fails_whoever_waits() -> None:
    server = await started("import sys; sys.stdin.readline(); print('no answer', flush=True)")
    with pytest.raises(CommandServerEndedError):
        await asyncio.wait_for(server.run(["a"], {}), 30)
    with pytest.raises(json.JSONDecodeError):
        await server.stop()
