"""Run the proxy as a process of its own: `python -m sandbox.network.proxy --before desco:8290:8190`."""

import typer

from sandbox.network.proxy.commands import proxy

typer.run(proxy)
