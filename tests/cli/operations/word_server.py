"""A command server whose commands are words, run as a process of its own: `python -m …word_server`."""

import os
import signal
import sys

from ekpay_switch.cli.operations.command_server import CommandServer

LARGE = 300_000


def run() -> None:
    """Do what the first argument says."""
    match sys.argv[1]:
        case "large":
            sys.stdout.write("x" * LARGE)
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "raise":
            raise ValueError("of no command")
        case _:
            sys.stdout.write(f"{os.environ.get('OWN', 'none')} {sys.stdin.read() == ''} {sys.argv}\n")
            sys.exit(7)


if __name__ == "__main__":
    sys.exit(CommandServer(sys.stdin.fileno(), sys.stdout, run).serve())
