"""The persons of finance in tests: on the staff like everybody, without the work of a passphrase."""

from ekpay_switch.persistence.parties.staff import may_decide
from ekpay_switch.ports.finance import Connection


class Everybody:
    """Persons whose passphrase is their name."""

    async def verify(self, name: str, passphrase: str) -> None:
        assert name == passphrase

    async def may_decide(self, connection: Connection, name: str) -> bool:
        return await may_decide(connection, name)
