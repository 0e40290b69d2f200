"""The board of a model as a page shows it: a column for each stage, its newest arrivals in it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urlencode

from domain.instants import SECOND
from service.pages.catalogue import ModelLabel, StageLabel
from service.ports import BoardQuery, BoardStage, CustomerQuery, CustomerRow, StageRow, Subject
from service.services import Services
from service.standing import Standing, standing_now

CARDS_MAX = 5
BAR_WIDTH = 1_000


@dataclass(frozen=True, slots=True)
class Card:
    """A subject in a list, with its standing in one model.

    Attributes:
        next_stage: What comes if nothing happens; None where nothing is in sight.
        next_at: When that comes.
    """

    url: str
    id: str
    name: str | None
    stage: StageLabel
    entered_at: int
    cycle: int
    last_event_at: int | None
    next_stage: StageLabel | None
    next_at: int | None


@dataclass(frozen=True, slots=True)
class Column:
    """One stage of the board.

    Attributes:
        share: Of all subjects, 0 to 1.
        median: Microseconds in the stage so far, the median; None when it is empty.
        start: Where its part of the bar begins, of `BAR_WIDTH`.
        width: How wide its part of the bar is.
    """

    stage: StageLabel
    count: int
    share: float
    median: float | None
    start: float
    width: float
    cards: tuple[Card, ...]
    url: str


@dataclass(frozen=True, slots=True)
class BoardView:
    """A board, ready to be written down."""

    label: ModelLabel
    as_of: int
    total: int
    columns: tuple[Column, ...]


async def board_view(
    services: Services, tenant: str, label: ModelLabel, *, as_of: int, is_now: bool
) -> BoardView:
    """Return the board of *label* at *as_of*; newest arrivals are read for the present only."""
    query = BoardQuery(tenant=tenant, model=label.key, as_of=as_of)
    board = await services.store.board(query)
    columns: list[Column] = []
    start = 0.0
    for each in board.stages:
        cards: tuple[Card, ...] = ()
        if is_now and each.count:
            cards = await newest(services, tenant, label, each.stage, now=as_of)
        column = _column(label, each, total=board.total, start=start, cards=cards)
        columns.append(column)
        start += column.width
    return BoardView(label, as_of, board.total, tuple(columns))


def _column(
    label: ModelLabel, found: BoardStage, *, total: int, start: float, cards: tuple[Card, ...]
) -> Column:
    share = found.count / total if total else 0.0
    seconds = found.median_seconds_in_stage
    return Column(
        stage=label.stage(found.stage),
        count=found.count,
        share=share,
        median=None if seconds is None else seconds * SECOND,
        start=round(start, 2),
        width=round(share * BAR_WIDTH, 2),
        cards=cards,
        url="/customers?" + urlencode({"model": label.key, "stage": found.stage}),
    )


async def newest(
    services: Services, tenant: str, label: ModelLabel, stage: str, *, now: int
) -> tuple[Card, ...]:
    """Return the subjects that entered *stage* last."""
    query = CustomerQuery(
        tenant=tenant,
        now=now,
        model=label.key,
        stages=(stage,),
        sort="entered_at",
        descending=True,
        limit=CARDS_MAX,
    )
    page = await services.store.customers(query)
    return tuple(card for row in page.rows if (card := card_of(row, label, now)) is not None)


def card_of(row: CustomerRow, label: ModelLabel, now: int) -> Card | None:
    """Return the card of *row* in one model; None where the model has not seen the subject."""
    stage_row = _row_of(row, label.key)
    if stage_row is None:
        return None
    return _card(row.subject, standing_now(stage_row, now), label)


def _row_of(row: CustomerRow, model: str) -> StageRow | None:
    return next((each for each in row.stages if each.model == model), None)


def _card(subject: Subject, standing: Standing, label: ModelLabel) -> Card:
    view, upcoming = standing.view, standing.upcoming
    return Card(
        url=subject_url(subject, label.key),
        id=subject.key.text,
        name=name_of(subject),
        stage=label.stage(view.stage or ""),
        entered_at=view.entered_at,
        cycle=view.cycle,
        last_event_at=subject.last_event_at,
        next_stage=None if upcoming is None else label.stage(upcoming.stage),
        next_at=None if upcoming is None else upcoming.at,
    )


def subject_url(subject: Subject, model: str | None = None) -> str:
    """Return the address of a subject's page."""
    folder = "accounts" if subject.key.kind == "account" else "customers"
    query = "?" + urlencode({"model": model}) if model else ""
    return f"/{folder}/{quote(subject.key.text, safe='')}{query}"


def name_of(subject: Subject) -> str | None:
    """Return what people call the subject, where its traits say so."""
    # The traits of a company are what its members said last: their names are not its own.
    is_company = subject.key.kind == "account"
    for trait in ("company",) if is_company else ("name", "company", "email"):
        value = subject.traits.get(trait)
        if isinstance(value, str) and value.strip():
            return value.strip()
    return None
