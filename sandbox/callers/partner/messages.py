"""The five messages a partner sends, field by field as in ekpay-syndicate-api.md, "Messages".

A message is a plain dict, because a partner's programmers build it by hand and a test must be able to change
any field. Optional fields are left out unless they are given.
"""

import secrets
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

Message = dict[str, Any]

API_VERSION = "v1.3.0"
PARTNER_MODE = "SAPI"
ECHOED_MEMBERS_MIN = ("bllr_id", "bll_typ", "ekpay_fee", "bll_amnt_ttl", "mode")
"""The members of `bllr_inf` that the shortest known client echoes when it pays."""

_DHAKA = timezone(timedelta(hours=6))
_REFERENCE_LENGTH = 24
_REFERENCE_LETTERS = string.ascii_uppercase + string.digits


def new_reference() -> str:
    """Return an unguessable `ref_id` or `trx_id`: 24 of A-Z and 0-9."""
    return "".join(secrets.choice(_REFERENCE_LETTERS) for _ in range(_REFERENCE_LENGTH))


def dhaka_now() -> datetime:
    """Return the present instant with Dhaka's offset."""
    return datetime.now(_DHAKA)


def instant_text(instant: datetime) -> str:
    """Write an instant as `YYYY-MM-DDTHH:MM:SS+06:00`."""
    return instant.astimezone(_DHAKA).isoformat(timespec="seconds")


@dataclass(frozen=True)
class Payout:
    """The partner's collection: its own reference, and the amount in taka as text.

    The reference identifies repeats, so it must be made before the first sending. An amount of None means the
    total of the fetched bill.
    """

    reference: str
    amount: str | None = None


@dataclass(frozen=True)
class MessageWriter:
    """Writes messages as one partner: `node_id` is `NS` + digits, `syndicate_id` is `s` + digits."""

    node_id: str
    syndicate_id: str
    now: Callable[[], datetime] = dhaka_now

    def master_data(self) -> Message:
        """Ask for the billers; the only message without a `ref_id`."""
        message = self._envelope("FETCH_MDM_DATA_REQ", "")
        del message["hdrs"]["ref_id"]
        return message

    def fetch(self, biller_id: str, **bill: str) -> Message:
        """Ask for a bill; `bill` are further members of `bll_inf`, such as `bll_no` or `bllr_accno`."""
        message = self._envelope("FETCH_BLL_REQ", new_reference())
        message["bll_inf"] = {"bllr_id": biller_id, "bll_typ": "NM", "mode": PARTNER_MODE} | bill
        return message | self._user()

    def payment(self, fetched: Mapping[str, Any], payout: Payout, *, is_whole: bool = True) -> Message:
        """Pay a fetched bill: the fetch's `ref_id` and `refno_ack`, and a new `trx_id`.

        `is_whole` echoes `bllr_inf` unchanged; otherwise only the five members that the shortest known client
        sends.
        """
        message = self._envelope("UPDT_BLL_PYMNT_REQ", fetched["hdrs"]["ref_id"])
        message["trx"]["refno_ack"] = fetched["resp_status"]["refno_ack"]
        bill = dict(fetched["bllr_inf"])
        if not is_whole:
            known = bill | {"mode": PARTNER_MODE}
            bill = {name: known[name] for name in ECHOED_MEMBERS_MIN if name in known}
        message["bllr_inf"] = bill
        message["pyd_inf"] = {
            "pyd_trxn_refid": payout.reference,
            "pyd_tms": message["hdrs"]["tms"],
            "pyd_amnt": bill["bll_amnt_ttl"] if payout.amount is None else payout.amount,
        }
        return message | self._user()

    def status(self, ref_id: str, biller_id: str) -> Message:
        """Ask what became of the bill fetched under `ref_id`."""
        message = self._envelope("CHCK_BLL_STTS_REQ", ref_id)
        message["bll_inf"] = {"mode": PARTNER_MODE, "bllr_id": biller_id}
        return message | self._user()

    def balance(self) -> Message:
        """Ask for the balance of the prefund; its `refno_ack` is its own `trx_id`."""
        message = self._envelope("CHCK_BKT_BLNC_REQ", new_reference())
        message["trx"]["refno_ack"] = message["trx"]["trx_id"]
        return message | self._user()

    def _envelope(self, name: str, ref_id: str) -> Message:
        instant = instant_text(self.now())
        return {
            "hdrs": {
                "nm": name,
                "ver": API_VERSION,
                "tms": instant,
                "ref_id": ref_id,
                "nd_id": self.node_id,
            },
            "trx": {"trx_id": new_reference(), "trx_tms": instant},
        }

    def _user(self) -> Message:
        return {"usr_inf": {"syndct_id": self.syndicate_id}}
