"""Commands about models: which there are, whether one is sound, what it looks like, put to use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from service.cli.edge import guarded
from service.cli.exits import CommandError, Exit
from service.cli.options import Json, Language, Tenant, speaker_of
from service.cli.printing import counted, print_json, print_table
from service.cli.session import require_database, require_tenant, settings_now, use

if TYPE_CHECKING:
    from domain.check import Finding
    from domain.model import Model
    from service.ports import ModelVersion
    from service.services import Services

app = typer.Typer(no_args_is_help=True, help="Lifecycle models: list, check, draw, publish.")

ModelFile = Annotated[
    Path, typer.Argument(exists=True, dir_okay=False, help="Model document, YAML or JSON.")
]


@app.command("list")
@guarded("stagefold model list", "stagefold model list --active --json")
def list_models(
    active: Annotated[
        bool, typer.Option("--active", help="Those of the database, with their versions.")
    ] = False,
    tenant: Tenant = "default",
    language: Language = None,
    as_json: Json = False,
) -> None:
    """List the ready-made models, or the active."""
    found = _stored(tenant) if active else [(model, None) for model in _ready_made().values()]
    if as_json:
        print_json({"data": [_members(model, version) for model, version in found]})
        return
    speaker = speaker_of(language)
    print_table(
        ("MODEL", "TITLE", "SUBJECT", "STAGES", *(["VERSION"] if active else [])),
        [
            [
                model.key,
                speaker.title(model.title, model.key),
                model.subject,
                " ".join(stage.id for stage in model.stages),
                *([str(version.version)] if version else []),
            ]
            for model, version in found
        ],
    )


def _members(model: Model, version: ModelVersion | None) -> dict[str, object]:
    members: dict[str, object] = {
        "model": model.key,
        "title": dict(model.title),
        "subject": model.subject,
        "stages": [stage.id for stage in model.stages],
        "hash": model.hash,
    }
    if version is not None:
        active = version.active_generation is not None
        members |= {"version": version.version, "active": active}
    return members


def _ready_made() -> dict[str, Model]:
    from service.modelling.model_files import load_ready_models

    return dict(load_ready_models())


def _stored(tenant: str) -> list[tuple[Model, ModelVersion | None]]:
    async def ask(services: Services) -> list[tuple[Model, ModelVersion | None]]:
        versions = await services.store.models(tenant)
        return [(services.catalogue.model_of(each), each) for each in versions]

    settings = settings_now()
    require_database(settings)
    return use(ask, settings=settings)


@app.command()
@guarded("stagefold model check shop.yaml", "stagefold model check shop.yaml --strict --json")
def check(
    file: ModelFile,
    strict: Annotated[
        bool, typer.Option("--strict", help="Let warnings fail the check, too.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check a model document.

    Tells every finding, each with its place and its cure.
    """
    model, findings = _checked(file)
    errors = sum(each.severity == "error" for each in findings)
    warnings = len(findings) - errors
    if as_json:
        print_json(
            {
                "file": str(file),
                "model": model.key if model else None,
                "hash": model.hash if model else None,
                "errors": errors,
                "warnings": warnings,
                "findings": [_finding_members(each) for each in findings],
            }
        )
    else:
        for each in findings:
            typer.echo(str(each))
        name = model.key if model else "no model"
        typer.echo(f"{file}: {name}: {counted(errors, 'error')}, {counted(warnings, 'warning')}")
    if errors or (strict and warnings):
        raise typer.Exit(Exit.FINDINGS)


def _finding_members(finding: Finding) -> dict[str, object]:
    return {
        "severity": finding.severity,
        "path": finding.path,
        "code": finding.code,
        "message": finding.message,
        "line": finding.line,
        "column": finding.column,
    }


def _checked(file: Path) -> tuple[Model | None, tuple[Finding, ...]]:
    """Return the model that *file* holds, and everything found in it, placed by its lines."""
    from domain.check import check_model
    from domain.check.findings import of_problem
    from domain.document import ModelError, parse_model
    from service.modelling.model_files import read_located

    try:
        located = read_located(file.read_bytes(), file.suffix)
    except ModelError as error:
        return None, tuple(map(of_problem, error.problems))
    try:
        model = parse_model(located.document)
    except ModelError as error:
        return None, tuple(map(of_problem, located.locate(error.problems)))
    return model, check_model(model)


@app.command()
@guarded(
    "stagefold model diagram health",
    "stagefold model diagram shop.yaml --format svg --language ja > shop.svg",
)
def diagram(
    model: Annotated[str, typer.Argument(help="A ready-made model's name, or a file.")],
    form: Annotated[
        Literal["mermaid", "svg"], typer.Option("--format", help="What to draw it as.")
    ] = "mermaid",
    language: Language = None,
) -> None:
    """Draw a model.

    Its stages, what leads from one to the next, and when silence does.
    """
    from domain.diagram import mermaid, svg

    draw = {"mermaid": mermaid, "svg": svg}[form]
    typer.echo(draw(_named(model), speaker_of(language).code).rstrip("\n"))


def _named(name: str) -> Model:
    """Return the ready-made model *name*, or the one in the file *name*."""
    ready = _ready_made()
    if name in ready:
        return ready[name]
    path = Path(name)
    if not path.is_file():
        raise CommandError(
            f"model {name}: expected a file, or one of {', '.join(ready)}",
            code="model_not_found",
            status=Exit.NOT_FOUND,
        )
    found, findings = _checked(path)
    if found is None:
        raise CommandError(
            f"{path} holds no model",
            code="invalid_model",
            status=Exit.FINDINGS,
            details=[str(each) for each in findings],
        )
    return found


@app.command("put")
@guarded("stagefold model put shop.yaml", "stagefold model put shop.yaml --draft --json")
def put_model(
    file: ModelFile,
    draft: Annotated[
        bool, typer.Option("--draft", help="Store it with errors, too; it cannot be activated.")
    ] = False,
    tenant: Tenant = "default",
    as_json: Json = False,
) -> None:
    """Store a model document as the next version.

    Nobody sees it until it is activated. A document that is stored already makes no new version.
    """
    from service.http.answers.values import model_version_of

    async def put(services: Services) -> ModelVersion:
        await require_tenant(services, tenant)
        read = services.catalogue.read(file.read_bytes(), file.suffix, is_draft=draft)
        return await services.catalogue.put(read, tenant=tenant, author="command-line")

    version = use(put)
    if as_json:
        print_json(model_version_of(version))
    else:
        typer.echo(f"{version.model} version {version.version} is stored: {version.state}")


@app.command("versions")
@guarded("stagefold model versions shop")
def list_versions(
    key: Annotated[str, typer.Argument(metavar="KEY", help="Key of the model.")],
    tenant: Tenant = "default",
    as_json: Json = False,
) -> None:
    """List the versions of a model.

    The newest first, each with how far it has come: draft, validated, backtested, active, standby
    or retired.
    """
    from service.http.answers.values import model_version_of

    async def ask(services: Services) -> list[dict[str, object]]:
        await services.catalogue.find(tenant, key)
        found = await services.store.model_versions(tenant, key)
        return [model_version_of(each) for each in found]

    settings = settings_now()
    require_database(settings)
    found = use(ask, settings=settings)
    if as_json:
        print_json({"data": found})
        return
    print_table(
        ("VERSION", "STATE", "CREATED", "HASH"),
        [
            [
                str(each["version"]),
                str(each["state"]),
                str(each["created_at"]),
                str(each["hash"])[:12],
            ]
            for each in found
        ],
    )


@app.command()
@guarded(
    "stagefold model publish shop.yaml",
)
def publish(file: ModelFile, tenant: Tenant = "default", as_json: Json = False) -> None:
    """Store a model document and make it active.

    It becomes its model's next version; all of history is folded by it.

    A document that is stored already makes no new version. Readers see the old version until the
    new one has caught up.
    """
    from service.http.answers.values import instant, model_version_of

    async def put(services: Services) -> ModelVersion:
        await require_tenant(services, tenant)
        draft = services.catalogue.read(file.read_bytes(), file.suffix)
        version = await services.catalogue.put(draft, tenant=tenant, author="command-line")
        if version.active_generation is None:
            await services.catalogue.activate_and_wait(version)
        return await services.catalogue.find(tenant, version.model, version.version)

    version = use(put)
    if as_json:
        print_json(model_version_of(version))
    elif version.active_generation is None:
        raise CommandError(
            f"{version.model} version {version.version} is stored, but its rebuild failed",
            code="rebuild_failed",
            status=Exit.UNAVAILABLE,
            cure="look at it with stagefold doctor; then publish again",
        )
    else:
        made = instant(version.created_at)
        typer.echo(f"{version.model} version {version.version} of {made} is active")
