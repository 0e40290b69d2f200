"""Write `openapi/openapi.json` and `asyncapi.json` beside it: `python -m service.openapi`."""

from __future__ import annotations

from pathlib import Path

from service.app import create_app
from service.http.describing import asyncapi
from service.http.describing.openapi import as_committed, document

PATH = Path(__file__).parent.parent / "openapi" / "openapi.json"
ASYNC_PATH = PATH.with_name("asyncapi.json")


def main() -> None:
    """Write the documents of the application as it is now."""
    app = create_app()
    PATH.write_text(as_committed(document(app)), encoding="utf-8")
    ASYNC_PATH.write_text(as_committed(asyncapi.document(app.version)), encoding="utf-8")


if __name__ == "__main__":
    main()
