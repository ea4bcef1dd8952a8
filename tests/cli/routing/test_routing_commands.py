"""`ekpay routing` as people type it, over decisions that were really kept."""

import asyncio
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ekpay_switch.cli.routing.wording import decision_lines
from ekpay_switch.domain.collections.funding import LockedTry
from ekpay_switch.domain.routing.decision import decide
from ekpay_switch.persistence.embedded.server import EmbeddedPostgres
from tests.cli.command_result import Ekpay
from tests.database import database_of
from tests.persistence.books import Books, group_commit_of
from tests.persistence.collections.collection_setup import open_till
from tests.persistence.routing.routing_setup import OPEN_SINCE, a_routed_try
from tests.scenarios.routing import CARDS, NO_LUCK, a_candidate, a_request, card_rules

ROOT = Path(__file__).parents[3]
CARD = ("routing", "explain", "--instrument", "card", "--amount", "1050.00")
EXCLUDES_EBL = """
version = "draft"
[instruments]
card = ["ebl", "brac_bank", "city_bank"]
[[rules]]
name = "not these days"
exclude = ["ebl"]
"""


@pytest.fixture
def books(home: Path) -> Callable[[str, object], None]:
    """Tells the database of the commands something, as nobody else may."""

    async def tell(statement: str, *values: object) -> None:
        endpoint = EmbeddedPostgres(home).start()
        await Books(endpoint, group_commit_of(database_of(endpoint))).tell(statement, *values)

    return lambda statement, *values: asyncio.run(tell(statement, *values))


@pytest.fixture
def routed(home: Path) -> LockedTry:
    """A try that was routed to `ebl` as a card."""

    async def begin() -> LockedTry:
        endpoint = EmbeddedPostgres(home).start()
        group_commit = group_commit_of(database_of(endpoint))
        await group_commit.start()
        books = Books(endpoint, group_commit)
        try:
            if not await books.count("partners", "id = 'bank1'"):
                await books.partner()
            async with open_till(books) as till:
                return await till.opened(till.new(first=a_routed_try("card")))
        finally:
            await group_commit.stop()

    return asyncio.run(begin())


def explained(ekpay: Ekpay, *words: str) -> dict[str, Any]:
    done = ekpay(*CARD, "--json", *words)
    assert done.code == 0, done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


def why(decision: dict[str, Any]) -> dict[str, str | None]:
    return {one["connector_id"]: one["why"] for one in decision["verdicts"]}


# ---- explain


def test_a_decision_is_explained_connector_by_connector(ekpay: Ekpay) -> None:
    done = ekpay(*CARD)
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[0].strip() == "card: ebl, by the best score"
    assert [line for line in lines if "ebl" in line and "chosen" in line and "0 of 0" in line]
    assert [line for line in lines if "bkash" in line and "stands for another instrument" in line]
    assert "those that hold: banks before aggregators." in done.out


def test_a_payments_life_names_those_who_could_have_collected_it() -> None:
    candidates = [a_candidate(name) for name in (*CARDS, "bkash", "nagad")]
    told = list(decision_lines(decide(a_request(), candidates, card_rules(), NO_LUCK)))
    assert [line.split(":")[0].strip() for line in told[2:-1]] == list(CARDS)
    assert told[-1] == "  2 others stand for another instrument"


def test_programs_read_every_figure(ekpay: Ekpay) -> None:
    decision = explained(ekpay, "--biller", "desco_postpaid", "--partner", "bank1")
    assert (decision["ranking"][0], decision["approach"]) == ("ebl", "scored")
    assert decision["request"]["fee"] == 870
    assert decision["request"]["partner_id"] == "bank1"
    ebl = decision["verdicts"][0]
    assert (ebl["charge"], ebl["score"]) == (1_575, ebl["p"] * ebl["margin"])
    assert why(decision)["nagad"] == "instrument"


def test_a_named_connector_is_explained_as_well(ekpay: Ekpay) -> None:
    done = ekpay("routing", "explain", "--instrument", "bkash", "--amount", "40000.00")
    assert done.code == 0, done.err
    assert "bkash: nobody, nobody was left" in done.out
    assert "takes 1.00 to 30000.00" in done.out


def test_an_open_breaker_is_seen(ekpay: Ekpay, books: Callable[..., None]) -> None:
    books(OPEN_SINCE, "ebl", 5.0)
    try:
        assert why(explained(ekpay))["ebl"] == "breaker"
        listed = json.loads(ekpay("routing", "breakers", "--json").out)
        (ebl,) = [one for one in listed if one["connector_id"] == "ebl"]
        assert (ebl["state"], ebl["because"]) == ("open", "told so by a test")
        assert "open: no payment goes" in ekpay("routing", "breakers").out
        connectors = json.loads(ekpay("connectors", "list", "--json").out)
        assert {one["id"]: one["breaker"] for one in connectors}["ebl"] == "open"
    finally:
        books("DELETE FROM connector_breakers WHERE connector_id = $1", "ebl")
    assert why(explained(ekpay))["ebl"] is None


def test_connectors_are_listed_where_no_database_runs(ekpay: Ekpay, tmp_path: Path) -> None:
    listed = json.loads(ekpay("connectors", "list", "--json", EKPAY_HOME=str(tmp_path / "home")).out)
    assert {one["breaker"] for one in listed} == {None}
    away = ekpay("connectors", "list", "--json", EKPAY_DATABASE_URL="postgresql://a:b@127.0.0.1:1/x")
    assert {one["breaker"] for one in json.loads(away.out)} == {None}
    assert " ? " in ekpay("connectors", "list", EKPAY_HOME=str(tmp_path / "home")).out


def test_another_moment_meets_other_windows(ekpay: Ekpay, tmp_path: Path) -> None:
    config = tmp_path / "config"
    shutil.copytree(ROOT / "config", config)
    with (config / "routing.toml").open("a") as file:
        file.write(
            '\n[[maintenance]]\nconnector = "ebl"\nweekday = "friday"\nstart = "02:00"\nend = "04:00"\n'
        )
    for moment, reason in (("2026-11-27T03:00", "calendar"), ("2026-11-27T04:00", None)):
        done = ekpay(*CARD, "--json", "--at", moment, EKPAY_CONFIG=str(config))
        assert why(json.loads(done.out))["ebl"] == reason


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--instrument", "cheque", "--amount", "1"), "there is no instrument cheque"),
        (("--instrument", "card", "--amount", "1.234"), "not taka with at most two decimals"),
        (("--instrument", "card", "--amount", "0"), "an amount is more than nothing"),
        (("--instrument", "card", "--amount", "1", "--biller", "b999"), "there is no biller b999"),
    ],
)
def test_what_cannot_be_explained_is_said(ekpay: Ekpay, words: tuple[str, ...], told: str) -> None:
    done = ekpay("routing", "explain", *words)
    assert done.code == 2
    assert told in done.err


# ---- the story of a payment


def test_a_payments_story_says_why_its_connector_was_asked(ekpay: Ekpay, routed: LockedTry) -> None:
    told = ekpay("payments", "show", str(routed.payment_id)).out
    assert "Why they were asked to collect\n  card: ebl, by the best score\n" in told
    assert "    ebl: chosen (190 of 200 worked, p 91.04 %, score 32.02)\n" in told
    assert "    brac_bank: number 2 (190 of 200" in told


# ---- simulate


def simulated(ekpay: Ekpay, tmp_path: Path, draft: str, *words: str) -> dict[str, Any]:
    file = tmp_path / "draft.toml"
    file.write_text(draft)
    done = ekpay("routing", "simulate", str(file), "--since", "2026-01-01", "--json", *words)
    assert done.code == 0, done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


def test_a_draft_shows_what_would_have_gone_elsewhere(
    ekpay: Ekpay, tmp_path: Path, routed: LockedTry
) -> None:
    found = simulated(ekpay, tmp_path, EXCLUDES_EBL)
    assert found["elsewhere"] == sum(one["tries"] for one in found["moved"])
    moved = {(one["was"], one["would_be"]): one for one in found["moved"]}
    assert moved["ebl", "brac_bank"]["tries"] >= 1
    assert moved["ebl", "brac_bank"]["gain_paisa"] == 0
    assert str(routed.payment_id) in {one["payment_id"] for one in found["first"]} or found["elsewhere"] > 10
    assert {one["why"] for one in found["first"]} == {"is left out by the rule not these days"}
    told = ekpay("routing", "simulate", str(tmp_path / "draft.toml"), "--since", "2026-01-01").out
    assert "would have gone elsewhere, for 0.00 taka of expected value." in told
    assert [line for line in told.splitlines() if "ebl" in line and "brac_bank" in line]


def test_a_draft_that_changes_nothing_says_so(ekpay: Ekpay, tmp_path: Path, routed: LockedTry) -> None:
    same = EXCLUDES_EBL.split("[[rules]]", maxsplit=1)[0]
    found = simulated(ekpay, tmp_path, same)
    assert (found["tries"] >= 1, found["elsewhere"], found["moved"]) == (True, 0, [])
    assert routed.connector_id == "ebl"
    told = ekpay("routing", "simulate", str(tmp_path / "draft.toml"), "--since", "2026-01-01").out
    assert "0 would have gone elsewhere" in told
    nothing = simulated(ekpay, tmp_path, same, "--until", "2026-01-02")
    assert nothing["tries"] == 0


def test_a_draft_that_leaves_nobody_shows_that(ekpay: Ekpay, tmp_path: Path, routed: LockedTry) -> None:
    draft = EXCLUDES_EBL.replace('exclude = ["ebl"]', 'exclude = ["ebl", "brac_bank", "city_bank"]')
    found = simulated(ekpay, tmp_path, draft)
    assert ("ebl", "nobody") in {(one["was"], one["would_be"]) for one in found["moved"]}
    assert routed.connector_id == "ebl"


def test_a_draft_that_prefers_another_says_how_it_was_chosen(
    ekpay: Ekpay, tmp_path: Path, routed: LockedTry
) -> None:
    found = simulated(
        ekpay, tmp_path, EXCLUDES_EBL.replace("exclude", "prefer").replace('ebl"]\n', 'city_bank"]\n')
    )
    assert {one["why"] for one in found["first"]} == {"goes behind: chosen by the best score"}
    assert routed.connector_id == "ebl"


def test_a_draft_that_cannot_be_used_is_refused_with_its_faults(ekpay: Ekpay, tmp_path: Path) -> None:
    file = tmp_path / "draft.toml"
    file.write_text(EXCLUDES_EBL.replace("city_bank", "townbank"))
    done = ekpay("routing", "simulate", str(file), "--since", "2026-01-01")
    assert done.code == 1
    assert done.err.strip() == "ekpay: draft.toml: instruments.card: there is no townbank"
