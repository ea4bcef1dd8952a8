"""Who runs the switch: config/site.toml, and what is refused in it."""

from pathlib import Path

import pytest

from ekpay_switch.settings import Settings
from ekpay_switch.web.pages import groups_of_four
from ekpay_switch.web.site import FILE_NAME, NO_SITE, SiteError, read_site

GOOD = '[operator]\nname_en = "A2"\nname_bn = "এ২"\nhelpline = "333"\n'


def test_the_file_of_this_repository_can_be_read() -> None:
    site = read_site(Settings().config)
    assert site.helpline
    assert site.address_bn
    assert site.email


def test_without_a_file_nobody_is_named(tmp_path: Path) -> None:
    assert read_site(tmp_path) == NO_SITE


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "operator"),
        ("[operator", FILE_NAME),
        ("operator = 1", "operator"),
        (GOOD.replace('"A2"', "2"), "name_en"),
        (GOOD.replace('"333"', '" "'), "helpline"),
        (GOOD.replace('"333"', f'"{"3" * 121}"'), "helpline"),
        (GOOD.replace("helpline", "fax"), "fax"),
        ('[operator]\nname_en = "A2"\n', "name_bn"),
        (f'{GOOD}address_en = "1 Road"\n', "address_bn"),
        (f"{GOOD}email = 1\n", "email"),
        (GOOD.encode() + b"\xff", FILE_NAME),
    ],
)
def test_what_cannot_be_used_is_refused_by_its_name(tmp_path: Path, text: str | bytes, named: str) -> None:
    (tmp_path / FILE_NAME).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SiteError, match=named):
        read_site(tmp_path)


@pytest.mark.parametrize(
    ("digits", "grouped"),
    [
        ("12345678901234567890", "1234 5678 9012 3456 7890"),
        ("1234-5", "1234 -5"),
        ("12 34 56", "1234 56"),
        ("", ""),
    ],
)
def test_digits_are_grouped_by_four(digits: str, grouped: str) -> None:
    assert groups_of_four(digits) == grouped
