"""What commands of reconciliation get from the core: `ports.finance.Finance`, opened when it is first used.

A wing's command finds it as the context's object and imports nothing of persistence. The settings are read,
and the database is started, at the first use of one of its members.
"""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ekpay_switch.cli.billers.profiles import profiles_of as biller_profiles_of
from ekpay_switch.cli.connectors.profiles import profiles_of
from ekpay_switch.cli.parties.partner_statements import write_statements
from ekpay_switch.cli.session import Session, open_session
from ekpay_switch.persistence.alarms.wing import WingAlarms
from ekpay_switch.persistence.bank_lines import BankLineRows
from ekpay_switch.persistence.collections.file_evidence import FileEvidenceStore
from ekpay_switch.persistence.collections.live_movements import LiveMovementRows
from ekpay_switch.persistence.disputes.chargeback_rows import DisputedChargebackRows
from ekpay_switch.persistence.ledger.adjustments import Adjustments
from ekpay_switch.persistence.ledger.windows import SettlementWindows
from ekpay_switch.persistence.parties.staff import Role, Staff, may_decide
from ekpay_switch.ports import finance as finance_ports
from ekpay_switch.ports.disputes import ChargebackRows
from ekpay_switch.ports.finance import Connection
from ekpay_switch.settings import Settings, read_settings


class FinanceStaff:
    """The staff of finance (`ports.finance.Persons`)."""

    def __init__(self, session: Callable[[], Session]) -> None:
        self._session = session

    async def verify(self, name: str, passphrase: str) -> None:
        """Raises NotAllowedError unless the passphrase is theirs and they have the role `finance`."""
        engine = self._session().database.engine(pool_size=1)
        try:
            await Staff(engine).verify(name, passphrase, Role.FINANCE)
        finally:
            await engine.dispose()

    async def may_decide(self, connection: Connection, name: str) -> bool:
        """Whether they may decide now, in the caller's transaction."""
        return await may_decide(connection, name)


class OpenedFinance:
    """`ports.finance.Finance` over the settings and the database of this process."""

    @cached_property
    def _settings(self) -> Settings:
        return read_settings()

    @cached_property
    def _session(self) -> Session:
        return open_session()

    @property
    def home_folder(self) -> Path:
        """The folder of this installation."""
        return self._settings.home

    @property
    def config(self) -> Path:
        """The folder of the configuration."""
        return self._settings.config

    @property
    def is_rehearsal(self) -> bool:
        """Whether no money is real here."""
        return self._settings.rehearsal

    def deposit_alarm_days(self) -> Mapping[str, Decimal]:
        """The days of vends below which each deposit is an alarm, by the manifests of billers."""
        profiles = biller_profiles_of(self._settings)
        # By its digits: what is compared with paisa is no float.
        days = {profile.id: profile.deposit_alarm_days for profile in profiles if profile.pays_from_deposit}
        return {biller: Decimal(str(of_biller)) for biller, of_biller in days.items()}

    @property
    def windows(self) -> finance_ports.Windows:
        """Settlement windows, and the lines that are frozen with them."""
        return SettlementWindows(self.connect, self._charge_basis_points)

    @property
    def books(self) -> finance_ports.AdjustmentBooks:
        """Entries that finance decides on."""
        return Adjustments(self.connect)

    @property
    def evidence(self) -> finance_ports.FileEvidence:
        """The statements of files, as evidence for the payments that wait for it."""
        return FileEvidenceStore()

    @property
    def chargeback_rows(self) -> ChargebackRows:
        """The chargeback rows of settlement files, as disputes."""
        return DisputedChargebackRows()

    @property
    def movements(self) -> finance_ports.LiveMovements:
        """What was booked about the movements of breaks."""
        return LiveMovementRows()

    @property
    def bank_lines(self) -> finance_ports.BankLines:
        """What books the lines of our own bank."""
        return BankLineRows()

    @property
    def alarms(self) -> finance_ports.AlarmBooks:
        """The alarms of the wing."""
        return WingAlarms()

    @property
    def persons(self) -> finance_ports.Persons:
        """The staff."""
        return FinanceStaff(lambda: self._session)

    async def write_partner_statements(self, night: date, folder: Path) -> int:
        """Leave the statement of every partner with a prefund in `folder`; how many there are."""
        connection = await self.connect()
        try:
            return await write_statements(connection, night, folder)
        finally:
            await connection.close()

    def _charge_basis_points(self) -> dict[str, int]:
        """The charge of each connector on what it collects, in basis points."""
        return {profile.id: profile.charge_basis_points for profile in profiles_of(self._settings)}

    def url(self, role: str = "app") -> str:
        """The libpq URL of a role; it holds a password and is never shown."""
        return self._session.database.url(role)

    async def connect(self, role: str = "app") -> Connection:
        """One connection of the driver's own with the session guards on; the caller closes it."""
        return await self._session.database.connect(role)


if TYPE_CHECKING:
    _IS_FINANCE: finance_ports.Finance = OpenedFinance()
