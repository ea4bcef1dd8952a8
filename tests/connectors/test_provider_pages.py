"""What each provider's pages say: the shop's name, and in the payer's language, from the first to the last.

The table is what stands on the wire. A name that no wire carries is not on the page, which shows the name
that is registered there; a language that no wire carries is the browser's.
"""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from uuid import UUID

import pytest

import sandbox.providers.bkash.institution as bkash_house
from connectors.payer_page import PayeeMember, PayerPage
from connectors.registry import connector_of
from ekpay_switch.domain.collections.connector_calls import CollectOrder, PageCreated
from ekpay_switch.domain.collections.payer_page import PageContent, PayerLanguage
from ekpay_switch.domain.money import Money
from ekpay_switch.ports.connectors import Connector
from ekpay_switch.ports.host_links import HostPorts
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.in_memory_host_links import InMemoryHostLinks
from ekpay_switch.wing_kit.manifest_file import ManifestError
from ekpay_switch.wing_kit.rehearsal_ports import InMemoryTokens
from ekpay_switch.wire.http import HttpWire
from ekpay_switch.wire.tcp import TcpLines
from sandbox.callers.payer.browser import Browser, PageView
from sandbox.kit.institution.clock import Clock
from sandbox.kit.provider.family import ProviderFamily
from sandbox.kit.provider.settings import ProviderSettings
from sandbox.providers.bank_redirect.family import BankRedirectFamily
from sandbox.providers.bkash.numbers_to_try import first_wallet
from sandbox.providers.bkash.settings import BkashSettings
from sandbox.providers.bkash.wallets import WalletKind
from sandbox.providers.mpgs.family import MpgsFamily
from sandbox.providers.nagad.family import NagadFamily
from sandbox.providers.sslcommerz.family import SslcommerzFamily
from sandbox.providers.token_init_status.family import TokenInitStatusFamily
from tests.connectors.conftest import MANIFESTS, the_manifest
from tests.connectors.families.iso8583.bank_stage import environment
from tests.connectors.families.iso8583.host_link_stage import Bell
from tests.connectors.sandbox_stage import StageClock
from tests.sandbox.caller import AdminCaller, SetClock
from tests.sandbox.conftest import served
from tests.sandbox.providers.bkash.caller import APP, LOGIN
from tests.sandbox.providers.iso8583.caller import a_switch

NAMES = ("Rahima Store & Sons", "রহিমা স্টোর অ্যান্ড সন্স")
LATIN = "Rahima Store and Sons"
OURS = "ekPay"
SHOP = "https://shop.example/pay/return"
CODE, PIN = "123456", "12121"
LANGUAGES = {"bn": "en", "en": "bn"}
"""Each language with the other one."""


@dataclass(frozen=True)
class Told:
    """What a provider is told: the payee's name (`latin`, `both`, or none), and the language or not."""

    name: str = ""
    language: bool = False


UNTOLD, LATIN_NAME = Told(), Told("latin")
TABLE = {
    "bkash": UNTOLD,  # payerReference is the payer's; merchantAssociationInfo holds ids
    "nagad": Told("latin", language=True),  # additionalMerchantInfo.serviceName; locale
    "sslcommerz": LATIN_NAME,  # product_name
    "aamarpay": LATIN_NAME,  # desc
    "upay": LATIN_NAME,  # merchant_name
    "shurjopay": UNTOLD,  # its values are echoed and not shown
    "tap": UNTOLD,
    "mcash": UNTOLD,
    "mycash": UNTOLD,
    "okwallet": UNTOLD,
    "surecash": UNTOLD,
    "dbbl_nexus": UNTOLD,
    "rocket": UNTOLD,
    "sonali_spg": UNTOLD,  # applicentName is the payer's
    "city_bank": UNTOLD,  # description is the only place of our reference
    "ebl": Told("both", language=True),  # interaction.merchant.name and interaction.locale
    "brac_bank": Told("both", language=True),
    "mutual_trust": Told("both", language=True),
    "janata": UNTOLD,
    "agrani": UNTOLD,
    "rupali": UNTOLD,
    "islami_bank": UNTOLD,
    "pubali": UNTOLD,
    "bank_asia": UNTOLD,
    "npsb": UNTOLD,
}
FAMILIES: dict[str, type[ProviderFamily]] = {
    "bank_redirect": BankRedirectFamily,
    "mpgs": MpgsFamily,
    "nagad": NagadFamily,
    "sslcommerz": SslcommerzFamily,
    "token_init_status": TokenInitStatusFamily,
}
_NUMBERS = count(1)


@dataclass
class Counter:
    """A connector before its served provider, and a number that pays there."""

    connector: Connector
    number: str

    async def page_url(self, language: str) -> str:
        """The page of a new order whose payer reads this language."""
        profile = self.connector.profile
        order = CollectOrder(
            payment_id=UUID(int=next(_NUMBERS)),
            connector_id=profile.id,
            reference=f"R{next(_NUMBERS):0{profile.reference_length - 1}d}",
            amount=Money(50_000),
            payer_reference="EXAMPLE",
            return_url=SHOP,
            send_before=time.monotonic() + 10.0,
            epoch=1,
            page=PageContent(*NAMES, PayerLanguage(language)),
        )
        created = await self.connector.create(order)
        assert isinstance(created, PageCreated), created
        return created.page_url

    async def walk(self, url: str, accepts: str) -> list[PageView]:
        """Every page on the way of a payer who pays, the last of which sends the browser back."""
        values = dict.fromkeys(("wallet", "card", "account"), self.number) | {"otp": CODE, "pin": PIN}
        async with Browser(accepts_language=accepts) as browser:
            pages = [await browser.open(url)]
            while pages[-1].sent_to is None and len(pages) < 9:
                pages.append(await browser.submit(pages[-1], values, ("do", "confirm")))
        return pages


@asynccontextmanager
async def a_counter(house: str, folder: Path) -> AsyncIterator[Counter]:
    family = the_manifest(house).family
    opened = {"bkash": _bkash, "iso8583": _bank}.get(family, _provider)
    async with opened(house, folder) as counter:
        yield counter


@asynccontextmanager
async def _provider(house: str, folder: Path) -> AsyncIterator[Counter]:
    family, clock = FAMILIES[the_manifest(house).family], StageClock()
    settings = ProviderSettings.model_validate(
        {"home": folder, "accounts": 50, "registered_return_url": f"{SHOP}/at/{{house}}"}
    )
    provider = family.open(settings, Clock(clock.now))
    async with served(provider) as (session, origin):
        environ = family.settings_for_switch(origin, settings.password.get_secret_value())
        if isinstance(provider, NagadFamily):
            environ |= provider.keys_for_switch()
        desk = AdminCaller(session, origin)
        payers = (await desk.admin("GET", f"payers?house={house}&kind=normal"))["payers"]
        async with _wired(house, environ, clock) as connector:
            yield Counter(connector, payers[0]["number"])


@asynccontextmanager
async def _bkash(house: str, folder: Path) -> AsyncIterator[Counter]:
    clock = StageClock()
    settings = BkashSettings(home=folder, accounts=50)
    async with served(bkash_house.BkashInstitution.open(settings, Clock(clock.now))) as (_, origin):
        secrets = {"USER": LOGIN["username"], "PASSWORD": LOGIN["password"], "URL": origin}
        app = {name.upper(): value for name, value in APP.items()}
        environ = {f"EKPAY_BKASH_{name}": value for name, value in (secrets | app).items()}
        async with _wired(house, environ, clock) as connector:
            yield Counter(connector, first_wallet(WalletKind.NORMAL))


@asynccontextmanager
async def _bank(house: str, folder: Path) -> AsyncIterator[Counter]:
    clock = StageClock()
    async with a_switch(folder, SetClock(clock.instant)) as switch:
        desk = switch.at(house)
        async with _wired(house, environment(desk, house), clock) as connector:
            yield Counter(connector, await desk.number("normal"))


@asynccontextmanager
async def _wired(house: str, environ: dict[str, str], clock: StageClock) -> AsyncIterator[Connector]:
    wire, shelf = HttpWire(clock), InMemoryHostLinks(clock)
    hosts = HostPorts(shelf, shelf, TcpLines(clock), Bell())
    yield connector_of(
        the_manifest(house), FamilyContext(wire, InMemoryTokens(), clock, environ, hosts=hosts)
    )
    await wire.close()


def _texts(pages: Sequence[PageView]) -> list[str]:
    """The pages that were shown; a redirect shows none."""
    return [page.text for page in pages if page.text]


def test_the_table_is_about_every_connector_and_says_what_its_manifest_does() -> None:
    told = {}
    for manifest in MANIFESTS:
        payee, language = manifest.payer_page.payee, manifest.payer_page.language
        name = {"latin": "latin", "any": "both"}[payee.alphabet] if payee else ""
        told[manifest.id] = Told(name, language=language is not None)
    assert told == TABLE
    assert len(TABLE) == 25


@pytest.mark.parametrize("house", TABLE)
async def test_a_page_says_the_shops_name_in_the_payers_language_to_the_end(
    tmp_path: Path, house: str
) -> None:
    told = TABLE[house]
    async with a_counter(house, tmp_path) as counter:
        for language, other in LANGUAGES.items():
            # A browser that asks for the other language is overruled by the wire, and by nothing else.
            accepts = other if told.language else language
            pages = await counter.walk(await counter.page_url(language), accepts)
            texts = _texts(pages)
            assert len(texts) >= 3
            assert all(f'<html lang="{language}">' in text for text in texts)
            shown = {"latin": LATIN, "both": NAMES[language == "bn"].replace("&", "&amp;"), "": OURS}
            assert f"<dd>{shown[told.name]}</dd>" in texts[0], texts[0]
            assert told.name or not any(name.split()[0] in texts[0] for name in NAMES)
            assert (pages[-1].sent_to or "").startswith(SHOP)


@pytest.mark.parametrize("house", [house for house, told in TABLE.items() if told.language])
async def test_the_payer_may_change_the_language_that_was_sent(tmp_path: Path, house: str) -> None:
    async with a_counter(house, tmp_path) as counter:
        url = await counter.page_url("bn")
        mark = "&" if "?" in url else "?"
        pages = await counter.walk(f"{url}{mark}lang=en", "bn")
    assert all('<html lang="en">' in text for text in _texts(pages))


@pytest.mark.parametrize("house", [house for house, told in TABLE.items() if not told.name])
def test_a_manifest_cannot_tell_a_page_what_its_protocol_has_no_member_for(house: str) -> None:
    payee = PayeeMember(member="payee_name", length_max=40, alphabet="latin", unknown="ekPay")
    manifest = the_manifest(house).model_copy(update={"payer_page": PayerPage(payee=payee)})
    environ = dict.fromkeys(manifest.secrets.values(), "secret")
    with pytest.raises(ManifestError, match=r"payer_page\.payee\.member"):
        connector_of(manifest, FamilyContext(HttpWire(StageClock()), InMemoryTokens(), StageClock(), environ))
