from ekpay_switch.api.merchant.known_servers import ADDRESSES_MAX, KNOWN_SECONDS, KnownServers
from tests.fakes.world import FakeClock


def test_an_address_is_known_for_an_hour_after_its_last_proof() -> None:
    clock = FakeClock()
    servers = KnownServers(clock)
    assert not servers.is_known("192.0.2.7")
    servers.remember("192.0.2.7")
    clock.pass_by(KNOWN_SECONDS - 1)
    assert servers.is_known("192.0.2.7")
    servers.remember("192.0.2.7")
    clock.pass_by(KNOWN_SECONDS - 1)
    assert servers.is_known("192.0.2.7")
    clock.pass_by(1)
    assert not servers.is_known("192.0.2.7")
    assert not servers.is_known("192.0.2.8")


def test_the_oldest_proof_is_forgotten_first() -> None:
    servers = KnownServers(FakeClock())
    for number in range(ADDRESSES_MAX):
        servers.remember(str(number))
    servers.remember("0")
    servers.remember("one more")
    assert servers.is_known("0")
    assert not servers.is_known("1")
    assert servers.is_known("one more")
