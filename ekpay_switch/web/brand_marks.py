"""Licensed marks of institutions and merchants, which an operator puts into config/brand/<id>.svg.

They take the place of the tiles. Each is read once, when the process starts, and refused unless it is a
picture and nothing else: no script, no style sheet, nothing that is fetched from anywhere. They are served by
ourselves, under names that hold their content's hash.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.parsers import expat

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

FOLDER, SUFFIX, PATH = "brand", ".svg", "/brand"
BYTES_MAX = 16 * 1024
_HASH_LENGTH = 16
# A refusal names what is wrong by so many letters.
_SHOWN = 40
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII)
_SVG, _XLINK = "http://www.w3.org/2000/svg ", "http://www.w3.org/1999/xlink "
_ELEMENTS = frozenset(
    {
        "svg", "g", "defs", "symbol", "use", "title", "desc", "path", "rect", "circle", "ellipse", "line",
        "polyline", "polygon", "linearGradient", "radialGradient", "stop", "clipPath", "mask", "pattern",
    }
)  # fmt: skip
_OWN_REFERENCE = re.compile(r"#[A-Za-z_][A-Za-z0-9_.-]*", re.ASCII)
_URL = re.compile(r"url\(\s*[\"']?#[A-Za-z_][A-Za-z0-9_.-]*[\"']?\s*\)", re.ASCII)
# A backslash can spell any word of a style so that no search finds it.
_REACHES_OUT = re.compile(r"url\(|[\\@]|(?:javascript|data|https?):", re.IGNORECASE)
_HEADERS = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox; "
    "frame-ancestors 'none'",
}


class BrandMarkError(Exception):
    """A file of config/brand cannot be used; the text names it and says why."""


@dataclass(frozen=True, slots=True)
class BrandMark:
    """One mark as it is served."""

    path: str
    body: bytes


def read_marks(config_dir: Path) -> Mapping[str, BrandMark]:
    """The marks by the ids of their institutions and merchants; none where there is no such folder.

    Raises:
        BrandMarkError: the name of a file is no id, or it is too long, no SVG, or more than a picture.
    """
    return {path.stem: _read_mark(path) for path in sorted((config_dir / FOLDER).glob(f"*{SUFFIX}"))}


def mount(app: FastAPI, marks: Mapping[str, BrandMark], headers: Mapping[str, str]) -> None:
    """Add the marks; `headers` are those that every answer of this origin has."""
    by_path = {mark.path: mark for mark in marks.values()}

    async def serve(request: Request) -> Response:
        mark = by_path.get(request.url.path)
        if mark is None:
            return Response(status_code=404, headers=dict(headers))
        return Response(mark.body, 200, {**headers, **_HEADERS}, "image/svg+xml")

    app.add_route(f"{PATH}/{{name}}", serve, methods=["GET"])


def _read_mark(path: Path) -> BrandMark:
    place = f"{FOLDER}/{path.name}"
    if not _ID.fullmatch(path.stem):
        raise BrandMarkError(f"{place}: the name is no id of an institution or a merchant")
    with path.open("rb") as file:
        body = file.read(BYTES_MAX + 1)
    if len(body) > BYTES_MAX:
        raise BrandMarkError(f"{place}: longer than {BYTES_MAX} bytes")
    try:
        _check_picture(body)
    except expat.ExpatError as error:
        raise BrandMarkError(f"{place}: no XML: {expat.ErrorString(error.code)}") from None
    except _RefusedError as refused:
        raise BrandMarkError(f"{place}: {refused}") from None
    digest = hashlib.sha256(body).hexdigest()[:_HASH_LENGTH]
    return BrandMark(f"{PATH}/{path.stem}.{digest}{SUFFIX}", body)


class _RefusedError(Exception):
    """Why a file is no mere picture."""


def _check_picture(body: bytes) -> None:
    parser = expat.ParserCreate("utf-8", " ")
    depth = 0

    def start(name: str, attributes: Mapping[str, str]) -> None:
        nonlocal depth
        _check_element(name, attributes, is_root=depth == 0)
        depth += 1

    parser.XmlDeclHandler = _check_declaration
    parser.StartElementHandler = start
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.ProcessingInstructionHandler = _refuse_instruction
    parser.Parse(body, True)  # noqa: FBT003 - the signature is expat's


def _check_element(name: str, attributes: Mapping[str, str], *, is_root: bool) -> None:
    element = name.removeprefix(_SVG)
    if element == name or element not in _ELEMENTS:
        raise _RefusedError(
            f"<{name.rpartition(' ')[2][:_SHOWN]}> is not allowed: only shapes and colours of SVG are"
        )
    if is_root and (element != "svg" or not attributes.get("viewBox")):
        raise _RefusedError("the outermost element must be <svg> with a viewBox")
    for attribute, value in attributes.items():
        bare_name = attribute.removeprefix(_XLINK)
        is_outside = bare_name == "href" and not _OWN_REFERENCE.fullmatch(value)
        if is_outside or bare_name.lower().startswith("on") or _REACHES_OUT.search(_URL.sub("", value)):
            raise _RefusedError(
                f"{element} {bare_name[:_SHOWN]}: a script, or a reference to something outside"
            )


def _check_declaration(_version: str, encoding: str | None, _standalone: int) -> None:
    # Whoever read the file by another encoding would see another picture than was checked.
    if encoding is not None and encoding.lower() != "utf-8":
        raise _RefusedError(f"the encoding must be UTF-8, not {encoding[:_SHOWN]}")


def _refuse_doctype(*_: object) -> None:
    raise _RefusedError("a DOCTYPE is not allowed")


def _refuse_instruction(target: str, _: str) -> None:
    raise _RefusedError(f"<?{target[:_SHOWN]}?> is not allowed")
