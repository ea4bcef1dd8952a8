"""`ekpay complaints`: what payers complain about, and what the staff answers."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Annotated, TypeVar

import typer

from ekpay_switch.cli.acting import ASKER_VARIABLE, act_as
from ekpay_switch.cli.listing import AsJson, PrintedList, prints_list
from ekpay_switch.cli.session import Session, open_session
from ekpay_switch.cli.terminal import complain, dhaka, show_json
from ekpay_switch.composition.complaints import complaint_desk
from ekpay_switch.domain.citizens.complaints import Complaint, ComplaintMessage, WordsFault, read_words
from ekpay_switch.domain.citizens.typed_words import JOINERS
from ekpay_switch.persistence.short_transactions import ShortTransactions
from ekpay_switch.ports.complaints import ComplaintDesk
from ekpay_switch.security.card_numbers import mask_card_numbers
from ekpay_switch.security.masking import printable

app = typer.Typer(help="What payers complain about.", no_args_is_help=True)

_COUNT_MAX = 1_000
_NUMBER_MAX = 2**63 - 1
_UNREADABLE = "(cannot be read: its row was changed, or sealed under another key)"

Result = TypeVar("Result")


def _answer_words(typed: str) -> str:
    """The words of an answer as they are kept: Bangla has its joiners, and card numbers are masked."""
    words = read_words(typed)
    if isinstance(words, WordsFault):
        raise typer.BadParameter(words.replace("_", " "))
    return mask_card_numbers(words)


Number = Annotated[
    int,
    typer.Argument(metavar="COMPLAINT", min=1, max=_NUMBER_MAX, help="Its number, as `list` prints it."),
]


@app.command("list")
@prints_list
def list_(
    *, every: Annotated[bool, typer.Option("--all", help="Those that are answered, too.")] = False
) -> PrintedList:
    """List the complaints that wait, the one due first before the others; or all, the newest first."""
    found = _read(lambda desk: desk.list_newest(_COUNT_MAX) if every else desk.list_waiting(_COUNT_MAX))
    headings = (">complaint", "due", "state", "about", "filed (Dhaka)", "cart")
    return PrintedList(
        "Complaints",
        headings,
        map(_for_people, found),
        (_for_programs(complaint) for complaint in found),
    )


@app.command()
def show(number: Number, *, as_json: AsJson = False) -> None:
    """Print a complaint with what its payer and the staff wrote, and the cart that it is about."""
    found = _read(lambda desk: desk.by_number(number))
    if found is None:
        complain(f"there is no complaint {number}")
        raise typer.Exit(1)
    if as_json:
        show_json(_for_programs(found))
        return
    for line in _life(found):
        typer.echo(_visible(line))


@app.command()
def answer(
    number: Number,
    by: Annotated[str, typer.Option("--by", help="Who answers, of finance.")],
    words: Annotated[str, typer.Option(callback=_answer_words, help="The answer, as its payer reads it.")],
) -> None:
    """Answer a complaint. Its payer reads it with the payment; a text message says that it is there."""

    async def _answer(opened: Session) -> Complaint:
        async with ShortTransactions(opened.database.connect) as transactions:
            return await _desk(opened, transactions).answer(number, words, by)

    done = act_as(by, ASKER_VARIABLE, lambda opened, _: _answer(opened))
    typer.echo(f"Complaint {done.number} is answered.")


def _read(work: Callable[[ComplaintDesk], Awaitable[Result]]) -> Result:
    session: Session = open_session()

    async def _run() -> Result:
        async with ShortTransactions(session.database.connect) as transactions:
            return await work(_desk(session, transactions))

    return session.run(lambda _: _run())


def _desk(session: Session, transactions: ShortTransactions) -> ComplaintDesk:
    return complaint_desk(session.settings, session.keys(), transactions)


def _life(complaint: Complaint) -> Iterator[str]:
    bill = "" if complaint.bill_seq is None else f", bill {complaint.bill_seq}"
    yield f"complaint {complaint.number}: {_topic(complaint)}, {_state(complaint)}"
    yield f"  cart {complaint.cart_id}{bill}; its payer reads {complaint.language.name.lower()}"
    if complaint.is_waiting:
        yield f"  promised by {complaint.due_on}"
    for message in complaint.messages:
        yield f"  {dhaka(message.at)} {_author(message)}"
        words = _UNREADABLE if message.words is None else message.words
        for line in words.split("\n"):
            yield f"    {line}"


def _visible(line: str) -> str:
    """A line without what acts on a terminal; the joiners of Bangla do nothing there."""
    return "".join(letter if letter in JOINERS else printable(letter) for letter in line)


def _author(message: ComplaintMessage) -> str:
    return f"{message.staff_name} of the staff" if message.staff_name else "its payer"


def _topic(complaint: Complaint) -> str:
    return complaint.topic.replace("_", " ")


def _state(complaint: Complaint) -> str:
    return "escalated" if complaint.is_escalated else str(complaint.state)


def _for_people(complaint: Complaint) -> Sequence[str]:
    return (
        str(complaint.number),
        str(complaint.due_on) if complaint.is_waiting else "",
        _state(complaint),
        _topic(complaint),
        dhaka(complaint.created_at),
        str(complaint.cart_id),
    )


def _for_programs(complaint: Complaint) -> dict[str, object]:
    return {
        "number": complaint.number,
        "cart_id": complaint.cart_id,
        "bill": complaint.bill_seq,
        "topic": complaint.topic,
        "language": complaint.language,
        "state": complaint.state,
        "is_escalated": complaint.is_escalated,
        "created_at": complaint.created_at,
        "due_on": complaint.due_on,
        "escalated_at": complaint.escalated_at,
        "messages": [
            {
                "nth": message.nth,
                "author": message.author,
                "staff_name": message.staff_name or None,
                "at": message.at,
                "words": message.words,
            }
            for message in complaint.messages
        ],
    }
