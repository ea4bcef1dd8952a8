"""What a wing's command is handed as the context's object, over an installation as it stands."""

import asyncio
import shutil
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
import typer

from ekpay_switch.cli.ledger.finance import OpenedFinance
from ekpay_switch.cli.main import carry_out
from ekpay_switch.persistence.ledger.windows import SettlementWindows
from ekpay_switch.persistence.parties.staff import NotAllowedError
from ekpay_switch.ports.finance import ClosedWindow, Finance
from ekpay_switch.shipped_folders import find_config_folder
from tests.cli.command_result import Ekpay
from tests.cli.two_persons import on_the_staff

PASSPHRASE = "correct horse battery"


@pytest.fixture
def finance(ekpay: Ekpay) -> OpenedFinance:
    """As a command gets it; the fixture `ekpay` has set the home."""
    assert ekpay("partners", "list").code == 0
    return OpenedFinance()


def test_a_command_of_a_wing_gets_it_and_nothing_is_opened_for_that(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EKPAY_HOME", str(tmp_path / "home"))
    wing, app, handed = typer.Typer(), typer.Typer(), list[Finance]()

    @wing.command()
    def night(context: typer.Context) -> None:
        handed.append(context.obj)
        typer.echo(context.obj.home_folder)

    @wing.command()
    def other() -> None:
        """One more, so that the first is a word."""

    app.add_typer(wing, name="wing")
    assert carry_out(app, ["wing", "night"]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'home'}\n"
    assert isinstance(handed[0], OpenedFinance)
    assert list(tmp_path.iterdir()) == []


def test_a_deposit_should_last_as_long_as_the_manifest_of_its_biller_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    shutil.copytree(find_config_folder(), config)
    manifest = config / "billers" / "nesco_prepaid.toml"
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(text.replace("alarm_below_days = 1.0", "alarm_below_days = 1.1"), encoding="utf-8")
    monkeypatch.setenv("EKPAY_CONFIG", str(config))
    days = OpenedFinance().deposit_alarm_days()
    assert (days["nesco_prepaid"], days["breb_prepaid"]) == (Decimal("1.1"), Decimal(1))
    assert "desco_postpaid" not in days


def test_it_connects_as_each_role(finance: OpenedFinance, home: Path) -> None:
    async def _who(role: str) -> str:
        connection = await finance.connect(role)
        try:
            return str(await connection.fetchval("SELECT current_user"))
        finally:
            await connection.close()

    assert [asyncio.run(_who(role)) for role in ("app", "owner", "audit")] == [
        "ekpay_app", "ekpay_owner", "ekpay_audit",
    ]  # fmt: skip
    assert finance.url("audit").startswith("postgresql://ekpay_audit:")
    assert (finance.home_folder, finance.config) == (home, find_config_folder())


def test_a_person_needs_their_passphrase_and_the_role(ekpay: Ekpay, finance: OpenedFinance) -> None:
    for name, role in (("Nasreen of finance", "finance"), ("Jahid who operates", "operator")):
        on_the_staff(ekpay, name, PASSPHRASE, role)
    asyncio.run(finance.persons.verify("Nasreen of finance", PASSPHRASE))
    for name, passphrase in (
        ("Nasreen of finance", "another horse battery"), ("Jahid who operates", PASSPHRASE),
    ):  # fmt: skip
        with pytest.raises(NotAllowedError):
            asyncio.run(finance.persons.verify(name, passphrase))


def test_windows_close_with_the_rates_of_the_manifests(
    finance: OpenedFinance, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Mapping[str, int]] = []

    async def _see(self: SettlementWindows, up_to: date) -> Sequence[ClosedWindow]:
        given.append(self._connector_fees())
        return await close(self, up_to)

    close = SettlementWindows.close
    monkeypatch.setattr(SettlementWindows, "close", _see)
    (window,) = asyncio.run(finance.windows.close(date(2026, 1, 1)))
    assert (window.business_date, window.lines) == (date(2026, 1, 1), 0)
    assert given[0]["bkash"] == 150
    assert len(given[0]) >= 25


def test_books_and_evidence_are_of_the_same_installation(finance: OpenedFinance) -> None:
    """Other tests book in this installation too, so the sum is read from it and not written here."""
    of_bank_charges = "SELECT coalesce(sum(amount), 0)::bigint FROM postings WHERE account = 'bank_charges'"

    async def _look() -> tuple[int, int, int]:
        await finance.books.open_accounts(["bank_charges"])
        connection = await finance.connect()
        try:
            balances = await finance.books.balances(connection)
            recorded = await finance.evidence.tell(connection, [])
            return balances["bank_charges"], int(await connection.fetchval(of_bank_charges)), recorded
        finally:
            await connection.close()

    balance, sum_of_postings, recorded = asyncio.run(_look())
    assert balance == sum_of_postings
    assert recorded == 0
