"""docs/openapi: the OpenAPI documents that the switch serves; `make reference` writes them again."""

from pathlib import Path

from ekpay_switch.api.reference.routes import DOCUMENTS, document_text

FOLDER = Path(__file__).parents[3] / "docs" / "openapi"


def committed_name(path: str) -> str:
    """The file in docs/openapi of the document that is served at this path."""
    return "rest-v1.json" if path == "/openapi.json" else path.rpartition("/")[2]


def write_documents(folder: Path) -> None:
    """Write every document into the folder."""
    folder.mkdir(exist_ok=True)
    for path in DOCUMENTS:
        (folder / committed_name(path)).write_text(document_text(path), encoding="utf-8")


if __name__ == "__main__":
    write_documents(FOLDER)
