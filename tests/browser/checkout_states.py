"""Every page of the checkout that a payment can bring about, each over a small world of its own."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol

from ekpay_switch.domain.merchants.cart import Cart, CartDelivery, CartLine
from ekpay_switch.domain.merchants.merchant import PayeeKind, Share
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Declined
from ekpay_switch.domain.payment import State as PaymentState
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.domain.routing.breaker import Breaker, BreakerState
from ekpay_switch.web import static_files
from ekpay_switch.web.pages import Pages
from tests.fakes.world import NOON
from tests.scenarios.checkout import LIFE_SECONDS
from tests.web.checkout.checkout_setup import HOME, ORIGIN, Seen
from tests.web.checkout.language_setup import TOLD, Stand


@dataclass
class Shown:
    """A stand at which a browser may look: at `path`, and whatever that page loads.

    `sent` is what a form was answered with that has been sent already; a browser sees it at `path`.
    """

    stand: Stand
    path: str = HOME
    sent: Seen | None = None

    async def answer(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Seen:
        """What the application answers to the browser."""
        if self.sent is not None and url == self.path:
            return self.sent
        return await self.stand.counter.request(method, url, body, headers)


class Answered(Protocol):
    """An answer as a browser needs it."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> dict[str, str]: ...
    @property
    def body(self) -> bytes: ...


class Looked(Protocol):
    """A page in some state: where it is, and who answers for it."""

    @property
    def path(self) -> str: ...
    async def answer(self, method: str, url: str, body: bytes, headers: Mapping[str, str], /) -> Answered: ...


State = Callable[[str], Coroutine[object, object, Looked]]
STATES: dict[str, Callable[[str], Coroutine[object, object, Shown]]] = {}


def _stand(language: str) -> Stand:
    stand = Stand(language)
    static_files.mount(stand.counter.app, Pages(ORIGIN).headers)
    return stand


def state(play: Callable[[Stand], Awaitable[str | None]]) -> Callable[[Stand], Awaitable[str | None]]:
    """One state; what brings it about names the page where it is not the checkout itself."""

    async def shown(language: str) -> Shown:
        stand = _stand(language)
        path = await play(stand) or HOME
        return Shown(stand, f"{path}{'&' if '?' in path else '?'}lang={language}")

    STATES[play.__name__] = shown
    return play


@state
async def choose(stand: Stand) -> None:
    del stand


@state
async def choose_with_some_away(stand: Stand) -> None:
    stand.shopper.small.routing.breakers["bkash"] = Breaker(BreakerState.OPEN, NOON, "away")
    stand.shopper.small.routing.breakers["nexus"] = Breaker(BreakerState.HALF_OPEN, NOON, "answered")


@state
async def choose_of_many(stand: Stand) -> None:
    """Twelve more wallets and banks than the six that come first."""
    names = ("Rocket", "Upay", "Tap", "mCash", "Janata Bank", "Rupali Bank", "Islami Bank", "Pubali Bank")
    for name in names:
        stand.shopper.adds(name, "account" if name.endswith("Bank") else "wallet")
    stand.shopper.small.routing.chosen = {"bkash": 90, "nagad": 40, "rocket": 20}
    stand.shopper.small.routing.breakers["tap"] = Breaker(BreakerState.OPEN, NOON, "away")


@state
async def choose_with_a_cart(stand: Stand) -> None:
    """All that a merchant can say of an order, with a name that takes two lines."""
    payments = stand.shopper.payments
    assert payments.text is not None
    goods = (
        CartLine("নকশী কাঁথা", "1", Money(60_000)),
        CartLine("Handloom saree with red borders, twelve cubits long", "0.5", Money(40_000)),
    )
    delivery = CartDelivery(Money(6_000), "পদ্মা কুরিয়ার", "within 2 to 3 days", "মিরপুর রোড, ঢাকা")
    payments.text = replace(payments.text, cart=Cart(goods, Money(6_000), delivery))
    split = (
        Share("nakshi-jamalpur", PayeeKind.SELLER, Money(90_000)),
        Share("", None, Money(10_000)),
    )
    stand.put(shares=split, payee_names={"nakshi-jamalpur": "নকশী ঘর"})


@state
async def nothing_offered(stand: Stand) -> None:
    stand.shopper.takes("nobody")


@state
async def on_the_way(stand: Stand) -> str:
    await stand.browser.choose("bkash")
    return f"{HOME}/go"


@state
async def refused(stand: Stand) -> None:
    stand.shopper.refuses("bkash", Declined("insufficient_balance", "2023"))
    await stand.browser.choose("bkash")


@state
async def lapsed_and_watched(stand: Stand) -> None:
    await stand.browser.choose("nagad")
    await stand.shopper.wait(901)
    await stand.shopper.wait(91)


@state
async def at_provider(stand: Stand) -> None:
    await stand.browser.choose("bkash")


@state
async def at_provider_that_takes_the_money_itself(stand: Stand) -> None:
    await stand.browser.choose("nagad")


@state
async def another_way_beside_an_open_page(stand: Stand) -> str:
    await stand.browser.choose("bkash")
    return f"{HOME}?other=1"


@state
async def asking(stand: Stand) -> None:
    await stand.browser.choose("bkash")
    stand.shopper.tries()[0].executes_begun = 1


@state
async def opening(stand: Stand) -> None:
    await stand.browser.choose("bkash")
    stand.shopper.tries()[0].page_url = ""


@state
async def stays(stand: Stand) -> str:
    await stand.browser.choose("bkash")
    return f"{HOME}?stay=1"


@state
async def received(stand: Stand) -> None:
    stand.put(state=PaymentState.FUNDED)


@state
async def asks_whether_to_leave(stand: Stand) -> str:
    await stand.browser.choose("nagad")
    return f"{HOME}/cancel"


@state
async def paid_and_not_told(stand: Stand) -> None:
    await stand.browser.pay()


@state
async def paid_and_told(stand: Stand) -> None:
    await stand.browser.pay()
    stand.put(**TOLD)


@state
async def paid_and_refunded(stand: Stand) -> None:
    await stand.browser.pay()
    stand.put(**TOLD, refunded=Money(40_000))


@state
async def failed(stand: Stand) -> None:
    stand.put(state=PaymentState.DECLINED, **TOLD)


@state
async def cancelled(stand: Stand) -> None:
    stand.put(state=PaymentState.DECLINED, refusal=Refusal.CANCELLED, **TOLD)


@state
async def expired(stand: Stand) -> None:
    stand.put(state=PaymentState.EXPIRED, **TOLD)


@state
async def over(stand: Stand) -> None:
    stand.shopper.small.clock.pass_by(timedelta(seconds=LIFE_SECONDS + 1).total_seconds())


@state
async def goes_back(stand: Stand) -> None:
    stand.put(state=PaymentState.REFUNDING)


@state
async def given_back(stand: Stand) -> None:
    stand.put(state=PaymentState.REFUNDED, **TOLD)


@state
async def review(stand: Stand) -> None:
    stand.put(state=PaymentState.IN_REVIEW)


@state
async def no_such_payment(stand: Stand) -> str:
    del stand
    return f"/pay/checkout/{'A' * 26}"


@state
async def database_away(stand: Stand) -> None:
    stand.shopper.payments.fails_with = OSError("away")


async def choose_after_an_error(language: str) -> Shown:
    """The form was sent with nothing chosen."""
    stand = _stand(language)
    return Shown(stand, f"{HOME}/try", await stand.browser.choose(""))


STATES["choose_after_an_error"] = choose_after_an_error
