"""Where a notification may go, told from the text of its URL and from addresses (T60, T62, T64)."""

import socket
from ipaddress import IPv4Address

import pytest

from ekpay_switch.wire.public_addresses import (
    AddressRules,
    UnsafeAddressError,
    is_public,
    may_be_notified,
    refuse_unless_public,
    target_of,
)

RULES = AddressRules()
NEAR = [
    "127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "169.254.169.254", "100.64.0.1", "100.127.255.255", str(IPv4Address(0)), "0.1.2.3", "192.0.0.8",
    "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.51.100.7", "203.0.113.7", "224.0.0.1", "240.0.0.1",
    "255.255.255.255",
    "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::7f00:1", "64:ff9b:1::1",
    "100::1", "2001::1", "2001:0:7f00:1::", "2001:db8::1", "2002:7f00:1::", "2002:808:808::1", "3fff::1",
    "5f00::1", "fc00::1", "fd12:3456::1", "fe80::1", "fe80::1%eth0", "2606:4700::1%eth0", "fec0::1",
    "ff02::1", "ff0e::1", "", "localhost", "8.8.8", "134744072", "0x8.8.8.8", "08.8.8.8", "8.8.8.8 ", "[::1]",
]  # fmt: skip
PUBLIC = ["8.8.8.8", "103.4.145.245", "1.1.1.1", "2606:4700::1111", "2400:cb00::1", "2a00:1450:4001::200e"]


@pytest.mark.parametrize("address", NEAR)
def test_an_address_near_us_or_of_no_machine_is_not_public(address: str) -> None:
    assert not is_public(address)
    with pytest.raises(UnsafeAddressError):
        refuse_unless_public([address])


@pytest.mark.parametrize("address", PUBLIC)
def test_a_machine_on_the_internet_is_public(address: str) -> None:
    assert is_public(address)


def test_one_address_near_us_among_public_ones_is_enough_to_refuse() -> None:
    refuse_unless_public(PUBLIC)
    with pytest.raises(UnsafeAddressError, match="not public"):
        refuse_unless_public([*PUBLIC, "10.0.0.1"])
    with pytest.raises(UnsafeAddressError, match="no address"):
        refuse_unless_public([])


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("https://bank.example.com/hooks?x=1&y=%41", "bank.example.com", 443),
        ("https://Bank.Example.COM:8443", "bank.example.com", 8443),
        ("https://xn--bcher-kva.example/", "xn--bcher-kva.example", 443),
        ("https://8.8.8.8/", "8.8.8.8", 443),
        ("https://[2606:4700::1111]/", "2606:4700::1111", 443),
        ("https://a-b_c.example.com/~x/(y);z", "a-b_c.example.com", 443),
    ],
)
def test_an_https_url_of_a_host_is_taken(url: str, host: str, port: int) -> None:
    target = target_of(url, RULES)
    assert (target.url, target.host, target.port, target.is_trusted) == (url, host, port, False)


@pytest.mark.parametrize("scheme", ["http", "file", "gopher", "ftp", "ws", "wss", "javascript", "data", ""])
def test_only_https_is_taken(scheme: str) -> None:
    with pytest.raises(UnsafeAddressError):
        target_of(f"{scheme}://bank.example.com/", RULES)


@pytest.mark.parametrize("port", [22, 25, 80, 5432, 6379, 444, 0, 65_535, 65_536, 99_999])
def test_other_ports_are_refused(port: int) -> None:
    with pytest.raises(UnsafeAddressError):
        target_of(f"https://bank.example.com:{port}/", RULES)


@pytest.mark.parametrize(
    "host",
    ["0x7f.1", "2130706433", "127.1", "0177.0.0.1", "127.0.0.01", "0x7f000001", "1.2.3", "a.0x", "a.1",
     "bank.example.com.", ".", "", "-a.example", "a-.example", "a..b", "a" * 64 + ".com", "%31.example",
     "[::1%25eth0]", "[fe80::1%eth0]", "[::ffff:127.0.0.1]x", "[1.2.3.4]", "[v1.x]",
     ".".join(["a" * 60] * 5)],
)  # fmt: skip
def test_a_host_that_a_resolver_may_read_as_something_else_is_refused(host: str) -> None:
    with pytest.raises(UnsafeAddressError):
        target_of(f"https://{host}/", RULES)


@pytest.mark.parametrize(
    "url",
    [
        "https://user@bank.example.com/",
        "https://user:pass@bank.example.com/",
        "https://@bank.example.com/",
        "https://bank.example.com/#part",
        "https://bank.example.com/#",
        "https://bank.example.com\\@evil.com/",
        "https://bank.example.com\t/",
        "https://bank.example.com/a b",
        "\x01https://bank.example.com/",
        " https://bank.example.com/",
        "https://bank.example.com/\n",
        "https://bank\u3002example\uff0ecom/",
        "https://\uff42ank.example.com/",
        "https://ban\u212a.example.com/",
        "https://বাংলা.example/",
        "https://bank.example.com/\x7f",
        "https://bank.example.com:44\uff13/",
        "https://bank.example.com:+443/",
        "https://bank.example.com:443:443/",
        "https://[::1/",
        "https:///hooks",
        "https:bank.example.com",
        "//bank.example.com/",
        "bank.example.com",
        "",
        "https://bank.example.com/" + "a" * 2_048,
    ],
)
def test_a_url_that_hides_something_is_refused(url: str) -> None:
    with pytest.raises(UnsafeAddressError):
        target_of(url, RULES)


def test_a_literal_address_near_us_is_a_url_whose_address_is_refused() -> None:
    for url in ("https://127.0.0.1/", "https://[::1]/", "https://169.254.169.254/", "https://0.0.0.0/"):
        with pytest.raises(UnsafeAddressError):
            refuse_unless_public([target_of(url, RULES).host])


@pytest.mark.parametrize("spelling", ["0x7f.1", "2130706433", "127.1"])
def test_the_refused_spellings_do_reach_loopback(spelling: str) -> None:
    """Why they are refused: to the system's resolver they are 127.0.0.1."""
    found = socket.getaddrinfo(spelling, 443, family=socket.AF_INET, type=socket.SOCK_STREAM)
    assert {place[4][0] for place in found} == {"127.0.0.1"}


def test_a_trusted_host_is_trusted_on_its_own_port_alone() -> None:
    rules = AddressRules(trusted=frozenset({"127.0.0.1:8191", "[::1]:8191"}))
    assert target_of("http://127.0.0.1:8191/hooks", rules).is_trusted
    assert target_of("https://127.0.0.1:8191/hooks", rules).is_trusted
    assert target_of("http://[::1]:8191/hooks", rules).is_trusted
    for url in (
        "http://127.0.0.1:8192/",
        "http://localhost:8191/",
        "http://127.1:8191/",
        "ftp://127.0.0.1:8191/",
    ):
        with pytest.raises(UnsafeAddressError):
            target_of(url, rules)
    with pytest.raises(UnsafeAddressError, match="credentials"):
        target_of("http://a@127.0.0.1:8191/", rules)


@pytest.mark.parametrize(
    "url", ["http://shop.example/ipn", "http://shop.example:80/ipn", "http://SHOP.example/"]
)
def test_plain_http_goes_to_exactly_the_hosts_to_which_persons_agreed(url: str) -> None:
    agreed = AddressRules(plain=frozenset({"shop.example:80"}))
    target = target_of(url, agreed)
    assert (target.port, target.is_trusted) == (80, False)
    assert may_be_notified(url, agreed)
    assert not may_be_notified(url, RULES)


@pytest.mark.parametrize(
    "url",
    ["http://shop.example:8080/", "http://other.example/", "http://a:b@shop.example/", "ftp://shop.example:80/",
     "https://shop.example:80/", "http://shop.example/#x"],
)  # fmt: skip
def test_nothing_else_goes_without_https(url: str) -> None:
    assert not may_be_notified(url, AddressRules(plain=frozenset({"shop.example:80"})))
