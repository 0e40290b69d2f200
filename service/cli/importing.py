"""The command that brings the past in from a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.edge import guarded
from service.cli.exits import CommandError, Exit
from service.cli.options import Json
from service.cli.session import settings_now

if TYPE_CHECKING:
    from service.cli.taking_in import Wanted

File = Annotated[
    Path,
    typer.Argument(exists=True, dir_okay=False, help="NDJSON, CSV, TSV, Parquet or text; .gz too."),
]
MappingFile = Annotated[
    Path | None,
    typer.Option("--mapping", "-m", exists=True, dir_okay=False, help="What its columns mean."),
]
Form = Annotated[
    str | None, typer.Option("--format", help="ndjson, csv, tsv, parquet or whitespace.")
]
Source = Annotated[str | None, typer.Option(help="Event source; else the file's name.")]
Kind = Annotated[str | None, typer.Option("--type", help="Event type, or column:NAME.")]
CustomerId = Annotated[str | None, typer.Option(help="Column of the customer's id.")]
AccountId = Annotated[str | None, typer.Option(help="Column of the account's id.")]
OccurredAt = Annotated[str | None, typer.Option(help="Column of the time.")]
TimeFormat = Annotated[
    str | None, typer.Option(help="rfc3339, unix, unix_ms, unix_us, or a pattern such as %Y%m%d.")
]
Timezone = Annotated[str | None, typer.Option(help="Zone of times without an offset.")]
EventId = Annotated[
    str | None, typer.Option("--id", help="Columns that make the event's id: a,b,$line.")
]
Properties = Annotated[
    list[str] | None,
    typer.Option("--property", "-p", help="name=column or name=column:type; repeatable."),
]
RejectedFile = Annotated[
    Path | None, typer.Option("--rejected", help="Where rejected lines go; else beside the file.")
]
Restart = Annotated[bool, typer.Option("--restart", help="Begin at line 1 after a broken run.")]
KeyId = Annotated[
    str | None, typer.Option("--key", help="Id of the API key whose tenant, source and types hold.")
]
Server = Annotated[
    str | None, typer.Option("--server", help="Base address of a server, which imports it.")
]
ApiKey = Annotated[
    str | None, typer.Option("--api-key", help="Key for --server; else STAGEFOLD_API_KEY.")
]


@guarded(
    "stagefold import events.ndjson.gz",
    "stagefold import cdnow_master.txt.gz --mapping docs/examples/cdnow.yaml",
    "stagefold import orders.csv -m orders.yaml --timezone Asia/Tokyo --rejected bad.ndjson",
    "stagefold import orders.csv --type order_completed --customer-id buyer --occurred-at day",
    "stagefold import orders.parquet -m orders.yaml --server https://stages.example.com",
)
def import_file(
    *,
    file: File,
    mapping: MappingFile = None,
    form: Form = None,
    source: Source = None,
    kind: Kind = None,
    customer_id: CustomerId = None,
    account_id: AccountId = None,
    occurred_at: OccurredAt = None,
    time_format: TimeFormat = None,
    timezone: Timezone = None,
    event_id: EventId = None,
    properties: Properties = None,
    rejected: RejectedFile = None,
    restart: Restart = False,
    key: KeyId = None,
    server: Server = None,
    api_key: ApiKey = None,
    as_json: Json = False,
) -> None:
    """Import a file of past events.

    They are folded like any other and announced to nobody. With --server the file is sent to one.

    Safe to repeat: what is there already counts as duplicate. Started again after it was stopped,
    it goes on where it was. Exit code 1 where a line was rejected.
    """
    from service.cli import mappings, taking_in

    moment = {"column": occurred_at, "format": time_format, "timezone": timezone}
    options = {
        "format": form,
        "source": source,
        "type": mappings.kind_of(kind),
        "customer_id": customer_id,
        "account_id": account_id,
        "occurred_at": {name: value for name, value in moment.items() if value is not None},
        "id": event_id.split(",") if event_id else None,
        "properties": dict(map(mappings.property_of, properties or [])),
    }
    document = mappings.document_of(file, mapping, options)
    wanted = taking_in.Wanted(file, document, rejected, key, restart)
    if server is not None:
        found = _sent(wanted, server, api_key, as_json=as_json)
    else:
        _refuse_beside("an import into the database itself", {"--api-key": api_key})
        found = taking_in.take_in(wanted, as_json=as_json)
    if found:
        raise typer.Exit(Exit.FINDINGS)


def _refuse_beside(what: str, given: dict[str, object]) -> None:
    """Raise an error where an option was given that says nothing there."""
    for name, value in given.items():
        if value is not None:
            message = f"{name} is of no use beside {what}; leave it out"
            raise CommandError(message, code="bad_option")


def _sent(wanted: Wanted, server: str, api_key: str | None, *, as_json: bool) -> int:
    """Send the file and return how many of its records were rejected."""
    from service.cli import mappings, uploading
    from service.imports.bookmarks import name_of

    _refuse_beside("--server", {"--key": wanted.key, "--rejected": wanted.rejected})
    file, document = wanted.file, wanted.document
    plan = mappings.plan_of(file, document, is_read_here=False)
    url = uploading.address_of(server)
    note = settings_now().data_dir / "imports" / f"{name_of(file, plan, owner=url)}.sent.json"
    if wanted.restart:
        note.unlink(missing_ok=True)
    order = uploading.Upload(file, document, url, uploading.secret_of(api_key), note)
    return uploading.upload_shown(order, as_json=as_json)
