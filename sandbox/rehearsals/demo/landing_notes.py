"""What the switch's landing page says in a rehearsal: a file in its home folder."""

from pathlib import Path

from sandbox.providers.bkash.settings import BkashSettings
from sandbox.rehearsals.installation.ekshop_account import ShopAccount
from sandbox.rehearsals.installation.parties import Parties, write_secret_json
from sandbox.rehearsals.installation.rest_shop import RestShop

FILE = "rehearsal.json"


def write_notes(
    home: Path, parties: Parties, shop: RestShop, ekshop: ShopAccount, *, wallets: str, inbox: str
) -> None:
    """Write where a test order is made, where its text messages arrive, and what everything is tried with."""
    partner, wallet = parties.partners[0], BkashSettings.model_fields
    credentials = {
        "Syndicate API: user_id, pass_key": f"{partner.user_id}  {partner.pass_key}",
        "Syndicate API: nd_id, syndct_id, secret": (
            f"{partner.node_id}  {partner.syndicate_id}  {partner.secret}"
        ),
        "REST v1: API key": shop.key,
        "Merchant API: mer_reg_id, mer_pas_key": f"{ekshop.mer_reg_id}  {ekshop.pass_key}",
        "bKash: verification code, PIN": f"{wallet['otp'].default}  {wallet['pin'].default}",
        "bKash": wallets,
        "Inbox of text messages": inbox,
    }
    notes = {"order_url": f"http://{ekshop.place}/", "credentials": credentials}
    write_secret_json(home / FILE, notes)
