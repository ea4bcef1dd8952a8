"""Every field of every message filled with rubbish: a clear answer, no money, and nothing said back."""

import json
from copy import deepcopy
from itertools import product

import pytest

from ekpay_switch.api.syndicate.codes import MESSAGES
from tests.api.api_setup import PATHS, Caller, Content, Desk, code_of
from tests.factories import BILL_NO, CHARGED, PREFUND, TAKEN
from tests.fakes.billers import LOSES_ANSWER
from tests.scenarios.job_rounds import resolve_due

MEMBERS = {
    "hdrs": ("nm", "ver", "tms", "ref_id", "nd_id"),
    "trx": ("trx_id", "trx_tms", "refno_ack"),
    "bll_inf": (
        *("bllr_id", "bll_no", "bll_period", "meter_no", "bllr_accno", "bill_mobno", "bll_typ", "bll_loc_cd"),
        *("xchng_code", "last_pay_dt", "amount", "mode", "bll_cstnm", "x_licence_no"),
    ),
    "bllr_inf": ("bllr_id", "bll_amnt_ttl", "ekpay_fee"),
    "pyd_inf": ("pyd_trxn_refid", "pyd_tms", "pyd_amnt"),
    "usr_inf": ("syndct_id",),
}
BLOCKS = {
    "FETCH_MDM_DATA_REQ": ("hdrs", "trx"),
    "FETCH_BLL_REQ": ("hdrs", "trx", "bll_inf", "usr_inf"),
    "UPDT_BLL_PYMNT_REQ": ("hdrs", "trx", "bllr_inf", "pyd_inf", "usr_inf"),
    "CHCK_BLL_STTS_REQ": ("hdrs", "trx", "bll_inf", "usr_inf"),
    "CHCK_BKT_BLNC_REQ": ("hdrs", "trx", "usr_inf"),
}
# What this message does not know and therefore, like any unknown member, does not read.
UNREAD = {
    *((name, "trx", "refno_ack") for name in BLOCKS if name != "UPDT_BLL_PYMNT_REQ"),
    *(("CHCK_BLL_STTS_REQ", "bll_inf", m) for m in MEMBERS["bll_inf"] if m not in {"bllr_id", "mode"}),
    ("FETCH_MDM_DATA_REQ", "hdrs", "ref_id"),
    ("CHCK_BKT_BLNC_REQ", "hdrs", "ref_id"),
}
FIELDS = [(name, block, m) for name, blocks in BLOCKS.items() for block in blocks for m in MEMBERS[block]]
WRONG_TYPES: list[object] = [True, [], {}, ["b025"], {"a": {"b": []}}]
MARKED = ["<script>mark</script>", "mark' OR 1=1; --", "{{7*7}}mark", "../../mark", "$(mark)", "mark\r\nX: y"]
RUBBISH = [*WRONG_TYPES, None, "", " ", "x" * 5_000, "১২৩", "\u202e", "-1", "1e3", "\x7f", 17, *MARKED]


async def a_message(bank: Caller, name: str) -> Content:
    fetched = await bank.fetch()
    return {
        "FETCH_MDM_DATA_REQ": bank.write.master_data,
        "FETCH_BLL_REQ": lambda: bank.write.fetch("b025", bll_no=BILL_NO),
        "UPDT_BLL_PYMNT_REQ": lambda: bank.payment(fetched),
        "CHCK_BLL_STTS_REQ": lambda: bank.write.status(fetched["hdrs"]["ref_id"], "b025"),
        "CHCK_BKT_BLNC_REQ": bank.write.balance,
    }[name]()


async def say(bank: Caller, name: str, message: object) -> Content:
    return await bank.say(PATHS[name], json.dumps(message).encode())


@pytest.mark.parametrize("name", BLOCKS)
async def test_an_unspoilt_message_is_done(bank: Caller, name: str) -> None:
    assert code_of(await say(bank, name, await a_message(bank, name))) == "0000"


@pytest.mark.parametrize(("name", "block", "member"), FIELDS)
async def test_rubbish_in_any_field_moves_no_money_and_is_not_repeated(
    desk: Desk, bank: Caller, name: str, block: str, member: str
) -> None:
    good = await a_message(bank, name)
    for rubbish in RUBBISH:
        spoilt = deepcopy(good)
        spoilt[block][member] = rubbish
        entries = len(desk.small.books.entries)
        answer = await say(bank, name, spoilt)
        assert code_of(answer) in MESSAGES
        # A caller's own name of its call comes back to it.
        if (block, member) != ("trx", "trx_id"):
            assert "mark" not in json.dumps(answer)
        if code_of(answer) != "0000":
            assert len(desk.small.books.entries) == entries
        else:
            assert (name, block, member) in UNREAD or rubbish not in WRONG_TYPES


TAKA = "must be taka with at most two decimals"
NOT_AS_LISTED = "is not as this biller's master data say"


@pytest.mark.parametrize(
    ("name", "block", "member", "value", "fault"),
    [
        ("FETCH_BLL_REQ", "hdrs", "ref_id", "mark", "hdrs.ref_id must be 20 to 32 of A-Z and 0-9"),
        ("FETCH_BLL_REQ", "hdrs", "nd_id", "mark", "hdrs.nd_id must be NS and digits"),
        ("FETCH_BLL_REQ", "hdrs", "tms", "mark", "hdrs.tms must be YYYY-MM-DDTHH:MM:SS+06:00"),
        ("FETCH_BLL_REQ", "hdrs", "nm", "mark", "hdrs.nm must be FETCH_BLL_REQ"),
        ("FETCH_BLL_REQ", "trx", "trx_id", "", "trx.trx_id must be 1 to 64 printable characters"),
        ("FETCH_BLL_REQ", "bll_inf", "bllr_id", None, "bll_inf.bllr_id is not as specified"),
        ("FETCH_BLL_REQ", "bll_inf", "bll_typ", "mark", "bll_inf.bll_typ must be M or NM"),
        ("FETCH_BLL_REQ", "bll_inf", "amount", "mark", f"bll_inf.amount {TAKA}"),
        ("FETCH_BLL_REQ", "bll_inf", "x_licence_no", "m" * 200, "bll_inf.x_licence_no is too long"),
        ("FETCH_BLL_REQ", "bll_inf", "bll_no", "12", f"bll_inf.bll_no {NOT_AS_LISTED}"),
        ("FETCH_BLL_REQ", "bll_inf", "bll_no", "", "bll_inf.bll_no is missing"),
        ("FETCH_BLL_REQ", "usr_inf", "syndct_id", "mark", "usr_inf.syndct_id must be s and digits"),
        ("UPDT_BLL_PYMNT_REQ", "pyd_inf", "pyd_amnt", "mark", f"pyd_inf.pyd_amnt {TAKA}"),
        ("UPDT_BLL_PYMNT_REQ", "trx", "refno_ack", "", "trx.refno_ack must be that of a fetch answer"),
        ("FETCH_BLL_REQ", "hdrs", "ref_id", "ABCD4111111111111111", "hdrs.ref_id holds a card number"),
        (
            "UPDT_BLL_PYMNT_REQ",
            "pyd_inf",
            "pyd_trxn_refid",
            "4111-1111-1111-1111",
            "pyd_inf.pyd_trxn_refid holds a card number",
        ),
        ("UPDT_BLL_PYMNT_REQ", "trx", "refno_ack", "4111111111111111", "trx.refno_ack holds a card number"),
    ],
)
async def test_what_is_malformed_is_named_without_its_value(
    bank: Caller, name: str, block: str, member: str, value: object, fault: str
) -> None:
    message = await a_message(bank, name)
    message[block][member] = value
    answer = await say(bank, name, message)
    assert answer["resp_status"]["rsp_msg"] == f"malformed message: {fault}"


@pytest.mark.parametrize("name", BLOCKS)
async def test_a_block_that_is_missing_is_named(bank: Caller, name: str) -> None:
    good = await a_message(bank, name)
    for block in BLOCKS[name]:
        if block == "trx" and name not in {"FETCH_BLL_REQ", "UPDT_BLL_PYMNT_REQ"}:
            continue
        spoilt = {key: value for key, value in good.items() if key != block}
        answer = await say(bank, name, spoilt)
        assert answer["resp_status"]["rsp_msg"] == f"malformed message: {block} is missing"


@pytest.mark.parametrize("trx_id", ["1", "TXN-20260301", "a b", "x" * 64])
async def test_any_printable_text_names_a_call_in_our_logs(bank: Caller, trx_id: str) -> None:
    message = bank.write.fetch("b025", bll_no=BILL_NO)
    message["trx"]["trx_id"] = trx_id
    answer = await bank.exchange(message)
    assert (code_of(answer), answer["trx"]["trx_id"]) == ("0000", trx_id)


@pytest.mark.parametrize("trx_id", ["", "x" * 65, "a\nb", "নাম", None, 7.5, ["x"]])
async def test_what_is_no_printable_text_does_not(bank: Caller, trx_id: object) -> None:
    message = bank.write.fetch("b025", bll_no=BILL_NO)
    message["trx"]["trx_id"] = trx_id
    assert code_of(await bank.exchange(message)) == ("0000" if trx_id == 7.5 else "2001")


async def test_the_number_that_a_caller_sends_comes_back(bank: Caller) -> None:
    message = bank.write.fetch("b025", bll_no=BILL_NO, bill_mobno="+8801712345678")
    assert (await bank.exchange(message))["bllr_inf"]["bll_mobno"] == "+8801712345678"


@pytest.mark.parametrize("name", BLOCKS)
async def test_a_block_that_is_missing_or_no_block_is_malformed(desk: Desk, bank: Caller, name: str) -> None:
    good = await a_message(bank, name)
    no_blocks: list[object] = [None, [], "x", 17, True, {}]
    for block, rubbish in product(BLOCKS[name], no_blocks):
        spoilt = deepcopy(good)
        spoilt[block] = rubbish
        is_optional = (
            block == "trx" and rubbish is None and name not in {"FETCH_BLL_REQ", "UPDT_BLL_PYMNT_REQ"}
        )
        assert code_of(await say(bank, name, spoilt)) == ("0000" if is_optional else "2001")
    assert desk.small.biller.orders == []


@pytest.mark.parametrize(
    "reference", ["", "R" * 65, "R\n1", "R\0", "' OR 1=1 --", "১২৩", "R 1", "é", None, True, ["R1"]]
)
async def test_a_payment_reference_that_is_none_is_malformed(
    desk: Desk, bank: Caller, reference: object
) -> None:
    message = bank.payment(await bank.fetch())
    message["pyd_inf"]["pyd_trxn_refid"] = reference
    assert code_of(await bank.exchange(message)) == "2001"
    assert desk.small.books.payments == {}


BANGLA, ARABIC, FULL_WIDTH = "\\u09e7\\u09e6\\u09eb\\u09e6", "\\u0661\\u0660\\u0665", "\\uff11\\uff10"
NUMBERS_REFUSED = [
    "NaN",
    "Infinity",
    "-Infinity",
    "1e3",
    "1e400",
    "1E3",
    "-1",
    "-0",
    "-1050.00",
    "1050.001",
    "1050.0000",
    "0x10",
]
TEXTS_REFUSED = [
    "NaN",
    "Infinity",
    "1e3",
    "-1050.00",
    "+1050.00",
    "1,050.00",
    "1_050",
    "1050.000",
    ".5",
    "1050.",
    "true",
    "null",
]
TEXTS_REFUSED += [" 1050.00", "1050.00 ", BANGLA, f"{BANGLA}.00", f"1050.{BANGLA[:12]}", ARABIC, FULL_WIDTH]
TEXTS_REFUSED += ["\\u09f31050", "9" * 14, "1050.00\\u0000", "\\ud83d\\ude00", "\\n1050.00", "1050.00\\n"]
AMOUNTS_REFUSED = [
    *NUMBERS_REFUSED,
    *("9" * 5_000, "1" + "0" * 24, "true", "false", "[1050]", "{}", '{"amount":1050}'),
    *(f'"{text}"' for text in TEXTS_REFUSED),
]


async def pay_with(bank: Caller, block: str, member: str, literal: str) -> Content:
    """A payment in which one amount is exactly this JSON text."""
    message = bank.payment(await bank.fetch())
    message[block][member] = "@@"
    return await bank.say("update-billPayment", json.dumps(message).replace('"@@"', literal).encode())


@pytest.mark.parametrize("literal", AMOUNTS_REFUSED)
async def test_what_is_no_amount_is_malformed_wherever_an_amount_stands(
    desk: Desk, bank: Caller, literal: str
) -> None:
    for place in (("pyd_inf", "pyd_amnt"), ("bllr_inf", "bll_amnt_ttl"), ("bllr_inf", "ekpay_fee")):
        assert code_of(await pay_with(bank, *place, literal)) == "2001"
    fetch = json.dumps(bank.write.fetch("b025", bll_no=BILL_NO, amount="@@"))
    assert code_of(await bank.say("fetch-bill", fetch.replace('"@@"', literal).encode())) == "2001"
    assert desk.small.books.payments == {}


async def test_no_amount_at_all_is_malformed(bank: Caller) -> None:
    assert code_of(await pay_with(bank, "pyd_inf", "pyd_amnt", "null")) == "2001"
    assert code_of(await pay_with(bank, "pyd_inf", "pyd_amnt", '""')) == "2001"


@pytest.mark.parametrize(
    "literal", ["1050", "1050.0", "1050.00", '"1050"', '"1050.0"', '"1050.00"', '"01050.00"']
)
async def test_the_same_amount_in_another_spelling_is_the_same_amount(
    desk: Desk, bank: Caller, literal: str
) -> None:
    assert code_of(await pay_with(bank, "pyd_inf", "pyd_amnt", literal)) == "0000"
    assert desk.small.books.balance(PREFUND) == 1_000_000 - TAKEN


async def test_a_repeat_in_another_spelling_has_the_same_content(desk: Desk, bank: Caller) -> None:
    message = bank.payment(await bank.fetch())
    for amount in ("1050.00", "1050", "1050.0"):
        message["pyd_inf"]["pyd_amnt"] = amount
        message["trx"]["trx_id"] = "T" * 24
        message["pyd_inf"]["pyd_tms"] = amount
        assert code_of(await bank.exchange(message)) == "0000"
    assert len(desk.small.biller.orders) == 1


async def test_the_amount_may_hold_our_fee_and_the_same_is_taken(desk: Desk, bank: Caller) -> None:
    assert code_of(await pay_with(bank, "pyd_inf", "pyd_amnt", '"1055.75"')) == "0000"
    assert desk.small.books.balance(PREFUND) == 1_000_000 - TAKEN
    assert TAKEN == 105_575
    assert CHARGED == 575


async def test_a_client_that_echoes_the_least_is_served_like_the_others(bank: Caller) -> None:
    message = bank.payment(await bank.fetch())
    for member in list(message["bllr_inf"]):
        if member != "bllr_id":
            del message["bllr_inf"][member]
    assert code_of(await bank.exchange(message)) == "0000"


async def test_unknown_members_are_ignored_wherever_they_stand(desk: Desk, bank: Caller) -> None:
    message = bank.payment(await bank.fetch())
    extra = {"status": "completed", "role": "admin", "fee": 0, "is_refunded": True, "deep": [[[]]]}
    message |= extra
    for block in ("hdrs", "trx", "bllr_inf", "pyd_inf", "usr_inf"):
        message[block] |= extra
    assert code_of(await bank.exchange(message)) == "0000"
    assert desk.small.books.balance(PREFUND) == 1_000_000 - TAKEN


async def test_in_progress_today_is_done_tomorrow_under_the_same_reference(desk: Desk, bank: Caller) -> None:
    desk.small.biller.deeds.append(LOSES_ANSWER)
    message = bank.payment(await bank.fetch())
    assert code_of(await bank.exchange(message)) == "0102"
    desk.small.clock.pass_by(90)
    assert await resolve_due(desk.small.world, 45) == 1
    message["trx"]["trx_id"] = "U" * 24
    assert code_of(await bank.exchange(message)) == "0000"
    assert len(desk.small.biller.orders) == 1


async def test_one_partner_never_sees_another_ones_payment(desk: Desk, bank: Caller) -> None:
    desk.small.books.top_up("bank2", "postpaid", 1_000_000)
    fetched = await bank.fetch()
    await bank.exchange(bank.payment(fetched, "R1"))
    other = desk.partner(202)
    status = await other.exchange(other.write.status(fetched["hdrs"]["ref_id"], "b025"))
    assert code_of(status) == "1002"
    assert code_of(await other.fetch_and_pay("R1")) == "1010"
