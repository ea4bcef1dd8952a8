"""Run the proxy as a process of its own: `python -m sandbox.proxy --before desco:8290:8190`."""

import typer

from sandbox.proxy.commands import proxy

typer.run(proxy)
