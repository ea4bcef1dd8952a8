"""Whose servers call the merchant API."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekpay_switch.flows.merchants import merchant_callers
from ekpay_switch.flows.merchants.merchant_callers import Credentials, authenticate, is_listed
from tests.scenarios.merchant_orders import ELSEWHERE, KEY, OLD_KEY, SERVER, Market

NETWORKS = ("192.0.2.0/28", "198.51.100.7", "2001:db8::/64")


@pytest.mark.parametrize("key", [KEY, OLD_KEY])
async def test_a_merchant_calls_by_either_of_its_keys_from_its_own_address(key: str) -> None:
    market = Market()
    assert await authenticate(Credentials("shop_test", key, SERVER), market.world) == market.shop


@pytest.mark.parametrize(
    "caller",
    [
        Credentials("nobody_test", KEY, SERVER),
        Credentials("other_test", KEY, SERVER),
        Credentials("shop_test", KEY.upper(), SERVER),
        Credentials("shop_test", "", SERVER),
        Credentials("shop_test", "\ud800", SERVER),
        Credentials("shop_test", KEY, ELSEWHERE),
        Credentials("shop_test", KEY, ""),
        Credentials("shop_test\n", KEY, SERVER),
        Credentials("SHOP_TEST", KEY, SERVER),
        Credentials("", KEY, SERVER),
    ],
)
async def test_whoever_is_wrong_about_anything_is_nobody(caller: Credentials) -> None:
    assert await authenticate(caller, Market().world) is None


async def test_a_merchant_that_was_shut_off_is_nobody() -> None:
    market = Market()
    market.add(replace(market.shop, is_active=False))
    assert await authenticate(Credentials("shop_test", KEY, SERVER), market.world) is None


async def test_a_replaced_key_is_nobodys_once_its_overlap_has_ended() -> None:
    market = Market()
    market.add(replace(market.shop, pass_key_hashes=market.shop.pass_key_hashes[:1]))
    assert await authenticate(Credentials("shop_test", KEY, SERVER), market.world) is not None
    assert await authenticate(Credentials("shop_test", OLD_KEY, SERVER), market.world) is None


@pytest.mark.parametrize("mer_reg_id", ["shop_test", "nobody_test"], ids=["a merchant", "nobody"])
@pytest.mark.parametrize("keys", [1, 2])
async def test_a_wrong_key_costs_as_much_whether_or_not_there_is_such_a_merchant(
    mer_reg_id: str, keys: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    market, compared = Market(), []
    market.add(replace(market.shop, pass_key_hashes=market.shop.pass_key_hashes[:keys]))
    monkeypatch.setattr(merchant_callers, "pass_key_matches", lambda key, _: compared.append(key))
    assert await authenticate(Credentials(mer_reg_id, "wrong", SERVER), market.world) is None
    assert compared == ["wrong", "wrong"]


def test_credentials_never_show_the_key() -> None:
    assert KEY not in repr(Credentials("shop_test", KEY, SERVER))


@pytest.mark.parametrize(
    "address", ["192.0.2.0", "192.0.2.15", "198.51.100.7", "2001:db8::1", "::ffff:192.0.2.7"]
)
def test_an_address_in_a_listed_network_is_listed(address: str) -> None:
    assert is_listed(address, NETWORKS)


@pytest.mark.parametrize(
    "address",
    [
        "192.0.2.16",
        "198.51.100.8",
        "2001:db8:0:1::1",
        "::ffff:198.51.100.9",
        "::1",
        "",
        "shop.example",
        "192.0.2.7, 198.51.100.9",
        "192.0.2.7:80",
        "192.0.2.007",
        "3221225991",
        "192.0.2.0/28",
    ],
)
def test_any_other_is_not(address: str) -> None:
    assert not is_listed(address, NETWORKS)


def test_who_lists_nothing_is_called_from_nowhere() -> None:
    assert not is_listed("192.0.2.7", ())


@given(st.text(max_size=40))
def test_any_text_is_an_address_or_none(text: str) -> None:
    assert is_listed(text, NETWORKS) in {True, False}
