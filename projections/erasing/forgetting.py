"""Forgetting: a person taken out of what is kept beside the log as well.

Refused texts that name the person go as a whole, as do answers kept for repeats and what backtests
say of them. The audit log keeps who did what and when, about somebody whose name it no longer says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from projections.asking import Script, ask
from projections.backtesting.trials import CHANGES, ChangeRow
from projections.erasing.erase import Erased, Grounds, erase, shut
from projections.registers.access import AUDIT_LOG, KEPT_ANSWERS, AuditEntry, KeptAnswer
from projections.registers.erasure import Mentions, Order
from projections.registers.imports import IMPORTS
from projections.registers.register import AskEntries, Register, WriteEntries, entries, put
from projections.registers.rejected import REJECTED, RejectedEvent

Value = TypeVar("Value")

PAGE = 1_000
AUDIT_TARGETS = replace(AUDIT_LOG, only_grows=False)
"""The same log, as it may be written while somebody is erased."""


def erase_everywhere(grounds: Grounds, order: Order) -> Script[Erased]:
    """Erase whom *order* names, in the log and beside it.

    Raises:
        ErasureRefused: Nobody is there, is erased already, or cannot be anonymised.
    """
    if order.companion is not None:
        yield from order.companion.check()
    erased = yield from erase(grounds, order)
    yield from forget(order.tenant, Mentions(erased.names), erased.token)
    yield from _rename_marks(erased)
    yield from shut(erased)
    if order.companion is not None:
        yield from order.companion.write(())
    return erased


def forget(tenant: str, mentions: Mentions, token: str) -> Script[int]:
    """Remove what tells of whom *mentions* names; return how many rows were removed or changed.

    Where the place of the name is kept, *token* stands in it.
    """

    def refused(one: RejectedEvent) -> bool:
        return mentions.are_in_json(one.text) or mentions.are_in(one.record)

    def answered(one: KeptAnswer) -> bool:
        path = one.operation.partition(" ")[2]
        return mentions.are_in_path(path) or mentions.are_in_path(one.headers or "")

    def compared(one: ChangeRow) -> bool:
        return mentions.are_in_json(one.change)

    count = yield from _remove_where(REJECTED, tenant, refused)
    count += yield from _remove_where(KEPT_ANSWERS, tenant, answered)
    count += yield from _remove_where(CHANGES, tenant, compared)
    return count + (yield from _rename_targets(tenant, mentions, token))


def _remove_where(
    register: Register[Value], tenant: str, is_meant: Callable[[Value], bool]
) -> Script[int]:
    count = 0
    after: tuple[Any, ...] = ()
    while True:
        rows = yield from ask(AskEntries(register, (tenant,), after=after, limit=PAGE))
        keys = [row[: register.key] for row in rows if is_meant(register.value(row))]
        if keys:
            yield from ask(WriteEntries(register, removed=keys))
        count += len(keys)
        if len(rows) < PAGE:
            return count
        after = rows[-1][1 : register.key]


def _rename_targets(tenant: str, mentions: Mentions, token: str) -> Script[int]:
    count = 0
    after: tuple[Any, ...] = ()
    while True:
        rows = yield from ask(AskEntries(AUDIT_LOG, (tenant,), after=after, limit=PAGE))
        found: list[AuditEntry] = [AUDIT_LOG.value(row) for row in rows]
        renamed = [
            replace(one, target=mentions.replaced_in_path(one.target, token))
            for one in found
            if mentions.are_in_path(one.target)
        ]
        if renamed:
            put = [AUDIT_TARGETS.row(one) for one in renamed]
            yield from ask(WriteEntries(AUDIT_TARGETS, put=put))
        count += len(renamed)
        if len(rows) < PAGE:
            return count
        after = rows[-1][1 : AUDIT_LOG.key]


def _rename_marks(erased: Erased) -> Script[None]:
    """Let imports that end with an event of the person find it under its new id."""
    jobs = yield from entries(IMPORTS, erased.erasure.tenant)
    ids = erased.event_ids
    renamed = [replace(one, event_id=ids[one.event_id]) for one in jobs if one.event_id in ids]
    if renamed:
        yield from put(IMPORTS, *renamed)
