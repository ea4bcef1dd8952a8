"""Where a merchant's IPNs may go without https, once two persons have agreed to it."""

from ekpay_switch.domain.merchants.merchant import plain_http_hosts


def test_a_listed_host_without_a_port_is_its_port_80() -> None:
    listed = {"shop.example", "shop.example:8080", "192.0.2.7"}
    assert plain_http_hosts(listed) == {"shop.example:80", "shop.example:8080", "192.0.2.7:80"}
    assert plain_http_hosts(()) == frozenset()
