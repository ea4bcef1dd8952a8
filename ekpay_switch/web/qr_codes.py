"""QR codes as SVG, for pages and for paper."""

from io import BytesIO

import segno


def qr_svg(content: str) -> str:
    """The code as SVG that stands in a page; medium correction outlives a fold and a stain."""
    picture = BytesIO()
    code = segno.make(content, error="m", micro=False)
    code.save(picture, kind="svg", border=4, xmldecl=False, omitsize=True, light="#fff")
    return picture.getvalue().decode("utf-8")
