"""SQL conditions for IPNs: which notifications are IPNs, and the order among the IPNs of one payment.

`e` is an endpoint and `n` a notification of the enclosing query, which needs the parameters of `KINDS`.
"""

import orjson

from ekpay_switch.domain.merchants.merchant import MerchantCode
from ekpay_switch.domain.notifications import IPN_CODES, NOTICES

KINDS = {
    "events": orjson.dumps({notice: terms.event for notice, terms in NOTICES.items()}).decode(),
    "ipns": orjson.dumps(dict(IPN_CODES)).decode(),
}
# Channels: 0 nothing, 1 mail and IPN, 2 mail, 3 IPN (ekpay-merchant-api.md 1.2).
WANTS = """
CASE e.kind WHEN 'ipn' THEN CAST(:ipns AS jsonb) ? n.notice AND EXISTS (
  SELECT FROM merchant_orders AS o
  WHERE o.payment_id = n.payment_id AND o.ipn_channel IN ('1', '3') AND o.ipn_uri <> ''
) ELSE e.events = '[]' OR e.events @> (CAST(:events AS jsonb) -> n.notice) END
"""
# Of the two IPNs of a merchant that may be under way, one place is for successes (0), for which somebody
# waits with goods, and one for other ends (1), whose payers wait at the checkout until the shop was notified.
RANK = f"""
CASE WHEN e.kind = 'ipn' AND CAST(:ipns AS jsonb) ->> n.notice <> '{MerchantCode.SUCCESS}' THEN 1 ELSE 0 END
"""
# The version grows with each step of a payment, under its lock.
IS_OUTDATED = """
(e.kind = 'ipn' AND EXISTS (
  SELECT FROM notifications AS s WHERE s.payment_id = n.payment_id AND (s.version, s.id) > (n.version, n.id)
    AND CAST(:ipns AS jsonb) ? s.notice
))
"""
# Another IPN of the payment of delivery `w` is being sent; only a few of an endpoint are at a time.
HAS_SIBLING_ON_THE_WAY = """
(e.kind = 'ipn' AND EXISTS (
  SELECT FROM notification_deliveries AS sd
  JOIN notifications AS s ON s.id = sd.notification_id
  JOIN notifications AS mine ON mine.id = w.notification_id
  WHERE sd.endpoint_id = e.id AND sd.lease_until >= now() AND s.payment_id = mine.payment_id
))
"""
TAKEN_LAST = """
CASE e.kind WHEN 'ipn' THEN (
  SELECT s.notice FROM notifications AS s
  JOIN notification_deliveries AS sd ON sd.notification_id = s.id AND sd.endpoint_id = e.id
  WHERE s.payment_id = n.payment_id AND (s.version, s.id) < (n.version, n.id) AND sd.state = 'delivered'
  ORDER BY s.version DESC, s.id DESC LIMIT 1
) END
"""
# The hosts that the merchant has listed, where a second person has approved plain http.
PLAIN_HOSTS = """
CASE e.kind WHEN 'ipn' THEN (
  SELECT return_hosts FROM merchants AS m
  WHERE m.partner_id = e.partner_id AND m.insecure_ipns_approved_by IS NOT NULL
) END
"""
URL = """
CASE e.kind WHEN 'ipn' THEN (SELECT ipn_uri FROM merchant_orders WHERE payment_id = n.payment_id)
ELSE e.url END
"""
