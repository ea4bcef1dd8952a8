"""API keys: told once, kept as a hash, dead with the next call after they were taken back."""

import re
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from ekpay_switch.persistence.parties.api_keys import ApiKeys, UnknownApiKeyError
from ekpay_switch.persistence.parties.partners import UnknownPartnerError
from ekpay_switch.ports.collections import Client
from tests.persistence.books import Books
from tests.persistence.staff_rows import persons

HOSTS = ("shop.example", "Localhost:8443")


@pytest.fixture
async def keys(books: Books) -> AsyncIterator[ApiKeys]:
    await books.partner("dokan", 3)
    await books.tell("UPDATE partners SET name = 'Dokan Ltd' WHERE id = 'dokan'")
    engine = books.database.engine()
    yield ApiKeys(engine)
    await engine.dispose()


async def test_a_key_opens_as_the_client_it_was_made_for(keys: ApiKeys) -> None:
    key = await keys.add("dokan", HOSTS)

    client = await keys.by_key(key)

    hosts = frozenset({"shop.example", "localhost:8443"})
    assert client == Client("dokan", "Dokan Ltd", 3, hosts)


async def test_keys_are_long_random_and_never_the_same(keys: ApiKeys) -> None:
    made = {await keys.add("dokan", HOSTS) for _ in range(20)}
    assert len(made) == 20
    assert all(re.fullmatch(r"sk_[A-Za-z0-9_-]{43}", key) for key in made)


async def test_a_key_is_not_in_the_database(books: Books, keys: ApiKeys) -> None:
    key = await keys.add("dokan", HOSTS)
    stored = str(await books.value("SELECT api_keys::text FROM api_keys"))
    for told in (key, key.removeprefix("sk_")):
        assert told not in stored
        assert told.encode().hex() not in stored
    assert await books.value("SELECT length(key_hash) FROM api_keys") == 32


async def test_a_revoked_key_opens_nothing_and_others_of_the_partner_stay(
    books: Books, keys: ApiKeys
) -> None:
    await books.tell(persons("Rahima"))
    first, second = await keys.add("dokan", HOSTS), await keys.add("dokan", ())
    (line, _) = await keys.list("dokan")

    await keys.revoke(line.id, "Rahima")

    assert await keys.by_key(first) is None
    assert await keys.by_key(second) == Client("dokan", "Dokan Ltd", 3, frozenset())
    (revoked, alive) = await keys.list("dokan")
    assert (revoked.id, revoked.return_hosts) == (line.id, ("localhost:8443", "shop.example"))
    assert (revoked.revoked_at is not None, revoked.revoked_by) == (True, "Rahima")
    assert alive.revoked_at is None
    await keys.revoke(line.id, "Rahima")
    assert (await keys.list("dokan"))[0].revoked_at == revoked.revoked_at


async def test_a_partner_that_is_not_active_has_no_client(books: Books, keys: ApiKeys) -> None:
    key = await keys.add("dokan", HOSTS)
    await books.tell("UPDATE partners SET is_active = false")
    assert await keys.by_key(key) is None


@pytest.mark.parametrize("key", ["", "sk_", "sk_" + "A" * 43, "\0", "\ud800", "Bearer sk_", "' OR true --"])
async def test_a_guess_opens_nothing(keys: ApiKeys, key: str) -> None:
    made = await keys.add("dokan", HOSTS)
    assert await keys.by_key(key) is None
    assert await keys.by_key(made.removeprefix("sk_")) is None
    assert await keys.by_key(made + " ") is None


async def test_a_stranger_gets_no_key_and_an_unknown_one_cannot_be_revoked(keys: ApiKeys) -> None:
    with pytest.raises(UnknownPartnerError):
        await keys.add("nobody", HOSTS)
    with pytest.raises(UnknownApiKeyError):
        await keys.revoke(UUID(int=1), "Rahima")
    assert await keys.list("nobody") == []
