import pytest

from ekpay_switch.domain.parties.addresses import caller_of


@pytest.mark.parametrize(
    ("address", "caller"),
    [
        ("198.51.100.66", "198.51.100.66"),
        ("::ffff:198.51.100.66", "198.51.100.66"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff:1:2:3", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("no address", "no address"),
    ],
)
def test_whoever_may_write_an_address_is_one_caller(address: str, caller: str) -> None:
    assert caller_of(address) == caller
