"""Write `openapi/openapi.json`: `python -m service.openapi`."""

from __future__ import annotations

from pathlib import Path

from service.app import create_app
from service.http.openapi import as_committed, document

PATH = Path(__file__).parent.parent / "openapi" / "openapi.json"


def main() -> None:
    """Write the document of the application as it is now."""
    PATH.write_text(as_committed(document(create_app())), encoding="utf-8")


if __name__ == "__main__":
    main()
