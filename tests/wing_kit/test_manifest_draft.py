"""Drafts: what of a pattern goes over into a new manifest, line by line."""

import tomllib
from pathlib import Path

import pytest

from ekpay_switch.wing_kit.manifest_draft import (
    CAUTIOUS,
    MARK,
    DraftPlan,
    DraftRequest,
    UnwritableError,
    choose_pattern,
    plan_draft,
    render_draft,
    write_draft,
)

PATTERN = """# Where this is from.
id = "old"      # ours
name_en = "Old # 1" # (A)
steps = [ # two
  "save",
]


# Promised.
[safety]
deduplicates = true # (A)
echoes_amount = true

[secrets]
user = "EKPAY_OLD_USER" # it's theirs

[[examples]]
body = '''
{"id": "1"} # no comment

'''
# The next.
[[examples]]
body = '''{"#": 2}''' # spoken
plain = 'a # b' # c
"""
DRAFT = f"""# Begun.

id = "new"
name_en = "Old # 1" {MARK}
steps = [ {MARK}
  "save",
]

# Do this.
[safety]
deduplicates = false
echoes_amount = true {MARK}

[secrets]
user = "EKPAY_OLD_USER"

# Replies.
[[examples]]
body = '''
{{"id": "1"}} # no comment

'''
[[examples]]
body = '''{{"#": 2}}'''
plain = 'a # b'
"""
PLAN = DraftPlan(
    comments=("# Begun.",),
    values={"id": '"new"'},
    notes={"safety": "# Do this.", "examples": "# Replies."},
    safety_facts={"deduplicates": "false"},
)
WISH = DraftRequest("new_one", "pigeon")


def test_comments_stay_behind_and_what_is_kept_is_marked() -> None:
    assert render_draft(PATTERN, PLAN) == DRAFT


def test_nothing_else_changes() -> None:
    before, after = tomllib.loads(PATTERN), tomllib.loads(render_draft(PATTERN, PLAN))
    assert after == before | {"id": "new", "safety": {"deduplicates": False, "echoes_amount": True}}


def test_a_plan_is_suspended_and_cautious_but_for_what_is_known() -> None:
    plan = plan_draft(WISH, "hand", {"protocol": '"generic"'}, {}, ["echoes_amount"])
    assert (plan.values["status"], plan.values["protocol"]) == ('"suspended"', '"generic"')
    assert (plan.values["name_en"], plan.values["name_bn"]) == (
        f'"New One" {MARK}',
        f'"New One" {MARK}: in Bangla',
    )
    assert plan.safety_facts == {fact: value for fact, value in CAUTIOUS.items() if fact != "echoes_amount"}


def test_a_draft_has_the_settings_of_its_own_and_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "old.toml").write_text(PATTERN, encoding="utf-8")
    path = write_draft(tmp_path / "old.toml", WISH, PLAN)
    assert path == tmp_path / "new_one.toml"
    assert 'user = "EKPAY_NEW_ONE_USER"' in path.read_text(encoding="utf-8")
    path.write_text("mine", encoding="utf-8")
    with pytest.raises(UnwritableError, match="there already"):
        write_draft(tmp_path / "old.toml", WISH, PLAN)
    assert path.read_text(encoding="utf-8") == "mine"


def test_the_pattern_is_whom_was_named_or_the_plainest_or_the_first() -> None:
    known = {"b": "pigeon", "a": "pigeon", "c": "owl"}
    assert choose_pattern(WISH, ["pigeon"], known, "") == "a"
    assert choose_pattern(WISH, ["pigeon"], known, "b") == "b"
    assert choose_pattern(WISH, ["pigeon"], known, "c") == "a"
    assert choose_pattern(DraftRequest("new_one", "pigeon", pattern_id="b"), ["pigeon"], known, "a") == "b"
    for wish, why in (
        (DraftRequest("N", "pigeon"), "no id"),
        (DraftRequest("new_one", "owl"), "no family owl; there are pigeon"),
        (DraftRequest("new_one", "pigeon", pattern_id="c"), "c is not of the family pigeon: a, b"),
    ):
        with pytest.raises(UnwritableError, match=why):
            choose_pattern(wish, ["pigeon"], known, "")
    with pytest.raises(UnwritableError, match="no manifest"):
        choose_pattern(WISH, ["pigeon"], {}, "")
