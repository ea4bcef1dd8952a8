"""How `transId` joins a merchant's address (ekpay-merchant-api.md 1.4): every reader finds ours, once."""

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekpay_switch.edge_kit.return_urls import listed_url_fault, with_trans_id

HOSTS = frozenset({"shop.example"})
BASE = "https://shop.example"


@pytest.mark.parametrize(
    ("url", "joined"),
    [
        (BASE, f"{BASE}?transId=T-1"),
        (f"{BASE}/done", f"{BASE}/done?transId=T-1"),
        (f"{BASE}/done?", f"{BASE}/done?transId=T-1"),
        (f"{BASE}/done?appid=7", f"{BASE}/done?appid=7&transId=T-1"),
        (f"{BASE}/done?appid=7&", f"{BASE}/done?appid=7&transId=T-1"),
        (f"{BASE}/?c=payment/done&x", f"{BASE}/?c=payment/done&x&transId=T-1"),
        (f"{BASE}/#/done", f"{BASE}/?transId=T-1#/done"),
        (f"{BASE}/app?x=1#/done?y=2", f"{BASE}/app?x=1&transId=T-1#/done?y=2"),
        (f"{BASE}/done?transId=", f"{BASE}/done?transId=T-1"),
        (f"{BASE}/done?transId=old&x=1&transId", f"{BASE}/done?x=1&transId=T-1"),
        (f"{BASE}/done?%74ransId=old", f"{BASE}/done?transId=T-1"),
        (f"{BASE}/done?transid=mine&trnsId=its", f"{BASE}/done?transid=mine&trnsId=its&transId=T-1"),
        (f"{BASE}/done#transId=kept", f"{BASE}/done?transId=T-1#transId=kept"),
    ],
)
def test_it_stands_in_the_query_before_any_fragment(url: str, joined: str) -> None:
    assert with_trans_id(url, "T-1") == joined


@pytest.mark.parametrize(("trnx_id", "written"), [("INV/7", "INV%2F7"), ("a=b@c:~", "a%3Db%40c%3A~")])
def test_it_is_escaped(trnx_id: str, written: str) -> None:
    assert with_trans_id(BASE, trnx_id) == f"{BASE}?transId={written}"


@given(
    st.text("abcXYZ019/&=?%+.~-", max_size=30),
    st.none() | st.text("ab/?=&transId", max_size=20),
    st.text("ABab09._~:/@=-", min_size=1, max_size=64),
)
def test_every_reader_finds_ours_once_and_all_else_as_it_was(
    query: str, fragment: str | None, trnx_id: str
) -> None:
    url = f"{BASE}/done?{query}" + ("" if fragment is None else f"#{fragment}")
    before, after = urlsplit(url), urlsplit(with_trans_id(url, trnx_id))
    pairs = parse_qsl(after.query, keep_blank_values=True)
    assert [value for name, value in pairs if name == "transId"] == [trnx_id]
    others = [pair for pair in parse_qsl(before.query, keep_blank_values=True) if pair[0] != "transId"]
    assert pairs[:-1] == others
    assert (after.scheme, after.netloc, after.path, after.fragment) == (*before[:3], before.fragment)
    assert listed_url_fault(url, HOSTS) is None
    assert listed_url_fault(with_trans_id(url, trnx_id), HOSTS) is None
