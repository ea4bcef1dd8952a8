"""Reading the profiles of billers without calling any far side."""

from ekpay_switch.domain.decisions.case import BillerTraits
from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.plugins import load_billers
from ekpay_switch.ports.billers import BillerAdapter, BillerProfile, UndoingBillerAdapter
from ekpay_switch.ports.world import NotSent, WireReply, WireRequest
from ekpay_switch.settings import Settings
from ekpay_switch.system_clock import SystemClock


class NoSuchBillerError(SwitchError):
    """There is no biller of this id here; `ekpay billers list` names them."""


class NoWire:
    """Sends nothing: profiles are read from manifests alone."""

    async def send(self, far_side: str, request: WireRequest) -> WireReply:
        """See `ports.Wire`."""
        return NotSent(f"{far_side} is not asked for {request.method}")


class NoTokens:
    """Keeps no token, for the same reason."""

    async def current(self, far_side: str) -> str | None:
        """See `ports.Tokens`."""

    async def lease(self, far_side: str, seconds: float) -> int | None:
        """See `ports.Tokens`."""

    async def count_login(self, *_: object, **__: object) -> bool:
        """See `ports.Tokens`."""
        return False

    async def uncount_login(self, far_side: str, epoch: int) -> None:
        """See `ports.Tokens`."""

    async def store(self, *_: object, **__: object) -> bool:
        """See `ports.Tokens`."""
        return False

    async def release(self, far_side: str, epoch: int) -> None:
        """See `ports.Tokens`."""

    async def drop(self, far_side: str, token: str) -> None:
        """See `ports.Tokens`."""


def profiles_of(settings: Settings) -> list[BillerProfile]:
    """The profile of every biller whose manifest can be read; raises what the wings raise for the others."""
    billers = load_billers(settings.config, NoWire(), NoTokens(), SystemClock(), settings.time_divisor)
    return [adapter.profile for adapter in billers.all()]


def biller_traits_of(settings: Settings) -> dict[str, BillerTraits]:
    """What decisions must know of each biller, by id."""
    billers = load_billers(settings.config, NoWire(), NoTokens(), SystemClock(), settings.time_divisor)
    return {adapter.profile.id: _traits_of(adapter) for adapter in billers.all()}


def _traits_of(adapter: BillerAdapter) -> BillerTraits:
    profile = adapter.profile
    return BillerTraits(
        from_deposit=profile.pays_from_deposit,
        undoes=isinstance(adapter, UndoingBillerAdapter) and profile.safety.can_be_undone,
        has_unique_receipt=profile.has_unique_receipt,
        receipt_comes_later=profile.receipt_comes_later,
    )


def profile_of(settings: Settings, biller_id: str) -> BillerProfile:
    """The profile of one biller.

    Raises:
        NoSuchBillerError: there is none of this id.
    """
    for profile in profiles_of(settings):
        if profile.id == biller_id:
            return profile
    raise NoSuchBillerError
