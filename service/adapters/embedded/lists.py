"""Lists of customers drawn from readings, with what fell due since merged in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from projections.reading.answers import CustomerQuery
from projections.reading.lists import Listed, merged, trait_matches
from projections.rows.records import Projection
from projections.subjects.profiles import Profile
from service.adapters.embedded.rows import Readings
from service.ports import UnknownModel


def customers(
    readings: Readings, query: CustomerQuery, projections: Sequence[Projection]
) -> tuple[list[Listed], bool]:
    """Return the lines of a list, and whether there are more."""
    projection = None
    if query.model is not None:
        projection = next((one for one in projections if one.model == query.model), None)
        if projection is None:
            raise UnknownModel(f"model {query.model}: expected an active version, found none")
    query = replace(query, accounts=projection is not None and projection.is_account)
    due = [] if projection is None else readings.due(query.tenant, query.now, None)
    due = [profile for profile in due if profile.is_account is query.accounts]
    generation = None if projection is None else projection.generation
    stored = readings.customers(query, generation, [profile.ref for profile in due])
    advanced = [] if projection is None else _advanced(due, query, projection)
    lines = merged(stored, advanced, query)
    return lines[: query.limit], len(lines) > query.limit


def _advanced(due: Sequence[Profile], query: CustomerQuery, projection: Projection) -> list[Listed]:
    """Return lines of those of *due* that meet *query* when advanced to its instant."""
    found = []
    wanted = tuple(query.traits.items())
    for profile in due:
        standing = profile.standings.get(projection.generation)
        if standing is None or not trait_matches(profile.traits, wanted):
            continue
        machine = projection.machine
        state, _ = machine.advance(standing.state_by(machine), query.now)
        if state.stage_id is not None and _is_meant(query, state.stage_id, state.entered_at):
            values: dict[str, int | str] = {
                "id": profile.name,
                "entered_at": state.entered_at,
                "last_event_at": profile.last_at,
            }
            value = values[query.sort]
            found.append(Listed(profile.ref, profile.name, profile.kind, value))
    return found


def _is_meant(query: CustomerQuery, stage: str, entered_at: int) -> bool:
    return (
        (not query.stages or stage in query.stages)
        and (query.entered_before is None or entered_at < query.entered_before)
        and (query.entered_after is None or entered_at >= query.entered_after)
    )
