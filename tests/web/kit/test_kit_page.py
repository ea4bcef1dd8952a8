"""The page of all components, and the colours that all of them share."""

import re

import pytest
from fastapi import FastAPI

from ekpay_switch.domain.parties.brands import contrast
from ekpay_switch.web.kit import routes
from ekpay_switch.web.pages import TEMPLATES, Pages
from ekpay_switch.web.site import Site
from tests.web.checkout.checkout_setup import ORIGIN, Counter, Seen

TOKENS = (TEMPLATES.parent / "styles" / "_tokens.scss").read_text(encoding="utf-8")
THEMES = {
    theme: dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", body))
    for theme, body in re.findall(r"@mixin (light|dark) \{(.*?)\n\}", TOKENS, re.DOTALL)
}
# Text and what it stands on; money is ink.
PAIRS = [
    *((text, ground) for text in ("ink", "muted", "action", "stop") for ground in ("surface", "ground")),
    ("on-action", "action"), ("on-action", "action-deep"), ("surface", "stop"), ("action", "tint"),
    ("ink", "tint"), ("ink", "wait-tint"), ("ink", "stop-tint"), ("ink", "info-tint"), ("wait", "wait-tint"),
    ("stop", "stop-tint"), ("muted", "tint"),
]  # fmt: skip
AA, AAA, EDGES = 4.5, 7.0, 3.0


async def page(query: str = "", *, is_rehearsal: bool = True) -> Seen:
    counter = Counter()
    counter.app = FastAPI()
    routes.mount(counter.app, Pages(ORIGIN, Site("A <b>", "এ", "333")), is_rehearsal=is_rehearsal)
    return await counter.request("GET", f"{routes.PATH}{query}")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_stands_out_from_its_ground_and_money_more(theme: str) -> None:
    colours = THEMES[theme]
    weak = {pair for pair in PAIRS if contrast(colours[pair[0]], colours[pair[1]]) < AA}
    assert weak == set()
    for ground in ("surface", "ground", "tint"):
        assert contrast(colours["ink"], colours[ground]) >= AAA
    assert contrast(colours["on-action"], colours["action"]) >= AAA
    assert contrast(colours["edge"], colours["surface"]) >= EDGES


async def test_where_money_is_real_there_is_no_such_page() -> None:
    assert (await page(is_rehearsal=False)).status == 404


@pytest.mark.parametrize("language", ["bn", "en"])
async def test_every_state_is_shown_in_both_languages(language: str) -> None:
    seen = await page(f"?lang={language}")
    assert seen.headers["content-language"] == language
    for kind, title, _, _ in routes.STATES:
        assert seen.html.all("div", **{"class": f"ekpay-state ekpay-state--{kind}"})
        assert (title.bangla if language == "bn" else title.english) in seen.text
    assert "1234 5678 9012 3456 7890" in seen.text
    assert "<b>" not in seen.body.decode()


@pytest.mark.parametrize(
    ("told", "theme"), [("dark", "dark"), ("light", "light"), ('"><b>', None), ("", None)]
)
async def test_a_theme_is_forced_by_name_alone(told: str, theme: str | None) -> None:
    seen = await page(f"?theme={told}")
    assert seen.html.all("html")[0].get("data-theme") == theme
