"""`ekpay run`: an installation with stored parties that runs until it is stopped."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from rich.console import Console

from sandbox.cheatsheet import build_cheatsheet, short_lines
from sandbox.messaging.institution import INBOX_PATH
from sandbox.providers.bkash.wallets import FIRST_NORMAL_WALLET, WALLET_LENGTH, WalletKind, magic_wallet
from sandbox.rehearsals.demo.admin_clients.admin_client import SimulatorAddress
from sandbox.rehearsals.demo.admin_clients.bkash import BkashAdminClient
from sandbox.rehearsals.demo.admin_clients.breb import BrebAdminClient
from sandbox.rehearsals.demo.landing_notes import write_notes
from sandbox.rehearsals.installation import ekshop_account as ekshop
from sandbox.rehearsals.installation.installation import LOGINS, WALLET, Stage, StageSettings
from sandbox.rehearsals.installation.parties import BUCKETS, Parties, create_parties, load, save, top_up
from sandbox.rehearsals.installation.rest_shop import RestShop, open_account
from sandbox.rehearsals.installation.rest_shop import load as load_shop
from sandbox.rehearsals.installation.rest_shop import save as save_shop

_PARTNERS = 3
_LOST = magic_wallet(WalletKind.EXECUTE_LOST_DONE)
_WALLETS = f"wallets {FIRST_NORMAL_WALLET:0{WALLET_LENGTH}d} and on"
_FIRST_TOP_UP_TAKA = 1_000_000


async def keep_open(stage: Stage, screen: Console) -> None:
    """Start everything, create missing parties, print what to try, and wait until cancelled."""
    with screen.status("starting PostgreSQL …"):
        await stage.open_database()
    with screen.status("starting billers, bKash, proxy, switch and worker …"):
        await stage.open_far_side()
        await stage.open_counters()
        await stage.open_wallet()
        await stage.open_gateways()
        await stage.open_sms()
        await stage.open_proxy()
        await stage.open_switch()
        async with BkashAdminClient(
            SimulatorAddress(stage.setting.wallet.address, stage.passwords[WALLET])
        ) as bkash:
            await bkash.subscribe(stage.callback_address)
    parties = await _parties(stage, screen)
    shop = await _shop(stage, parties)
    account = await _ekshop(stage, parties)
    stage.save_logins()
    inbox = _inbox(stage.setting)
    write_notes(stage.setting.home_folder, parties, shop, account, wallets=_WALLETS, inbox=inbox)
    address = SimulatorAddress(stage.setting.biller_address("breb"), stage.passwords["breb"])
    async with BrebAdminClient(address) as admin_client:
        (bill,) = await admin_client.payables(1)
    for line in _suggestions(stage, parties, bill.named[0]):
        screen.print(line)
    await asyncio.get_running_loop().create_future()


async def _parties(stage: Stage, screen: Console) -> Parties:
    """The stored parties with the current switch address; or new ones with filled prefunds."""
    folder = stage.setting.sandbox_home
    parties = load(folder)
    if parties is None:
        with screen.status("making staff, partners and prefunds …"):
            parties = await create_parties(stage.tool, stage.setting.switch_address, _PARTNERS)
            save(parties, folder)
            for player in parties.partners:
                for bucket in BUCKETS:
                    await top_up(stage.tool, parties, player, bucket, _FIRST_TOP_UP_TAKA)
    parties = replace(parties, address=stage.setting.switch_address)
    save(parties, folder)
    return parties


async def _shop(stage: Stage, cast: Parties) -> RestShop:
    """The shop of the first partner: with its stored key, or with a new one if the return page has moved."""
    folder, place = stage.setting.sandbox_home, stage.setting.wallet.return_place
    shop = load_shop(folder)
    if shop is None or shop.place != place:
        shop = await open_account(stage.tool, cast.partners[0].id, place)
        save_shop(shop, folder)
    return shop


async def _ekshop(stage: Stage, cast: Parties) -> ekshop.ShopAccount:
    """Open ekShop with its stored account, or with a new one if its address has changed."""
    folder, place = stage.setting.sandbox_home, stage.setting.shop_place
    account = ekshop.load(folder)
    if account is None or account.place != place:
        account = await ekshop.create_merchant(stage.tool, cast.staff[0], place, folder)
        ekshop.save(account, folder)
    await stage.open_shop()
    return account


def _suggestions(stage: Stage, cast: Parties, breb: Mapping[str, str]) -> list[str]:
    setting = stage.setting
    return [
        *_places(setting, cast),
        "",
        *_own_far_sides(setting.switch_address),
        "",
        *short_lines(build_cheatsheet()),
        "",
        "Try in another terminal:",
        *_commands_to_try(setting, stage.tool.command_text(), breb),
        "",
        "Ctrl-C stops everything; the data stays.",
    ]


def _inbox(setting: StageSettings) -> str:
    return f"{setting.sms_address}{INBOX_PATH}"


def _places(setting: StageSettings, cast: Parties) -> list[str]:
    """What listens where, and which file holds which secret."""
    partners = ", ".join(player.id for player in cast.partners)
    proxied = ", ".join(map(str, (*setting.proxied.values(), setting.wallet.proxied_port)))
    billers = ", ".join(f"{name.upper()} {setting.biller_address(name)}" for name in setting.billers)
    counters = ", ".join(f"{name} {port}" for name, port in setting.counters.items())
    gateways = ", ".join(f"{name} {port}" for name, port in setting.gateways.items())
    web, worker = setting.operations_port, setting.worker_operations_port
    watching = f"the web process http://127.0.0.1:{web}, the worker http://127.0.0.1:{worker}"
    return [
        f"switch   {setting.switch_address}   /health/ready, /syndicate/api, /v1",
        f"watching {watching}   /metrics, /health/detail",
        f"billers  {billers}   simulated",
        f"houses   {counters}   47 more billers, a port a family; GET /_admin/houses, /_admin/unpaid",
        f"gateways {gateways}   24 more ways to pay, a port a family; GET /_admin/houses, /_admin/payers",
        f"bKash    {setting.wallet.address}   simulated; {_WALLETS}",
        f"SMS      inbox of text messages: {_inbox(setting)}",
        f"proxy    before them, at ports {proxied}",
        f"partners {partners}   their secrets: {setting.sandbox_home / 'partners.json'}",
        f"shop     {cast.partners[0].id}   its API key: {setting.sandbox_home / 'shop.json'}",
        f"ekShop   http://{setting.shop_place}   a shop of several sellers, paid through the merchant API",
        f"logins   of every biller and provider: {setting.sandbox_home / LOGINS}",
        f"mailbox  {setting.mailbox_port}   a port of yours that notifications may go to",
        f"logs     {setting.logs}",
        f"Waiting times are divided by {setting.time_divisor}.",
    ]


def _commands_to_try(setting: StageSettings, program: str, breb: Mapping[str, str]) -> list[str]:
    """One command for each thing that a person would try first."""
    pay, collect = f"  {program} sandbox pay", f"  {program} sandbox collect"
    order = f"  {program} sandbox shop-order"
    named = f"--account {breb['bllr_accno']} --period {breb['bll_period']} --mobile {breb['bill_mobno']}"
    return [
        f"{pay} --biller b025 --account 10000007                  DESCO",
        f"{pay} --biller b025 --account 94000001                  its answer is lost",
        f"{pay} --biller b9001 {named}   BREB",
        f"{pay} --biller b9002 --account 84000001 --amount 500     NESCO, a token of twelve lines",
        f"{collect} --account 10000008                           a payer of bKash pays DESCO",
        f"{collect} --account 10000009 --wallet {_LOST}     the answer of its execute is lost",
        f"{collect} --account 10000010 --instrument nagad        another wallet; any connector will do",
        f"{collect} --account 10000011 --does cancel             and changes their mind",
        f"{collect} --biller b9002 --account 84000002 --amount 500   NESCO, and gets tokens",
        f"{order}                                       a customer of ekShop, from the cart to the goods",
        f"{order} --as-agent --instrument nagad         an agent orders for a villager",
        f"{order} --cancel                              and changes their mind",
        f"  {program} sandbox faults reset_after --of desco --network",
        f"  {program} sandbox statements --out {setting.home_folder / 'reconciliation' / 'inbox'}",
        f"  {program} payments list",
        f"  {program} partners list",
        f"  {program} audit",
    ]


def _own_far_sides(switch: str) -> list[str]:
    """How a bank, a shop or a biller of one's own is pointed at this switch."""
    return [
        "Bring your own, in another terminal:",
        f"  bank    {switch}/syndicate/api, as one of the partners above",
        f"  shop    {switch}/ekpaypg/v1, once it is added (docs/how-to/integrate-a-shop.md)",
        "  biller  EKPAY_DESCO_URL=http://127.0.0.1:PORT make run sends you its payments; any URL in logins",
    ]
