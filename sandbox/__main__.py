"""Run the sandbox commands without the switch installed: `python -m sandbox`."""

from sandbox.commands import app

app(prog_name="sandbox")
