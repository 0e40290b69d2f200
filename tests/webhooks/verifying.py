"""Verifies messages as receivers do, by the libraries they use and by the code of our own guide.

Run as `python verifying.py LIBRARY`, or as `verifying.mjs` under Node: reads a list of cases as
JSON from standard input, and writes a list of what was said of each: `ok`, or why not.
"""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any


def said(library: str, case: dict[str, Any]) -> str:
    """Return `ok`, or why *library* refuses the message."""
    webhook = importlib.import_module(library + (".webhooks" if library == "svix" else "")).Webhook
    try:
        webhook(case["secret"]).verify(case["body"].encode(), case["headers"])
    except Exception as error:  # noqa: BLE001 -- whatever a library says is the answer
        return f"{type(error).__name__}: {error}"
    return "ok"


if __name__ == "__main__":
    json.dump([said(sys.argv[1], case) for case in json.load(sys.stdin)], sys.stdout)
