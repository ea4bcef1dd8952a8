"""A program that sets one receipt as PDF: JSON on stdin, PDF on stdout.

It runs apart because Typst is 80 MB of code and holds its memory: the web process never imports it. It bounds
itself before it reads a byte. The same receipt gives the same bytes: the PDF is dated by its payment.
"""

import json
import re
import resource
import sys
from pathlib import Path
from typing import Any, Literal

FOLDER = Path(__file__).resolve().parent
TEMPLATE = FOLDER / "receipt.typ"
FONTS = FOLDER.parent / "fonts"
MEMORY_BYTES_MAX = 1024 * 1024 * 1024
CPU_SECONDS_MAX = 10
INPUT_BYTES_MAX = 256 * 1024
_LIMITS = {
    resource.RLIMIT_AS: MEMORY_BYTES_MAX,
    resource.RLIMIT_CPU: CPU_SECONDS_MAX,
    resource.RLIMIT_CORE: 0,
    resource.RLIMIT_FSIZE: 0,
}
# What the two fonts draw between them; PDF/A takes no text that cannot be drawn.
DRAWABLE = (
    "\u0020-\u007e\u00a0-\u017f\u0370-\u0377\u0384-\u038a\u0391-\u03a1\u03a3-\u03e1\u03f0-\u03ff\u0400-\u052f"
    "\u0964\u0965\u0980-\u0983\u0985-\u098c\u098f\u0990\u0993-\u09a8\u09aa-\u09b0\u09b2\u09b6-\u09b9"
    "\u09bc-\u09c4\u09c7\u09c8\u09cb-\u09ce\u09d7\u09dc\u09dd\u09df-\u09e3\u09e6-\u09fb"
    "\u200c\u200d\u2013\u2014\u2018-\u201a\u201c-\u201e\u2022\u2026\u20ac"
)
_NOT_DRAWABLE = re.compile(f"[^{DRAWABLE}]")
# Signs and joiners of Bangla that follow no letter of it: they would hang on a letter of the other font.
_DETACHED_SIGNS = re.compile(
    "(?<![\u0980-\u09fb\u200c\u200d])[\u0981-\u0983\u09bc\u09be-\u09cd\u09d7\u09e2\u09e3\u200c\u200d]+"
)
_STAND_IN = "?"
# Drawn by us, and no text.
_PICTURES = frozenset({"qr", "svg"})


def drawable(value: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    """The same with a stand-in for what the fonts cannot draw; the page shows it all."""
    if isinstance(value, str):
        return _DETACHED_SIGNS.sub(_STAND_IN, _NOT_DRAWABLE.sub(_STAND_IN, value))
    if isinstance(value, list | tuple):
        return [drawable(item) for item in value]
    if isinstance(value, dict):
        return {name: item if name in _PICTURES else drawable(item) for name, item in value.items()}
    return value


def compile_template(
    template: Path, content: dict[str, Any], unix_seconds: int, kind: Literal["pdf", "png"] = "pdf"
) -> bytes | list[bytes]:
    """What a template makes of `sys.inputs.<name of the template>`, with our fonts and no others.

    As PDF/A-2a, which is PDF/UA-1 as well and dated by `unix_seconds`, or to look at as PNG: one
    picture, or one for each page.
    """
    import typst  # noqa: PLC0415 - after the limits are set, and in no other process

    return typst.compile(
        str(template),
        root=str(template.parent),
        font_paths=[str(FONTS)],
        ignore_system_fonts=True,
        format=kind,
        sys_inputs={template.stem: json.dumps(drawable(content), ensure_ascii=False)},
        pdf_standards=["a-2a", "ua-1"] if kind == "pdf" else [],
        timestamp=unix_seconds,
    )


def typeset(content: dict[str, Any], kind: Literal["pdf", "png"] = "pdf") -> bytes:
    """The receipt; a receipt has one page."""
    output = compile_template(TEMPLATE, content, content["paid_at"], kind)
    return output if isinstance(output, bytes) else output[0]


def typeset_stdin(template: Path, bytes_max: int) -> None:
    """Bound this process, then set what comes on stdin as JSON by a template, dated by its `dated`."""
    limit_resources()
    content = json.loads(sys.stdin.buffer.read(bytes_max))
    made = compile_template(template, content, content["dated"])
    sys.stdout.buffer.write(made if isinstance(made, bytes) else made[0])


def limit_resources() -> None:
    """Bound this process; called before it reads a byte."""
    for limit, value in _LIMITS.items():
        resource.setrlimit(limit, (value, value))


def main() -> None:
    """Bound this process, then set what comes on stdin."""
    limit_resources()
    content = json.loads(sys.stdin.buffer.read(INPUT_BYTES_MAX))
    sys.stdout.buffer.write(typeset(content))


if __name__ == "__main__":
    main()
