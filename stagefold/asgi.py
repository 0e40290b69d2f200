"""The application for any ASGI server: `uvicorn stagefold.asgi:create_app --factory`."""

from service.app import create_app

__all__ = ["create_app"]
