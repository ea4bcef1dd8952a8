"""Who plays both persons where a test of a command needs somebody on the staff."""

import json
from itertools import count
from pathlib import Path

from ekpay_switch.persistence.engine import open_database
from ekpay_switch.persistence.parties.staff import Role, Staff
from ekpay_switch.settings import Settings
from tests.cli.command_result import Ekpay, Typed

FOUNDERS = ("Amina who founded it", "Badal who founded it")
FOUNDERS_PASSPHRASE = "the horse of founders"
BOTH_FOUNDERS = {
    "EKPAY_STAFF_PASSPHRASE": FOUNDERS_PASSPHRASE,
    "EKPAY_APPROVER_PASSPHRASE": FOUNDERS_PASSPHRASE,
}


# Tests of several files share one installation, whose staff has each name once.
_PERSONS = count(1)
# The words of a request that both of them are there for.
BY_BOTH = ("--by", FOUNDERS[0], "--approved-by", FOUNDERS[1])


def with_both(ekpay: Ekpay, *words: str, **environment: str) -> Typed:
    """Types a request for a change of access that the first two persons make together."""
    founders(ekpay)
    return ekpay(*words, *BY_BOTH, **BOTH_FOUNDERS | environment)


async def install_founders(home: Path) -> None:
    """Put the first two persons on the staff of a new home, before rows of a test take their places."""
    engine = open_database(Settings(home=home, database_url=None)).engine()
    for name in FOUNDERS:
        await Staff(engine).install(name, FOUNDERS_PASSPHRASE, [Role.FINANCE])
    await engine.dispose()


def founders(ekpay: Ekpay) -> tuple[str, str]:
    """The first two persons of this installation; added where they are not there yet."""
    standing = {member["name"] for member in json.loads(ekpay("staff", "list", "--json").out)}
    for name in FOUNDERS:
        if name not in standing:
            added = ekpay("staff", "add", name, EKPAY_STAFF_PASSPHRASE=FOUNDERS_PASSPHRASE)
            assert added.code == 0, added.err
    return FOUNDERS


def new_name(first: str) -> str:
    """A name that nobody on the staff of this process's installation has."""
    return f"{first} {next(_PERSONS)}"


def on_the_staff(ekpay: Ekpay, name: str, passphrase: str, *roles: str) -> str:
    """A person whom the first two have added, with a passphrase that they chose; of finance by default."""
    asker, approver = founders(ekpay)
    given = [word for role in roles or ("finance",) for word in ("--role", role)]
    asked = ekpay("staff", "ask", name, *given, "--by", asker, "--json", **BOTH_FOUNDERS)
    assert asked.code == 0, asked.err
    first = json.loads(asked.out)
    approved = ekpay("staff", "approve", first["id"], "--by", approver, "--json", **BOTH_FOUNDERS)
    assert approved.code == 0, approved.err
    code = f"{first['code_part']} {json.loads(approved.out)['code_part']}"
    chosen = ekpay("staff", "passphrase", name, EKPAY_STAFF_CODE=code, EKPAY_STAFF_PASSPHRASE=passphrase)
    assert chosen.code == 0, chosen.err
    return name
