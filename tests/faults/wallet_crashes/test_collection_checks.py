"""The judge of wallet payments finds what it is there to find, in books made up with a fault."""

from dataclasses import replace

import pytest

from tests.faults.crashes.payment_checks import Theirs
from tests.faults.wallet_crashes.collection_checks import (
    Debit,
    Heard,
    HeardRefund,
    OurCollection,
    OurRefund,
    OurTry,
    Returned,
    WalletEvidence,
    judge_wallets,
)

HEARD = Heard("K1", "B1", ("pending", "paid"))
TRY = OurTry("I1", "X1", 1_030)
OURS = OurCollection("K1", "B1", "completed", 1_000, 1_030, ("T1",), (OurTry("I0"), TRY))
DEBIT = Debit("I1", "X1", 1_030, 15)
THEIRS = Theirs("B1", "T1", 1_000, 1)
SOUND = WalletEvidence((HEARD,), (OURS,), (DEBIT,), (THEIRS,), (), {"receivable": 1_015, "payable": -1_000})

# Half of it was asked back and given.
REFUND = OurRefund("rfd_1", "done", 500, "Y1")
HALF_BACK = replace(
    SOUND,
    heard=(replace(HEARD, refunds=(HeardRefund("rfd_1", "done", 500),)),),
    ours=(replace(OURS, refunds=(REFUND,)),),
    debits=(replace(DEBIT, returned=(Returned("Y1", 500),)),),
    nets={"receivable": 515, "payable": -500},
)
# The biller refused, and all of it was given back.
ALL_BACK = replace(
    SOUND,
    heard=(replace(HEARD, statuses=("pending", "refund_pending", "refunded")),),
    ours=(replace(OURS, state="refunded", refunds=(replace(REFUND, amount=1_030),)),),
    debits=(replace(DEBIT, returned=(Returned("Y1", 1_030),)),),
    theirs=(),
    nets={"receivable": -15},
)
# The payer never agreed.
UNPAID = replace(
    SOUND,
    heard=(replace(HEARD, statuses=("pending", "failed")),),
    ours=(replace(OURS, state="declined", tries=(OurTry("I1"),), sent_as=()),),
    debits=(),
    theirs=(),
    nets={},
)
SECOND_DEBIT = replace(DEBIT, invoice="I0", transaction="X0", returned=(Returned("Y0", 1_030),))


@pytest.mark.parametrize("evidence", [SOUND, HALF_BACK, ALL_BACK, UNPAID])
def test_sound_books_have_no_fault(evidence: WalletEvidence) -> None:
    assert judge_wallets(evidence).faults == ()


@pytest.mark.parametrize(
    "evidence",
    [
        replace(SOUND, theirs=()),
        replace(SOUND, theirs=(replace(THEIRS, transaction="T9"),)),
        replace(SOUND, ours=()),
        replace(UNPAID, debits=(DEBIT,)),
        replace(SOUND, ours=(replace(OURS, state="collecting", tries=(OurTry("I1"),)),), theirs=()),
        replace(ALL_BACK, debits=(DEBIT,)),
        replace(ALL_BACK, debits=(replace(DEBIT, returned=(Returned("Y1", 1_000),)),)),
        replace(HALF_BACK, debits=(DEBIT,)),
        replace(UNPAID, heard=(HEARD,)),
        replace(UNPAID, debits=(replace(DEBIT, invoice="I9"),)),
    ],
    ids=[
        "paid, and not at the biller",
        "paid, and at the biller under another transaction",
        "paid, and not in the books",
        "taken, and declined in the books",
        "taken, and still waited for",
        "given back in our books alone",
        "given back in part",
        "a refund that the wallet never made",
        "told that it is paid, and declined in the books",
        "taken for a page that none of ours is",
    ],
)
def test_lost_money_is_found(evidence: WalletEvidence) -> None:
    assert judge_wallets(evidence).lost


@pytest.mark.parametrize(
    "evidence",
    [
        replace(SOUND, debits=(DEBIT, replace(SECOND_DEBIT, returned=()))),
        replace(SOUND, debits=(DEBIT, SECOND_DEBIT)),
        replace(SOUND, theirs=(replace(THEIRS, saves=2),)),
        replace(SOUND, theirs=(THEIRS, replace(THEIRS, transaction="T2"))),
        replace(SOUND, sent_twice=("B1",)),
        replace(SOUND, ours=(OURS, replace(OURS, key="K2"))),
        replace(HALF_BACK, debits=(replace(DEBIT, returned=(Returned("Y1", 500), Returned("Y2", 500))),)),
        replace(ALL_BACK, theirs=(THEIRS,)),
        replace(SOUND, debits=(replace(DEBIT, returned=(Returned("Y1", 1_030),)),)),
        replace(
            HALF_BACK,
            ours=(replace(OURS, refunds=(replace(REFUND, amount=1_010),)),),
            debits=(replace(DEBIT, returned=(Returned("Y1", 1_010),)),),
        ),
    ],
    ids=[
        "taken on two pages",
        "taken on two pages, and once given back",
        "saved twice under one transaction",
        "saved under two transactions",
        "sent again under another transaction and refused by the biller",
        "completed under two keys",
        "one refund given twice",
        "given back, and paid at the biller",
        "delivered, and given back without a record",
        "more given back than the payee got",
    ],
)
def test_a_doubled_movement_is_found(evidence: WalletEvidence) -> None:
    assert judge_wallets(evidence).doubled


@pytest.mark.parametrize(
    "evidence",
    [
        replace(SOUND, ours=(replace(OURS, state="delivering"),)),
        replace(SOUND, ours=(replace(OURS, state="in_review"),)),
        replace(HALF_BACK, ours=(replace(OURS, refunds=(replace(REFUND, state="in_doubt"),)),)),
        replace(HALF_BACK, ours=(replace(OURS, refunds=(replace(REFUND, state="by_hand"),)),)),
        replace(SOUND, heard=()),
        replace(SOUND, heard=(replace(HEARD, statuses=()),)),
        replace(SOUND, heard=(replace(HEARD, statuses=("paid", "pending")),)),
        replace(SOUND, heard=(replace(HEARD, statuses=("failed", "paid")),)),
        replace(UNPAID, ours=()),
        replace(HALF_BACK, heard=(replace(HEARD, refunds=(HeardRefund("rfd_1", "failed", 500),)),)),
        replace(HALF_BACK, heard=(replace(HEARD, refunds=(HeardRefund("rfd_9", "done", 500),)),)),
        replace(SOUND, debits=(replace(DEBIT, transaction="X9"),)),
        replace(SOUND, debits=(replace(DEBIT, amount=1_031),)),
        replace(SOUND, debits=()),
        replace(SOUND, theirs=(replace(THEIRS, amount=999),)),
        replace(SOUND, theirs=(THEIRS, Theirs("B2", "T2", 1_000, 1))),
        replace(SOUND, nets={"receivable": 1_014}),
        replace(SOUND, nets={"receivable": 1_015, "suspense": -1_030}),
        replace(ALL_BACK, nets={"receivable": 1_015, "refund_due": -1_030}),
    ],
    ids=[
        "still open",
        "in review",
        "a refund in doubt",
        "a refund that is left to finance",
        "in the books, and the shop does not know the key",
        "in the books, and the shop heard nothing",
        "told that it is paid, and then that it is not",
        "told two ends",
        "told, and not in the books",
        "a refund told otherwise than it stands",
        "a refund told that does not stand",
        "another name of the movement",
        "another amount taken",
        "delivered, and nothing taken",
        "another amount at the biller",
        "the biller holds what we never sent",
        "the wallet owes us a paisa less by our ledger",
        "money left in suspense",
        "money left owed",
    ],
)
def test_anything_else_that_does_not_fit_is_found(evidence: WalletEvidence) -> None:
    assert judge_wallets(evidence).wrong
