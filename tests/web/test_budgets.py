"""What the first view of each public page weighs and loads, in every state: the budgets of ADR 0116."""

import gzip
import re
from collections.abc import Mapping

import pytest

from ekpay_switch.web.static_files import static_files
from tests.browser.checkout_states import STATES, State
from tests.browser.portal.portal_states import PORTAL
from tests.browser.receipt_states import RECEIPTS
from tests.browser.site_states import SITE
from tests.web.checkout.checkout_setup import Markup
from tests.web.checkout.language_setup import LANGUAGES

BYTES_MAX = 60 * 1024
SCRIPT_BYTES_MAX = 15 * 1024
# A reference is one long page, served zipped; every other page keeps its budget unzipped.
ZIPPED = {"reference_v1", "reference_merchant", "reference_syndicate"}
PAGES: Mapping[str, State] = {**STATES, **RECEIPTS, **SITE, **PORTAL}
LOADING = ("src", "srcset", "poster", "data", "background")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", PAGES)
async def test_the_first_view_keeps_its_budget(name: str, language: str) -> None:
    shown = await PAGES[name](language)
    headers = {"Accept-Encoding": "gzip"} if name in ZIPPED else {}
    seen = await shown.answer("GET", shown.path, b"", headers)
    is_zipped = seen.headers.get("content-encoding") == "gzip"
    assert is_zipped == (name in ZIPPED)
    page = Markup((gzip.decompress(seen.body) if is_zipped else seen.body).decode())
    by_path = {file.path: file for file in static_files().values()}
    (style,) = [by_path[one["href"]] for one in page.all("link", rel="stylesheet")]
    scripts = [by_path[one["src"]] for one in page.all("script")]
    assert len(scripts) <= 1
    assert all(len(script.body) <= SCRIPT_BYTES_MAX for script in scripts)
    weight = len(seen.body) + sum(
        len(one.zipped if is_zipped and one.zipped else one.body) for one in (style, *scripts)
    )
    assert weight < BYTES_MAX


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", PAGES)
async def test_nothing_is_loaded_from_elsewhere(name: str, language: str) -> None:
    shown = await PAGES[name](language)
    page = Markup((await shown.answer("GET", shown.path, b"", {})).body.decode())
    loaded = [value for _, names in page.tags for key, value in names.items() if key in LOADING]
    loaded += [one["href"] for one in page.all("link")]
    assert loaded
    assert [url for url in loaded if not re.match(r"/[^/]", url)] == []
    assert [tag for tag, _ in page.tags if tag in {"style", "iframe", "object", "embed"}] == []
