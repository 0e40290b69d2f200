"""Lists of customers from PostgreSQL: filters, order and keyset put together for one query.

A trait is compared as the text that its column holds. Texts with U+0000 in them cannot be looked
into by PostgreSQL; rows that hold one are let through, and Python decides.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import JSON, ColumnElement, Select, case, func, literal_column, select, true

from projections.asking import Ref
from projections.reading.answers import CustomerQuery
from service.adapters.postgres.compiled import TEXT, number, rows_of, text_and_names, words
from service.adapters.sql.listing import Listing
from service.adapters.sql.tables import profiles, stages


def listing(
    query: CustomerQuery, generation: int | None, without: Sequence[Ref], limit: int
) -> tuple[str, list[object]]:
    """Return the statement for a page, and what to bind.

    Its rows are bucket, number, name, kind, what they are sorted by, and traits.
    """
    builder = _Listing(query, generation)
    if without:
        builder.leave_out(without)
    text, names = text_and_names(builder.ordered().limit(builder.bind("limit", limit)))
    return text, [builder.bound[name] for name in names]


class _Listing(Listing):
    columns = (profiles.c.traits,)

    def _whole(self, name: str) -> ColumnElement[int]:
        return number(name)

    def _text(self, name: str) -> ColumnElement[str]:
        return words(name)

    def _has_trait(self, place: int, name: str, text: str) -> ColumnElement[bool]:
        column = profiles.c.traits
        is_opaque = func.strpos(column, literal_column(r"'\u0000'", TEXT)) > literal_column("0")
        if "\0" in name or "\0" in text:
            return is_opaque
        texts = [json.dumps(text, ensure_ascii=False)]
        if not text.startswith('"'):
            texts.append(text)
        found = column.cast(JSON).op("->", return_type=JSON())(self.bind(f"trait{place}", name))
        wanted = [self.bind(f"value{place}_{n}", one) for n, one in enumerate(texts)]
        return case((is_opaque, true()), else_=found.cast(TEXT).in_(wanted))

    def leave_out(self, without: Sequence[Ref]) -> None:
        """Leave the subjects that *without* names out of the list."""
        self.bound["bucket"] = [bucket for bucket, _ in without]
        self.bound["subject_id"] = [subject_id for _, subject_id in without]
        rows = rows_of(profiles, "bucket", "subject_id")
        self._leave_out(select(rows.c.bucket, rows.c.subject_id))

    def _read_from(self, found: Select[Any]) -> Select[Any]:
        return found.select_from(profiles, *([stages] if self._has_stages else []))
