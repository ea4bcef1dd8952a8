"""Reads both books of a day: the shop's by its admin API, the switch's rows from its database."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp

from sandbox.callers.ekshop.listener_conduct import Conduct
from sandbox.rehearsals.ekshop.day.books import ShopPayment, SwitchPayment, SwitchShare
from sandbox.rehearsals.installation.ekpay_command import EkpayCommand

_CALL_SECONDS = 60.0
_HTTP_OK, _HTTP_REDIRECT = 200, 300
_UNCONFIRMED = frozenset({403, 417})
"""The shop's answers to an IPN that its own status call did not confirm."""

# All amounts are whole paisa; the balance of a liability account is the negative sum of its postings.
_PAYMENTS = """
WITH moved AS (
  SELECT e.payment_id, t.account, -sum(t.amount)::bigint AS held
  FROM journal_entries AS e JOIN postings AS t ON t.entry_id = e.id
  WHERE e.payment_id IN (SELECT payment_id FROM merchant_orders WHERE partner_id = '{merchant}')
  GROUP BY 1, 2
), shared AS (
  SELECT s.payment_id, json_agg(json_build_object(
    'payee', s.payee, 'amount', s.amount, 'refunded', s.refunded, 'held', coalesce(m.held, 0)
  ) ORDER BY s.seq) AS shares
  FROM merchant_shares AS s LEFT JOIN moved AS m USING (payment_id, account) GROUP BY 1
), told AS (
  SELECT payment_id, json_object_agg(state, times) AS deliveries FROM (
    SELECT n.payment_id, d.state, count(*) AS times
    FROM notification_deliveries AS d JOIN notifications AS n ON n.id = d.notification_id
    JOIN notification_endpoints AS p ON p.id = d.endpoint_id AND p.kind = 'ipn' GROUP BY 1, 2
  ) AS counted GROUP BY 1
), back AS (
  SELECT payment_id, sum(amount) FILTER (WHERE state NOT IN ('asked', 'failed', 'rejected')) AS paisa,
    count(*) FILTER (WHERE state NOT IN ('done', 'failed', 'rejected')) AS open
  FROM refunds GROUP BY 1
)
SELECT coalesce(json_agg(json_build_object(
  'id', p.id, 'trnx_id', o.trnx_id, 'state', p.state, 'amount', p.amount, 'shares', s.shares,
  'refunded', coalesce(b.paisa, 0), 'refunds_open', coalesce(b.open, 0),
  'deliveries', coalesce(t.deliveries, '{{}}'),
  'sum', coalesce((SELECT sum(held) FROM moved WHERE moved.payment_id = p.id), 0)
)), '[]')
FROM merchant_orders AS o JOIN payments AS p ON p.id = o.payment_id
LEFT JOIN shared AS s USING (payment_id)
LEFT JOIN told AS t USING (payment_id)
LEFT JOIN back AS b USING (payment_id)
WHERE o.partner_id = '{merchant}'
"""


@dataclass(frozen=True, slots=True)
class SwitchBook:
    """The switch's payments of one merchant; `ids` are the payment ids of REST v1 by trnx_id."""

    payments: Sequence[SwitchPayment]
    ids: Mapping[str, str]
    refunds_open: int


class ShopAdminClient:
    """Client of a running shop's admin API."""

    def __init__(self, shop: str, conduct: Conduct) -> None:
        """`shop` is where it listens, `conduct` how."""
        self._shop = shop
        self._conduct = conduct

    async def book(self) -> list[ShopPayment]:
        """Every payment of every order."""
        timeout = aiohttp.ClientTimeout(total=_CALL_SECONDS)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"{self._shop}/_admin/dump") as answer,
        ):
            answer.raise_for_status()
            dump = await answer.json()
        return list(_shop_payments(dump, trusts_returns=self._conduct is Conduct.TRUSTING))

    async def behave(self) -> None:
        """Set how the shop handles IPNs."""
        order = {"conduct": self._conduct}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self._shop}/_admin/conduct", json=order) as answer,
        ):
            answer.raise_for_status()

    async def trust(self, keys: Sequence[str]) -> None:
        """Let the shop accept only IPNs that are signed with one of these keys."""
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self._shop}/_admin/keys", json={"keys": list(keys)}) as answer,
        ):
            answer.raise_for_status()


async def switch_book(tool: EkpayCommand, merchant: str) -> SwitchBook:
    """All payments of a merchant by the rows of the switch.

    Raises:
        CommandFailedError: the database cannot be read.
    """
    lines = await tool.read("db", "psql", "-XAtqc", _PAYMENTS.format(merchant=merchant))
    ids = {line["trnx_id"]: f"pay_{line['id'].replace('-', '')}" for line in lines}
    return SwitchBook(
        [_switch_payment(line) for line in lines], ids, sum(line["refunds_open"] for line in lines)
    )


async def ipn_keys(tool: EkpayCommand, merchant: str) -> list[str]:
    """The public keys that the merchant's IPNs are signed with."""
    listed = await tool.read("notifications", "endpoints", "list", "--partner", merchant, "--json")
    return [key for endpoint in listed if endpoint["kind"] == "ipn" for key in endpoint["public_keys"]]


def _shop_payments(dump: Mapping[str, Any], *, trusts_returns: bool) -> Iterator[ShopPayment]:
    for order in dump["orders"]:
        for attempt in order["attempts"]:
            accepted = [ipn for ipn in attempt["ipns"] if _HTTP_OK <= ipn["answered"] < _HTTP_REDIRECT]
            yield ShopPayment(
                trnx_id=attempt["trnx_id"],
                standing=attempt["standing"],
                amount_paisa=order["total_paisa"],
                shares=order["shares"],
                ipns=[(ipn["message_id"], ipn["code"]) for ipn in accepted],
                turned_away=len(attempt["ipns"]) - len(accepted),
                forged=sum(ipn["is_signed"] is False for ipn in attempt["ipns"]),
                handed_out=attempt["handed_out"],
                contradictions=attempt["contradictions"],
                unconfirmed=sum(ipn["answered"] in _UNCONFIRMED for ipn in attempt["ipns"]),
                is_blind=trusts_returns and not attempt["returns"],
            )


def _switch_payment(line: Mapping[str, Any]) -> SwitchPayment:
    return SwitchPayment(
        trnx_id=line["trnx_id"],
        state=line["state"],
        amount_paisa=line["amount"],
        shares={
            share["payee"]: SwitchShare(share["amount"], share["refunded"], share["held"])
            for share in line["shares"]
        },
        refunded_paisa=line["refunded"],
        unbalanced_paisa=line["sum"],
        notices=line["deliveries"],
    )
