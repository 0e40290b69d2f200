"""Serves a small demo on a free port for the browser tests: `python serve_demo.py FOLDER`."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

from service.demo import running
from service.demo.population import populate
from service.settings import Settings

CUSTOMERS = 220

if __name__ == "__main__":
    running.populate = partial(populate, customers=CUSTOMERS)  # type: ignore[attr-defined]  # a smaller shop
    running.run(replace(Settings(), data_dir=Path(sys.argv[1]), port=0), open_browser=False)
