import re
from pathlib import Path

import pytest

from reconciliation.breaks.codes import BreakCode
from reconciliation.errors import ConfigurationError
from reconciliation.resolutions.resolution_actions import ResolutionAction, read_resolution_rules

CONFIG = Path(__file__).parents[3] / "config" / "resolutions.toml"
TEXT = CONFIG.read_text(encoding="utf-8")
RULES = read_resolution_rules(CONFIG)


@pytest.mark.parametrize("code", BreakCode)
def test_every_code_has_an_action(code: BreakCode) -> None:
    assert RULES.actions_for(code)


@pytest.mark.parametrize("action", ResolutionAction)
def test_every_action_says_its_reverse_in_words_and_can_be_begun(action: ResolutionAction) -> None:
    rule = RULES.rules[action]
    assert rule.reverse
    if rule.after is not None:
        assert not RULES.rules[rule.after].ends


def test_bands_ask_for_more_persons_above_a_limit_and_have_no_end() -> None:
    limit = RULES.bands[0].up_to_paisa
    assert limit is not None
    assert [RULES.checkers(paisa) for paisa in (0, limit, limit + 1, 10**15)] == [1, 1, 2, 2]


def block(name: str) -> str:
    found = re.search(rf'\[\[actions\]\]\nname = "{name}"\n.*?(?=\n\[\[|\n# ----)', TEXT, re.DOTALL)
    assert found
    return found[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (TEXT.replace(block("write_off"), ""), "each action once"),
        (TEXT + "\n" + block("write_off"), "each action once"),
        (TEXT.replace('name = "repost"', 'name = "resend"'), "resend|actions"),
        (TEXT.replace('"TIMING", ', ""), "no action for TIMING"),
        (TEXT.replace('after = "to_suspense"', 'after = "write_off"'), "cannot come after"),
        (TEXT.replace('after = "to_suspense"', 'after = "correct_books"'), "cannot come after"),
        (TEXT.replace("up_to_paisa = 1_000_000\n", ""), "without a bound"),
        (TEXT.replace("checkers = 1", "checkers = 3"), "checkers"),
        (TEXT.replace("checkers = 1", "checkers = 0"), "checkers"),
        (TEXT.replace('role = "finance"', 'role = "anybody"'), "role"),
        (TEXT.replace("[[bands]]\ncheckers = 2", "[[bands]]\nup_to_paisa = 5\ncheckers = 2"), "bound"),
        (
            TEXT.replace("[[bands]]\ncheckers = 2", "[[bands]]\ncheckers = 1").replace(
                "checkers = 1", "checkers = 2", 1
            ),
            "rise",
        ),
        (TEXT.replace("ends = true", "ends = 1", 1), "ends"),
        (TEXT + "\nmore = 1\n", "more"),
        ("= nothing", "resolutions.toml"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused(tmp_path: Path, text: str, words: str) -> None:
    assert text != TEXT
    path = tmp_path / "resolutions.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=words):
        read_resolution_rules(path)
