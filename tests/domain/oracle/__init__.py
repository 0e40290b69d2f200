"""A second reading of the specification: slow, plain, and written without a look at the first.

It compiles nothing, caches nothing and keeps no running totals. Signals are loops over the history;
the next thing to happen is found by listing every instant at which anything could happen.
Where the quick machine and this one differ, one of them misread `docs/` — that is its purpose.
"""

from tests.domain.oracle.interpreter import Life, live

__all__ = ["Life", "live"]
