"""Marks of config/brand: pictures alone, from ourselves, in the place of tiles."""

from pathlib import Path

import pytest

from ekpay_switch.web.brand_marks import BYTES_MAX, BrandMarkError, read_marks
from tests.web.checkout.checkout_setup import HOME, Counter

NAMESPACE = 'xmlns="http://www.w3.org/2000/svg"'
XLINK = 'xmlns:xlink="http://www.w3.org/1999/xlink"'
PICTURE = (
    f'<?xml version="1.0" encoding="UTF-8"?>\n<!-- ours --><svg {NAMESPACE} {XLINK} viewBox="0 0 40 40">'
    '<title>A mark</title><defs><linearGradient id="a"><stop stop-color="#123456"/></linearGradient></defs>'
    '<path id="b" d="M0 0h40v40z" fill="url(#a)" style="stroke:#fff"/><use xlink:href="#b"/></svg>'
)


def put(folder: Path, name: str = "bkash", text: str | bytes = PICTURE) -> Path:
    (folder / "brand").mkdir(exist_ok=True)
    (folder / "brand" / f"{name}.svg").write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def test_without_the_folder_there_are_no_marks(tmp_path: Path) -> None:
    assert read_marks(tmp_path) == {}


def test_a_mark_is_named_by_its_content(tmp_path: Path) -> None:
    first = read_marks(put(tmp_path))["bkash"]
    assert first.path.startswith("/brand/bkash.")
    assert first.body == PICTURE.encode()
    assert read_marks(put(tmp_path, text=PICTURE.replace("#123456", "#123457")))["bkash"].path != first.path


@pytest.mark.parametrize(
    ("inside", "why"),
    [
        ("<script>alert(1)</script>", "<script>"),
        ("<style>@import 'https://x.example'</style>", "<style>"),
        ('<image href="https://x.example/a.png"/>', "<image>"),
        ("<foreignObject/>", "<foreignObject>"),
        ('<a href="#b"/>', "<a>"),
        ('<animate attributeName="x"/>', "<animate>"),
        ('<svg xmlns="http://other.example" viewBox="0 0 1 1"/>', "<svg>"),
        ('<path onclick="alert(1)"/>', "path onclick"),
        ('<path ONLOAD="alert(1)"/>', "path ONLOAD"),
        ('<use href="https://x.example/a.svg#b"/>', "use href"),
        ('<use xlink:href="//x.example/a.svg#b"/>', "use href"),
        ('<use xlink:href="data:image/svg+xml,x"/>', "use href"),
        ('<path fill="url(https://x.example/a#b)"/>', "path fill"),
        ('<path fill="url(#b) url(//x.example)"/>', "path fill"),
        ('<path style="fill:u\\72l(//x.example)"/>', "path style"),
        ('<path style="fill:URL(/x)"/>', "path style"),
        ("<?xml-stylesheet href='https://x.example'?>", "xml-stylesheet"),
    ],
)
def test_what_is_more_than_a_picture_is_refused_by_its_file(tmp_path: Path, inside: str, why: str) -> None:
    text = PICTURE.replace("</svg>", f"{inside}</svg>")
    with pytest.raises(BrandMarkError, match="brand/bkash") as refused:
        read_marks(put(tmp_path, text=text))
    assert why in str(refused.value)


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("bkash", f'<!DOCTYPE svg [<!ENTITY a "b">]><svg {NAMESPACE} viewBox="0 0 1 1">&a;</svg>', "DOCTYPE"),
        ("bkash", f'<?xml version="1.0" encoding="UTF-7"?>{PICTURE}', "UTF-8, not UTF-7"),
        ("bkash", f"<{'x' * 999} {NAMESPACE}/>", f"<{'x' * 40}> is not allowed"),
        ("bkash", PICTURE + " " * BYTES_MAX, "longer than"),
        ("bkash", "<svg", "no XML"),
        ("bkash", b"\x89PNG", "no XML"),
        ("bkash", f"<svg {NAMESPACE}/>", "viewBox"),
        ("bkash", f'<g {NAMESPACE} viewBox="0 0 1 1"/>', "outermost"),
        ("bkash", '<svg viewBox="0 0 1 1"/>', "<svg>"),
        ("b kash", PICTURE, "no id"),
    ],
)
def test_what_is_no_svg_of_ours_is_refused(tmp_path: Path, name: str, text: str | bytes, why: str) -> None:
    with pytest.raises(BrandMarkError, match="brand/") as refused:
        read_marks(put(tmp_path, name, text))
    assert why in str(refused.value)


async def test_a_mark_takes_the_place_of_the_tile_and_comes_from_us_alone(tmp_path: Path) -> None:
    marks = read_marks(put(put(tmp_path), "shop1"))
    counter = Counter(marks=marks)
    page = await counter.request("GET", HOME)
    sources = [one["src"] for one in page.html.all("img", alt="") if one["src"].startswith("/brand/")]
    assert sources.count(marks["bkash"].path) == 1
    assert sources.count(marks["shop1"].path) == 2
    seen = await counter.request("GET", marks["bkash"].path)
    assert (seen.status, seen.body) == (200, PICTURE.encode())
    assert seen.headers["content-type"] == "image/svg+xml"
    assert seen.headers["x-content-type-options"] == "nosniff"
    assert seen.headers["cross-origin-resource-policy"] == "same-origin"
    assert "immutable" in seen.headers["cache-control"]
    policy = seen.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    for path in ("/brand/bkash.svg", "/brand/..%2fsite.toml", "/brand/"):
        missing = await counter.request("GET", path)
        assert (missing.status, "immutable" in missing.headers.get("cache-control", "")) == (404, False)


async def test_without_marks_there_are_tiles(tmp_path: Path) -> None:
    assert read_marks(tmp_path) == {}
    page = await Counter().request("GET", HOME)
    assert not [one for one in page.html.all("img") if one["src"].startswith("/brand/")]
    assert page.html.all("svg", **{"class": "ekpay-brand"})
