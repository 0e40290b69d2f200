"""The installed face of the engine: site-packages gets this one name, see docs/adr/0002."""

import sys
from pathlib import Path

_app = Path(__file__).parent / "_app"  # exists in a wheel, not in a checkout
if _app.is_dir():
    sys.path.insert(0, str(_app))
