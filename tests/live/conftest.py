"""The application of the API's tests, and its readers."""

from __future__ import annotations

from tests.http.conftest import api, make_api

__all__ = ["api", "make_api"]
