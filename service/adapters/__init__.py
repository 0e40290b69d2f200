"""Adapters: ways to keep the promises of `service.ports`, chosen in `service/bootstrap.py`."""
