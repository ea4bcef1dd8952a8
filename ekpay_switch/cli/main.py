"""The command `ekpay`: its parts put together, and the one place where an error becomes a line.

A part is imported when it is asked for, so that `ekpay payments` does not wait for a web server to load.
"""

import errno
import os
import sys
from collections.abc import Sequence

import asyncpg
import typer
from sqlalchemy.exc import DBAPIError
from typer.exceptions import Abort, TyperException

from ekpay_switch.cli import billers, database, doctor, partners, payments, plugged_in, staff
from ekpay_switch.cli.terminal import complain
from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.persistence.embedded import EmbeddedPostgresError
from ekpay_switch.security.keys import MasterKeyError
from ekpay_switch.security.passphrases import WeakPassphraseError
from ekpay_switch.security.sealed_fields import SealBrokenError
from ekpay_switch.settings import SettingsError

TRACEBACK_VARIABLE = "EKPAY_TRACEBACK"
_FAILED, _MISUSED, _INTERRUPTED = 1, 2, 130
_SPEAK_FOR_THEMSELVES = (
    SwitchError,
    SettingsError,
    MasterKeyError,
    EmbeddedPostgresError,
    WeakPassphraseError,
)
CORE = ("serve", "worker", "migrate", "db", "audit", "payments", "partners", "staff", "billers", "doctor")


def build(arguments: Sequence[str]) -> typer.Typer:
    """The application that these arguments need: all of it for `--help`, else what the first word names."""
    app = typer.Typer(
        name="ekpay",
        help="The payment switch: serve it, look into it, prove its books.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    _add_serving(app)
    return app
