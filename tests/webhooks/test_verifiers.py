"""What we send is verified by the libraries that receivers use, while secrets are being changed.

The libraries come from their registries, unchanged, and run in processes of their own; so does the
code of docs/webhooks.md.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from domain.instants import SECOND
from tests.architecture.documents import blocks
from tests.architecture.tree import ROOT
from tests.clients.installing import NotInstalledError, install_packages
from tests.webhooks.hooking import Hooked
from tests.webhooks.receiving import Received, Receiver

pytestmark = pytest.mark.anyio

VERSIONS = {
    ("python", "standardwebhooks"): "1.1.0",
    ("python", "svix"): "2.9.1",
    ("js", "standardwebhooks"): "1.1.1",
    ("js", "svix"): "2.5.0",
}
HERE = Path(__file__).parent
GUIDE = ROOT / "docs" / "webhooks.md"
SECONDS_MAX = 120
Case: TypeAlias = dict[str, Any]


def run(command: Sequence[str], cases: Sequence[Case], **options: Any) -> list[str]:  # noqa: ANN401 -- of subprocess
    """Return what a verifier in a process of its own says of each case."""
    text = json.dumps(cases)
    done = subprocess.run(
        command,
        input=text,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS_MAX,
        **options,
    )
    assert done.returncode == 0, done.stderr
    found: list[str] = json.loads(done.stdout)
    return found


def by_library(
    language: str, library: str, cases: Sequence[Case], request: pytest.FixtureRequest
) -> list[str]:
    """Return what *library* says, or leave the test out with the cure."""
    cache = request.config.cache
    assert cache is not None
    wanted = [
        f"{name}@{version}" for (spoken, name), version in VERSIONS.items() if spoken == language
    ]
    try:
        there = install_packages(language, cache.mkdir("verifiers"), wanted)
    except NotInstalledError as error:
        pytest.skip(str(error))
    script = HERE / ("verifying.mjs" if language == "js" else "verifying.py")
    return run([*there.command(script), library], cases, cwd=there.folder, env=dict(there.environ))


def guide(language: str, having: str) -> str:
    """Return the block of the guide in that language that has a piece of text."""
    (found,) = [
        one.text for one in blocks(GUIDE) if one.language == language and having in one.text
    ]
    return found


def by_guide_in_node(name: str, cases: Sequence[Case], folder: Path) -> list[str]:
    """Return what the guide's function *name* says under Node."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node found; cure: install Node.js 20 or newer")
    module = folder / f"{name}.mjs"
    module.write_text(guide("javascript", f"function {name}("))
    return run([node, str(HERE / "verifying.mjs"), str(module), name], cases)


def by_guide_in_python(name: str, cases: Sequence[Case], folder: Path) -> list[str]:
    """Return what the guide's function *name* says in Python."""
    module = folder / "received.py"
    asked = 'case.get("keys") or case["secret"]'
    module.write_text(
        f"""{guide("python", f"def {name}(")}
import json, sys
said = []
for case in json.load(sys.stdin):
    try:
        {name}({asked}, case["headers"], case["body"].encode())
        said.append("ok")
    except Exception as error:
        said.append(repr(error))
json.dump(said, sys.stdout)
"""
    )
    return run([sys.executable, str(module)], cases)


def case(one: Received, secret: str) -> Case:
    """Return a message with a secret to verify it by."""
    return {"secret": secret, "headers": one.headers, "body": one.body.decode()}


async def rotation(hooked: Hooked, receiver: Receiver, *, signing: str = "v1") -> list[Case]:
    """Return messages before, during and after a rotation, with old and new secret.

    In the order before and old, during and old, during and new, after and new, which verify; then
    before and new, after and old, and three that were tampered with, which do not.
    """
    clock = hooked.api.clock
    clock.turn(seconds=time.time() - clock.now() / SECOND)
    terms = {"signing": ["v1", signing]}
    made = await hooked.endpoint(receiver.url, types=["customer.stage.changed"], **terms)
    path = f"/v1/webhook-endpoints/{made['id']}"

    async def told(name: str) -> Received:
        await hooked.api.send({"id": name, "type": "seen", "customer_id": f"{name} ü"})
        await hooked.deliver()
        return receiver.came[-1]

    before = await told("before")
    rotated = await hooked.post(f"{path}/rotate-secret", {"overlap": "1m"})
    during = await told("during")
    clock.turn(seconds=61)
    after = await told("after")
    old, new = made["secret"], rotated["secret"]
    good = [case(before, old), case(during, old), case(during, new), case(after, new)]
    changed = {**case(during, new), "body": during.body.decode().replace("during", "during!")}
    renamed = case(during, new)
    renamed["headers"] = {**during.headers, "webhook-id": "tr_1"}
    ancient = case(during, new)
    at = str(int(during.headers["webhook-timestamp"]) - 3_600)
    ancient["headers"] = {**during.headers, "webhook-timestamp": at}
    return [*good, case(before, new), case(after, old), changed, renamed, ancient]


def assert_verified(said: Sequence[str]) -> None:
    """Assert that the first four verify and nothing else does."""
    assert said[:4] == ["ok"] * 4
    assert "ok" not in said[4:]
    assert len(said) == 9


@pytest.mark.parametrize(
    ("language", "library"), VERSIONS, ids=[" ".join(each) for each in VERSIONS]
)
async def test_libraries_verify_what_we_send_during_a_rotation(
    language: str,
    library: str,
    hooked: Hooked,
    receiver: Receiver,
    request: pytest.FixtureRequest,
) -> None:
    cases = await rotation(hooked, receiver)

    said = by_library(language, library, cases, request)

    assert_verified(said)


async def test_the_code_of_the_guide_verifies_what_we_send_during_a_rotation(
    hooked: Hooked, receiver: Receiver, tmp_path: Path
) -> None:
    cases = await rotation(hooked, receiver, signing="v1a")

    python = by_guide_in_python("received", cases, tmp_path)
    node = by_guide_in_node("verify", cases, tmp_path)

    assert_verified(python)
    assert_verified(node)


async def test_the_code_of_the_guide_verifies_by_public_keys_while_one_is_being_changed(
    hooked: Hooked, receiver: Receiver, tmp_path: Path
) -> None:
    """Whoever asked for the keys before the change and whoever asks after it both verify."""
    clock = hooked.api.clock
    clock.turn(seconds=time.time() - clock.now() / SECOND)
    terms = {"signing": ["v1", "v1a"], "types": ["customer.stage.changed"]}
    await hooked.endpoint(receiver.url, **terms)
    old = (await hooked.get("/.well-known/webhook-keys.json"))["keys"]
    made = await hooked.post("/v1/webhook-keys/rotate", {"overlap": "1m"})
    both = (await hooked.get("/.well-known/webhook-keys.json"))["keys"]
    await hooked.api.send({"id": "e-1", "type": "seen", "customer_id": "ann"})
    await hooked.deliver()
    clock.turn(seconds=61)
    await hooked.api.send({"id": "e-2", "type": "seen", "customer_id": "bob"})
    await hooked.deliver()
    new = (await hooked.get("/.well-known/webhook-keys.json"))["keys"]
    during, after = receiver.came
    tried = [(during, old), (during, both), (during, new), (after, new), (after, old), (during, [])]
    cases = [{"keys": keys, **case(one, "")} for one, keys in tried]

    python = by_guide_in_python("received_v1a", cases, tmp_path)
    node = by_guide_in_node("verifyV1a", cases, tmp_path)

    for said in (python, node):
        assert said[:4] == ["ok"] * 4
        assert "ok" not in said[4:]
    assert [one["id"] for one in both] == ["1", "2"]
    assert new == [{**made, "ends_at": None}]


async def test_public_keys_may_be_kept_for_a_while(hooked: Hooked) -> None:
    answered = await hooked.api.client.get("/.well-known/webhook-keys.json")

    assert answered.headers["cache-control"] == "public, max-age=300"
