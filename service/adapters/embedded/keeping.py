"""What a store inside this process keeps beside the log: API keys, registers and seals."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from operator import itemgetter
from typing import TypeVar

from projections.asking import EVERYBODY, Ref, Script, Whose, run
from projections.models.catalogue import ApiKey
from projections.registers.access import write_down
from projections.rows.questions import AskHead
from projections.safekeeping.seals import ALWAYS, FIRST_ROOT, Seal
from service import notes
from service.adapters.embedded.rows import Readings, Rows
from service.safekeeping.seals import salt_rows

Answer = TypeVar("Answer")
Result = TypeVar("Result")


class Keeping(ABC):
    """The part of a store that writes keys, registers and seals."""

    _rows: Rows
    _readings: Callable[[Whose], AbstractContextManager[Readings]]

    def _noted(self, work: Callable[[], Answer]) -> Callable[[], Answer]:
        """Return *work*, which also writes down the call that it is part of, if one is pending."""
        note = notes.pending()
        if note is None:
            return work

        def both() -> Answer:
            answer = work()
            if not note.is_written and note.is_about(answer):
                entry = note.completed(notes.DONE, answer)
                run(write_down(entry), self._rows.answer)
                note.is_written = True
            return answer

        return both

    @abstractmethod
    async def _write(self, work: Callable[[], Answer], *, is_long: bool = False) -> Answer:
        """Run *work* in a transaction."""

    async def create_key(self, key: ApiKey) -> None:
        await self._write(lambda: self._create_key(key))

    def _create_key(self, key: ApiKey) -> None:
        with self._readings(EVERYBODY) as readings:
            found = readings.key(key.id)
        if found is None or found.secret_hash == key.secret_hash:
            self._rows.save_key(key)

    async def rotate_key(
        self, tenant: str, key_id: str, secret_hash: bytes, *, former_until: int
    ) -> ApiKey | None:
        def rotate() -> ApiKey | None:
            found = self._key(tenant, key_id)
            if found is None or found.revoked_at is not None:
                return None
            rotated = replace(
                found,
                secret_hash=secret_hash,
                former_hash=found.secret_hash,
                former_until=former_until,
            )
            self._rows.save_key(rotated)
            return rotated

        return await self._write(rotate)

    def _key(self, tenant: str, key_id: str) -> ApiKey | None:
        with self._readings(EVERYBODY) as readings:
            found = readings.key(key_id)
        return found if found is not None and found.tenant == tenant else None

    async def revoke_key(self, tenant: str, key_id: str, now: int) -> ApiKey | None:
        return await self._write(lambda: self._revoke_key(tenant, key_id, now))

    def _revoke_key(self, tenant: str, key_id: str, now: int) -> ApiKey | None:
        found = self._key(tenant, key_id)
        if found is not None and found.revoked_at is None:
            found = replace(found, revoked_at=now)
            self._rows.save_key(found)
        return found

    async def touch_keys(self, used: Sequence[tuple[str, int]]) -> None:
        await self._write(lambda: self._touch_keys(used))

    def _touch_keys(self, used: Sequence[tuple[str, int]]) -> None:
        newest = dict(sorted(used, key=itemgetter(1)))
        for key_id, instant in newest.items():
            with self._readings(EVERYBODY) as readings:
                found = readings.key(key_id)
            if found is not None and instant > (found.last_used_at or 0):
                self._rows.save_key(replace(found, last_used_at=instant))

    async def keep(self, script: Script[Result]) -> Result:
        return await self._write(lambda: run(script, self._rows.answer))

    async def carry(self, script: Script[Result]) -> Result:
        return await self.keep(script)

    # ------------------------------------------------------------ seals

    async def add_salts(self, salts: Mapping[Ref, bytes], *, erased: int) -> bool:
        return await self._write(lambda: self._add_salts(salts, erased))

    def _add_salts(self, salts: Mapping[Ref, bytes], erased: int) -> bool:
        if self._rows.answer(AskHead()).erased != erased:
            return False
        self._rows.add_salts(salt_rows(salts))
        return True

    async def add_seal(self, seal: Seal, *, erased: int) -> bool:
        return await self._write(lambda: self._add_seal(seal, erased))

    def _add_seal(self, seal: Seal, erased: int) -> bool:
        if self._rows.answer(AskHead()).erased != erased:
            return False
        with self._readings(EVERYBODY) as readings:
            newest = readings.seals_before(ALWAYS, 1)
        position, root = (newest[0].to_position, newest[0].root) if newest else (0, FIRST_ROOT)
        if (seal.from_position, seal.previous) != (position + 1, root):
            return False
        self._rows.add_seal(seal)
        return True
