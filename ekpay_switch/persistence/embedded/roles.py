"""The roles of the embedded PostgreSQL, their passwords, and the database they share.

Each password is random and kept in one 0600 file in pgpass format, written before the
cluster exists, so that no crash can leave a cluster with unknown passwords.
"""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from ekpay_switch.persistence.embedded.account import EmbeddedPostgresError

DATABASE = "ekpay"
SUPERUSER = "postgres"
# The owner of all tables, for migrations; the switch; the audit, which may only read.
APPLICATION_ROLES = ("ekpay_owner", "ekpay_app", "ekpay_audit")
ROLES = (SUPERUSER, *APPLICATION_ROLES)

# Each statement runs only where its work is still to be done, so a crash between two is harmless.
_PROVISION = """
{passwords}
SELECT format('CREATE ROLE %I LOGIN PASSWORD %L', role, password)
  FROM (VALUES {roles}) AS roles (role, password)
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) \\gexec
SELECT 'CREATE DATABASE ekpay OWNER ekpay_owner'
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'ekpay') \\gexec
SELECT 'REVOKE ALL ON DATABASE ekpay FROM PUBLIC'
 WHERE has_database_privilege('public', 'ekpay', 'CONNECT') \\gexec
SELECT format('GRANT CONNECT ON DATABASE ekpay TO %I', role)
  FROM (VALUES ('ekpay_app'), ('ekpay_audit')) AS roles (role)
 WHERE NOT has_database_privilege(role, 'ekpay', 'CONNECT') \\gexec
"""


def make_passwords(file: Path) -> Mapping[str, str]:
    """The password of each role, made on first need."""
    if not file.exists():
        replace_file(file, "".join(f"*:*:*:{role}:{secrets.token_urlsafe(32)}\n" for role in ROLES), 0o600)
    return read_passwords(file)


def read_passwords(file: Path) -> Mapping[str, str]:
    """The password of each role.

    Raises:
        EmbeddedPostgresError: The file is gone.
    """
    try:
        lines = file.read_text(encoding="utf-8").split()
    except FileNotFoundError as problem:
        raise EmbeddedPostgresError(
            f"{file} is gone, so nobody can log in any more: restore it, or begin with an empty folder"
        ) from problem
    return dict(line.split(":")[3:] for line in lines)


def provisioning_script(passwords: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """A psql script that creates the roles and database that are missing, and its environment.

    The passwords travel in the environment: in psql's arguments any user could read them.
    """
    environment = {f"PASSWORD_{role}": passwords[role] for role in APPLICATION_ROLES}
    # A CREATE ROLE that fails must not write its password into the server's log.
    environment["PGOPTIONS"] = "-c log_min_error_statement=panic"
    script = _PROVISION.format(
        passwords="\n".join(f"\\getenv {role} PASSWORD_{role}" for role in APPLICATION_ROLES),
        roles=", ".join(f"('{role}', :'{role}')" for role in APPLICATION_ROLES),
    )
    return script, environment


def replace_file(file: Path, text: str, mode: int) -> None:
    """Write a file whole or not at all, and durably."""
    partial = file.with_name(file.name + ".partial")
    partial.unlink(missing_ok=True)
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "w", encoding="utf-8") as opened:
        # The umask may have taken bits away that the server's user needs.
        os.fchmod(handle, mode)
        opened.write(text)
        opened.flush()
        os.fsync(handle)
    rename_durably(partial, file)


def rename_durably(source: Path, target: Path) -> None:
    """Rename within one folder, so that the new name outlives a power cut."""
    source.replace(target)
    handle = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
