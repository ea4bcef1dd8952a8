"""Our own style, script and fonts, under names that hold their content's hash: kept by browsers for ever.

They are read once, when the process starts. What a style refers to is renamed in it, so that the two always
fit together.
"""

import gzip
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

FOLDER = Path(__file__).parent / "static"
PATH = "/static"
_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".woff2": "font/woff2",
}
_HASH_LENGTH = 16
_REFERENCE = re.compile(r'url\("([a-z0-9.-]+)"\)')
_HEADERS = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept-Encoding",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file as it is served; `zipped` is empty where that saves nothing."""

    path: str
    media_type: str
    body: bytes
    zipped: bytes


@cache
def static_files() -> Mapping[str, StaticFile]:
    """Every file that we serve, by its own name."""
    names = sorted(path.name for path in FOLDER.iterdir() if path.suffix in _MEDIA_TYPES)
    # Fonts first: styles refer to them, and nothing refers to a style.
    files: dict[str, StaticFile] = {}
    for name in sorted(names, key=lambda name: name.endswith(".css")):
        body = (FOLDER / name).read_bytes()
        if name.endswith(".css"):
            body = _REFERENCE.sub(lambda named: f'url("{files[named[1]].path}")', body.decode()).encode()
        files[name] = _static_file(name, body)
    return files


def static_path(name: str) -> str:
    """Where a file is served.

    Raises:
        KeyError: there is no such file.
    """
    return static_files()[name].path


def mount(app: FastAPI, headers: Mapping[str, str]) -> None:
    """Add the files; `headers` are those that every answer of this origin has."""
    by_path = {file.path: file for file in static_files().values()}

    async def serve(request: Request) -> Response:
        file = by_path.get(request.url.path)
        if file is None:
            return Response(status_code=404, headers={**headers, "Cache-Control": "no-store"})
        is_zipped = bool(file.zipped) and "gzip" in request.headers.get("accept-encoding", "")
        encoding = {"Content-Encoding": "gzip"} if is_zipped else {}
        body = file.zipped if is_zipped else file.body
        return Response(body, 200, {**headers, **_HEADERS, **encoding}, file.media_type)

    app.add_route(f"{PATH}/{{name}}", serve, methods=["GET"])


def _static_file(name: str, body: bytes) -> StaticFile:
    stem, suffix = name.rsplit(".", 1)
    digest = hashlib.sha256(body).hexdigest()[:_HASH_LENGTH]
    zipped = gzip.compress(body, mtime=0)
    is_worth_it = suffix in {"css", "js"}
    return StaticFile(
        f"{PATH}/{stem}.{digest}.{suffix}", _MEDIA_TYPES[f".{suffix}"], body, zipped if is_worth_it else b""
    )
