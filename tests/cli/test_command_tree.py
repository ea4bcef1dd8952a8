"""What holds for every option of every command: one name for an idea, and an error that helps."""

import re
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeAlias
from uuid import UUID

import pytest
from typer.exceptions import TyperException

from ekpay_switch.cli.misuse import FORMER_NAMES, misuse_line, usage_of
from ekpay_switch.cli.typed_amounts import NOT_TAKA
from ekpay_switch.domain.money import Money
from tests.cli.all_commands import load_all_commands

# Typer keeps its commands and parameters to itself; neither has a public type.
Command: TypeAlias = Any
REPOSITORY = Path(__file__).resolve().parents[2]
RUBBISH = "\x1brubb/ish,=: '"
# What parsers say of themselves.
RAW_TEXTS = (
    "isoformat", "could not convert", "Decimal", "literal", "Input should", "Value error", "valid UUID",
    "unable to parse", "does not match the format", "Traceback", "None",
)  # fmt: skip
# Types whose text may be wrong; any text is the name of a file.
PARSED = (UUID, datetime, date, int, float, Money)
FLAGS = ("--json", "--csv")
STATES = (
    "created, collecting, funded, delivering, completed, declined, expired, refunding, refunded, in_review"
)


def walk(command: Command, path: str) -> Iterator[tuple[str, Command]]:
    for name, sub in getattr(command, "commands", {}).items():
        yield from walk(sub, f"{path} {name}")
    if not hasattr(command, "commands"):
        yield path, command


@pytest.fixture(scope="module")
def commands() -> dict[str, Command]:
    """Every command that does something, by what is typed before its options."""
    groups = load_all_commands().items()
    return {path: command for name, group in groups for path, command in walk(group, f"ekpay {name}")}


def refusal(path: str, command: Command, *words: str) -> str:
    with pytest.raises(TyperException) as refused:
        command.main(list(words), prog_name=path, standalone_mode=False)
    assert refused.value.exit_code == 2
    return misuse_line(refused.value)


def options_of(command: Command) -> list[Command]:
    return [param for param in command.params if param.param_type_name == "option"]


def names_of(command: Command) -> set[str]:
    return {name for option in options_of(command) for name in option.opts}


def test_an_idea_has_one_name_in_every_command(commands: dict[str, Command]) -> None:
    former = set(FORMER_NAMES) - {"--approved-by"}
    assert [path for path, command in commands.items() if names_of(command) & former] == []


def test_the_second_person_is_named_beside_the_first(commands: dict[str, Command]) -> None:
    second = {path: names_of(command) for path, command in commands.items()}
    assert [path for path, names in second.items() if "--approved-by" in names and "--by" not in names] == []


def test_forms_are_flags_and_out_is_a_path(commands: dict[str, Command]) -> None:
    options = [(path, option) for path, command in commands.items() for option in options_of(command)]
    assert [path for path, option in options if {*FLAGS} & {*option.opts} and not option.is_flag] == []
    outs = [option.type_descriptor.annotation for _, option in options if "--out" in option.opts]
    assert outs
    assert set(outs) == {Path}


def test_a_former_name_is_refused_with_the_one_it_has_now(commands: dict[str, Command]) -> None:
    approve = refusal("ekpay refunds approve", commands["ekpay refunds approve"], "x", "--as", "Amina")
    assert approve == "No such option: --as; it is --by now"


def test_all_that_is_missing_is_named_with_an_example(commands: dict[str, Command]) -> None:
    ask = commands["ekpay refunds ask"]
    payment = "01a226cb-60f6-7084-ab82-1d332c5cb031"
    example = "Type: ekpay refunds ask PAYMENT --amount TAKA --reason TEXT --by NAME"
    assert refusal("ekpay refunds ask", ask) == (
        f"Missing PAYMENT, --amount TAKA, --reason TEXT, --by NAME. {example}"
    )
    assert refusal("ekpay refunds ask", ask, payment, "--amount", "5", "--by", "Amina") == (
        f"Missing --reason TEXT. {example}"
    )


def test_every_command_names_all_that_it_misses(commands: dict[str, Command]) -> None:
    for path, command in commands.items():
        required = [usage_of(param) for param in command.params if param.required]
        if required:
            assert refusal(path, command) == (
                f"Missing {', '.join(required)}. Type: {' '.join([path, *required])}"
            )


def is_parsed(param: Command) -> bool:
    descriptor = param.type_descriptor
    kind = descriptor.annotation.__args__[0] if descriptor.is_list else descriptor.annotation
    return bool(descriptor.is_choice or descriptor.parameter_info.parser or kind in PARSED)


def test_rubbish_is_answered_with_the_form_and_never_with_a_parsers_words(
    commands: dict[str, Command],
) -> None:
    tried = 0
    for path, command in commands.items():
        for option in filter(is_parsed, options_of(command)):
            line = refusal(path, command, option.opts[0], RUBBISH)
            assert option.opts[0] in line, (path, line)
            assert not any(raw in line for raw in RAW_TEXTS), (path, line)
            tried += 1
        arguments = [param for param in command.params if param.param_type_name == "argument"]
        if any(map(is_parsed, arguments)):
            line = refusal(path, command, *[RUBBISH] * len(arguments))
            assert not any(raw in line for raw in RAW_TEXTS), (path, line)
            assert line.startswith("Invalid value for '"), (path, line)
            tried += 1
    assert tried > 100


def test_amounts_and_dates_are_read_before_anything_else(commands: dict[str, Command]) -> None:
    """What is a text to Typer would be refused only where the command is at work."""
    texts = [
        (path, param.name)
        for path, command in commands.items()
        # The sandbox's own commands ask far sides without a database of ours.
        if not path.startswith("ekpay sandbox ")
        for param in command.params
        if not is_parsed(param)
        and (param.name.endswith("amount") or param.metavar in {"TAKA", "[TAKA]", "DATE", "NIGHT"})
    ]
    assert texts == []


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("payments list", "--limit", "0"), "'--limit': not a whole number of at least 1 and at most 100000"),
        (("payments list", "--since", "1.4.2026"), "'--since': a business date is written 2026-04-05"),
        (("payments list", "--amount", "1e3"), f"'--amount': {NOT_TAKA}"),
        (("payments list", "--state", "gone"), f"'--state': not one of {STATES}"),
        (("refunds approve", "7"), "'ID': not an id such as 01a226cb-60f6-7084-ab82-1d332c5cb031"),
        (("settle sweep ask", "fees", "--until", "June"), "'--until': not a date such as 2026-04-05"),
        (("routing simulate", "."), "'FILE': file '.' is a directory."),
    ],
)  # fmt: skip
def test_a_wrong_value_is_answered_with_its_form(
    commands: dict[str, Command], words: tuple[str, ...], line: str
) -> None:
    path = f"ekpay {words[0]}"
    assert refusal(path, commands[path], *words[1:]) == f"Invalid value for {line}"


# ---- lists


def lists_of(commands: dict[str, Command]) -> dict[str, Command]:
    return {
        path: command
        for path, command in commands.items()
        if path.endswith(" list") or command.help.startswith("List ")
    }


def test_every_list_is_there_for_programs_and_for_spreadsheets(commands: dict[str, Command]) -> None:
    lists = lists_of(commands)
    assert len(lists) > 30
    assert [path for path, command in lists.items() if not names_of(command) >= {*FLAGS}] == []


def typed_lines() -> Iterator[tuple[str, str]]:
    """Every command of ours that a page or the Makefile shows, with where it stands; wrapped lines joined."""
    pages = [*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md"), REPOSITORY / "Makefile"]
    for page in pages:
        if page.name == "CHANGELOG.md" or page.parent.name == "adr":
            continue
        text = re.sub(r"\\\n\s*", " ", page.read_text(encoding="utf-8"))
        for number, line in enumerate(text.splitlines(), start=1):
            for words in re.findall(r"\bekpay ((?:[a-z][a-z-]* ?)+[^`|#]*)", line):
                yield f"{page.relative_to(REPOSITORY)}:{number}", words


def test_every_option_that_a_page_shows_is_one_of_its_command(commands: dict[str, Command]) -> None:
    unknown = []
    for place, words in typed_lines():
        paths = [path for path in commands if f"ekpay {words} ".startswith(f"{path} ")]
        if not paths:
            continue
        path = max(paths, key=len)
        options = names_of(commands[path]) | {"--help"}
        unknown += [
            f"{place}: {path} has no {option}"
            for option in re.findall(r"(?<=[\s(])--[a-z][a-z0-9-]*", words.split("ekpay ")[0])
            if option not in options
        ]
    assert unknown == []
