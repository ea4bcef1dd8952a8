"""`ekpay run`: the stage stays open, with a cast whose credentials are kept, until somebody stops it."""

import asyncio
from dataclasses import replace

from rich.console import Console

from sandbox.demo.cast import Cast, engage, load, save, top_up
from sandbox.demo.stage import Stage

_PARTNERS = 3
_FIRST_TOP_UP_TAKA = 1_000_000


async def keep_open(stage: Stage, screen: Console) -> None:
    """Start everything, make the cast on the first start, say what to try, and wait to be cancelled."""
    with screen.status("starting PostgreSQL …"):
        await stage.open_database()
    with screen.status("starting DESCO, switch and worker …"):
        await stage.open_far_side()
        await stage.open_switch()
    cast = await _cast(stage, screen)
    for line in _what_to_try(stage, cast):
        screen.print(line)
    await asyncio.get_running_loop().create_future()


async def _cast(stage: Stage, screen: Console) -> Cast:
    """The cast of earlier starts, at the address of this one; or a new one with filled prefunds."""
    folder = stage.setting.sandbox_home
    cast = load(folder)
    if cast is None:
        with screen.status("making staff, partners and prefunds …"):
            cast = await engage(stage.tool, stage.setting.switch_address, _PARTNERS)
            save(cast, folder)
            for player in cast.players:
                await top_up(stage.tool, cast, player, _FIRST_TOP_UP_TAKA)
    cast = replace(cast, address=stage.setting.switch_address)
    save(cast, folder)
    return cast


def _what_to_try(stage: Stage, cast: Cast) -> list[str]:
    setting, program = stage.setting, stage.tool.typed()
    partners = ", ".join(player.id for player in cast.players)
    return [
        f"switch   {setting.switch_address}   /health/ready, /metrics, /syndicate/api",
        f"DESCO    {setting.desco_address}   simulated",
        f"partners {partners}   their secrets: {setting.sandbox_home / 'partners.json'}",
        f"logs     {setting.logs}",
        f"Waiting times are divided by {setting.time_divisor}.",
        "",
        "Try in another terminal:",
        f"  {program} sandbox pay --biller b025 --account 10000007",
        f"  {program} sandbox pay --biller b025 --account 94000001   its answer is lost",
        f"  {program} payments list",
        f"  {program} partners list",
        f"  {program} audit",
        "",
        "Ctrl-C stops everything; the data stays.",
    ]
