"""Every page that a receipt's address can show, each over a small world of its own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import State as PaymentState
from ekpay_switch.web import static_files
from ekpay_switch.web.pages import Pages
from tests.api.api_setup import Reply
from tests.browser.checkout_states import State
from tests.web.receipts.receipt_setup import PUBLIC_URL, Stage


@dataclass
class ShownReceipt:
    """A receipt's desk at which a browser may look: at `path`, and whatever that page loads."""

    stage: Stage
    path: str

    async def answer(self, _method: str, url: str, _body: bytes, _headers: Mapping[str, str]) -> Reply:
        """What the application answers to the browser, which only ever looks."""
        path, _, query = url.partition("?")
        return await self.stage.get(path, query=query)


def _state(play: Callable[[Stage], str | None]) -> State:
    async def shown(language: str) -> ShownReceipt:
        stage = Stage()
        static_files.mount(stage.app, Pages(PUBLIC_URL).headers)
        path = play(stage) or stage.path
        return ShownReceipt(stage, f"{path}?lang={language}")

    return shown


def _valid(_: Stage) -> None:
    """As it was paid."""


def _refunded_in_part(stage: Stage) -> None:
    stage.change(refunded=Money(100))


def _refunded(stage: Stage) -> None:
    stage.change(refunded=stage.paid.sums.amount)


def _moving_again(stage: Stage) -> None:
    stage.change(state=PaymentState.IN_REVIEW)


def _unknown(_: Stage) -> str:
    return f"/receipt/{'a' * 42}"


RECEIPTS: Mapping[str, State] = {
    "receipt_valid": _state(_valid),
    "receipt_refunded_in_part": _state(_refunded_in_part),
    "receipt_refunded": _state(_refunded),
    "receipt_moving_again": _state(_moving_again),
    "receipt_unknown": _state(_unknown),
}
