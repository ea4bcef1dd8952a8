"""Filling the prefunds of the demo's partners with what their script pays, and a reserve."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sandbox.rehearsals.demo.admin_clients.admin_client import BillerAdminClient
from sandbox.rehearsals.demo.paying.script import PartnerOrder, Scene
from sandbox.rehearsals.installation.ekpay_command import EkpayCommand, run_few_at_once
from sandbox.rehearsals.installation.parties import BUCKETS, Parties, StagePartner, top_up

# Money in a prefund beyond the bills that its partner will pay, in taka: for fees and holds.
_ROOM_TAKA = 50_000
_PAISA = 100


class _PartnerBucket(NamedTuple):
    """One of the prefunds of a partner."""

    partner: StagePartner
    name: str


async def fill_prefunds(
    tool: EkpayCommand, clients: Mapping[str, BillerAdminClient], parties: Parties, scenes: Sequence[Scene]
) -> dict[tuple[str, str], int]:
    """Put into each bucket what its partner will need; return the amounts in paisa by partner and bucket."""
    taka_by_bucket = {
        _PartnerBucket(player, name): _needed_taka(clients, scenes, number, name)
        for number, player in enumerate(parties.partners)
        for name in BUCKETS
    }

    async def _fill(bucket: _PartnerBucket) -> None:
        await top_up(tool, parties, bucket.partner, bucket.name, taka_by_bucket[bucket])

    await run_few_at_once(_fill, taka_by_bucket)
    return {(bucket.partner.id, bucket.name): taka * _PAISA for bucket, taka in taka_by_bucket.items()}


def _needed_taka(
    clients: Mapping[str, BillerAdminClient], scenes: Sequence[Scene], partner: int, bucket: str
) -> int:
    """What one partner will pay from one bucket, and a reserve."""
    partner_bills = [
        scene.bill for scene in scenes if isinstance(scene, PartnerOrder) and scene.partner == partner
    ]
    paid = [bill.amount_paisa for bill in partner_bills if clients[bill.biller].bucket == bucket]
    return sum(paid) // _PAISA + _ROOM_TAKA
