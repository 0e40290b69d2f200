"""Boards drawn from readings: kept counts, corrected for what is due or was not known yet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from projections.events.history import counting
from projections.reading.answers import Board, BoardQuery, BoardStage
from projections.reading.boards import Moment, Span, Tally
from projections.rows.records import Projection
from projections.subjects.profiles import Profile
from service.adapters.embedded.rows import Readings
from service.adapters.embedded.values import history_of
from service.ports import UnknownModel

Stay: TypeAlias = tuple[str, int]
"""A stage, and when it was entered."""


def board(readings: Readings, query: BoardQuery, projections: Sequence[Projection]) -> Board:
    """Return counts and median times of the version that tells of the instant."""
    if not projections:
        raise UnknownModel(f"model {query.model}: expected an active version, found none")
    drawn = _Drawing(readings, query, projections[0])
    stages = drawn.stages()
    return Board(
        model=query.model,
        version=drawn.era.version,
        as_of=query.as_of,
        stages=stages,
        total=sum(stage.count for stage in stages),
    )


class _Drawing:
    """One board being drawn.

    Of a version that another took over from, nobody stands in a stage now: whoever was in one at
    the instant has left it since, at the latest by that activation.
    """

    def __init__(self, readings: Readings, query: BoardQuery, projection: Projection) -> None:
        self._readings = readings
        self._query = query
        self._projection = projection
        self._tally = Tally()
        self.era = projection.lineage.era_at(query.as_of)
        stages = tuple(stage.id for stage in self.era.machine.model.stages)
        until = projection.lineage.end_of(self.era)
        self._moment = Moment(projection.generation, stages, query.as_of, until)
        self._tally.add(readings.open_days(self._moment))
        self._correct()

    def stages(self) -> list[BoardStage]:
        """Return the stages in the order of the model."""
        tally, moment = self._tally, self._moment
        medians = tally.median_seconds(moment.stages, moment.as_of, self._entered)
        return [
            BoardStage(stage, tally.count(stage), medians.get(stage)) for stage in moment.stages
        ]

    def _entered(self, spans: Sequence[Span]) -> Iterable[tuple[str, Sequence[int]]]:
        """Return entries within *spans*, none of them after the instant."""
        until_then = [span._replace(last=min(span.last, self._moment.as_of)) for span in spans]
        return self._readings.entered(self._moment, until_then)

    def _correct(self) -> None:
        """Put those elsewhere whom the counts have in the wrong place."""
        readings, query = self._readings, self._query
        unknown: set[tuple[int, int]] = set()
        if query.known_at is not None:
            unknown.update(readings.touched_since(query.tenant, query.known_at))
            for profile in readings.profiles(sorted(unknown)):
                self._replace(self._stay(profile), self._known(profile))
        if self._moment.is_over:
            return
        for profile in readings.due(query.tenant, query.as_of, None):
            if profile.ref not in unknown:
                self._advance(profile)

    def _advance(self, profile: Profile) -> None:
        """Let what fell due by the instant of the board have happened."""
        machine = self._projection.machine
        standing = profile.standings.get(self._projection.generation)
        if standing is None or self._projection.is_account != profile.is_account:
            return
        state = standing.state_by(machine)
        stage = state.stage_id
        if stage is None or state.entered_at > self._query.as_of:
            return
        after, _ = machine.advance(state, self._query.as_of)
        if after.stage_id is not None:
            self._replace((stage, state.entered_at), (after.stage_id, after.entered_at))

    def _stay(self, profile: Profile) -> Stay | None:
        """Return where the counts have the subject."""
        return self._readings.stay(self._projection.generation, profile.ref, self._query.as_of)

    def _known(self, profile: Profile) -> Stay | None:
        """Return where the subject stood by what was known then."""
        if self._projection.is_account != profile.is_account:
            return None
        request = history_of(profile, self._query.known_at)
        history = self._readings.histories([request]).get(profile.ref, [])
        told = self._projection.lineage.told_at(counting(history), self._query.as_of)
        stage = told.state.stage_id
        return None if stage is None else (stage, told.state.entered_at)

    def _replace(self, counted: Stay | None, true: Stay | None) -> None:
        if counted == true:
            return
        if counted is not None:
            self._tally.take_one(*counted)
        if true is not None:
            self._tally.add_one(*true)
