"""What each client is made to say, and the events that are to come of it.

A scenario goes on where the snippet of `docs/clients.md` ends, so the page is tested with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

THEN = "2026-03-01T12:00:00Z"
Expected = list[tuple[str, str, str]]
"""Type, who, and a word that its properties or traits hold; `{who}` is the customer's id."""

_ORDER = ("Order Completed", "{who}", "o-1")
_IDENTIFY = ("$identify", "{who}", "pro")
_GROUP = ("group", "{who}", "Initech")
_FAMILY: Expected = [
    _IDENTIFY,
    _ORDER,
    ("Signed Up", "anon:visitor-{who}", ""),
    ("page", "{who}", "Pricing"),
    ("screen", "{who}", "Main"),
    _GROUP,
    ("$alias", "{who}", "visitor-{who}"),
]
_POSTHOG: Expected = [_ORDER, _IDENTIFY, ("Seen", "{who}", "acct-9")]

_PYTHON_CALLS = """
client.identify(WHO, TRAITS, timestamp=THEN, anonymous_id=VISITOR)
client.track(WHO, "Order Completed", ORDER, timestamp=THEN)
client.track(None, "Signed Up", {}, timestamp=THEN, anonymous_id=VISITOR)
client.page(WHO, "Docs", "Pricing", {"url": "/pricing"}, timestamp=THEN)
client.screen(WHO, "Docs", "Main", {}, timestamp=THEN)
client.group(WHO, "acct-9", COMPANY, timestamp=THEN)
client.alias(VISITOR, WHO, timestamp=THEN)
client.flush()
client.join()
"""
_NODE_CALLS = """
const timestamp = new Date(THEN);
const page = { userId: WHO, category: "Docs", timestamp };
client.identify({ userId: WHO, traits: TRAITS, timestamp });
client.track({ userId: WHO, event: "Order Completed", properties: ORDER, timestamp });
client.track({ anonymousId: VISITOR, event: "Signed Up", timestamp });
client.page({ ...page, name: "Pricing", properties: { url: "/pricing" } });
client.screen({ ...page, name: "Main" });
client.group({ userId: WHO, groupId: "acct-9", traits: COMPANY, timestamp });
client.alias({ userId: WHO, previousId: VISITOR, timestamp });
"""
_POSTHOG_PYTHON = """
client.capture("Order Completed", distinct_id=WHO, properties=ORDER, timestamp=THEN)
client.set(distinct_id=WHO, properties=TRAITS, timestamp=THEN)
client.alias(VISITOR, WHO, timestamp=THEN)
client.group_identify("company", "acct-9", COMPANY, timestamp=THEN)
client.capture("Seen", distinct_id=WHO, groups={"company": "acct-9"}, timestamp=THEN)
client.flush()
client.shutdown()
"""
_POSTHOG_NODE = """
const timestamp = new Date(THEN);
client.capture({ distinctId: WHO, event: "Order Completed", properties: ORDER, timestamp });
client.identify({ distinctId: WHO, properties: TRAITS });
client.alias({ distinctId: WHO, alias: VISITOR });
client.groupIdentify({ groupType: "company", groupKey: "acct-9", properties: COMPANY });
client.capture({ distinctId: WHO, event: "Seen", groups: { company: "acct-9" }, timestamp });
await client.shutdown(120000);
"""
_JITSU = """
client.setAnonymousId(VISITOR);
await client.identify(WHO, TRAITS);
await client.track("Order Completed", ORDER);
await client.page({ name: "Pricing", url: "/pricing" });
await client.group("acct-9", COMPANY);
"""
_CLOUDEVENTS_PYTHON = """
def until_taken(event, write):
    for _ in range(10):
        if send(event, write).status_code in {200, 201}:
            return
    raise SystemExit(f"{event.get_id()} was not taken")


for number, write in enumerate((to_binary_event, to_structured_event)):
    attributes = {
        "specversion": "1.0",
        "id": f"{WHO}-{number}",
        "source": "/shop/日本",
        "type": "Order Completed",
        "subject": WHO,
        "time": THEN,
        "datacontenttype": "application/json",
        "accountid": "acct-9",
    }
    until_taken(CloudEvent(attributes, ORDER), write)
"""
_CLOUDEVENTS_NODE = """
async function untilTaken(event, write) {
  for (let attempt = 0; attempt < 10; attempt += 1) {
    const { status } = await send(event, write);
    if (status === 200 || status === 201) return;
  }
  throw new Error(`${event.id} was not taken`);
}

let number = 0;
for (const write of [HTTP.binary, HTTP.structured]) {
  const named = { source: "/shop", type: "Order Completed", subject: WHO, time: THEN };
  const said = { datacontenttype: "application/json", accountid: "acct-9", data: ORDER };
  await untilTaken(new CloudEvent({ id: `${WHO}-${number++}`, ...named, ...said }), write);
}
"""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A client, what it is made to say, and what is to be stored.

    Attributes:
        client: Name of the package, as the snippet in the documents has it.
        variant: Words of the snippet put in place of others.
        repeats: Whether the client sends again by itself what was answered with 429 or 503.
    """

    client: str
    language: Literal["python", "js"]
    calls: str
    expected: Expected
    name: str = ""
    variant: tuple[str, str] = ("", "")
    repeats: bool = True

    @property
    def title(self) -> str:
        """How tests call it."""
        return self.name or f"{self.client} ({self.language})"


SCENARIOS = (
    Scenario("segment-analytics-python", "python", _PYTHON_CALLS, _FAMILY),
    Scenario("rudder-sdk-python", "python", _PYTHON_CALLS, _FAMILY),
    Scenario(
        "posthog",
        "python",
        _POSTHOG_PYTHON,
        [*_POSTHOG, ("$alias", "visitor-{who}", "{who}")],
        variant=("Posthog(KEY,", "Posthog(KEY, max_retries=10,"),
    ),
    Scenario(
        "posthog",
        "python",
        _POSTHOG_PYTHON,
        [*_POSTHOG, ("$alias", "visitor-{who}", "{who}")],
        name="posthog, v1",
        variant=("Posthog(KEY,", 'Posthog(KEY, capture_mode="v1", max_retries=10,'),
    ),
    Scenario("cloudevents", "python", _CLOUDEVENTS_PYTHON, [_ORDER, _ORDER]),
    Scenario(
        "@segment/analytics-node",
        "js",
        _NODE_CALLS + "await client.closeAndFlush({ timeout: 120000 });\n",
        _FAMILY,
    ),
    Scenario(
        "@rudderstack/rudder-sdk-node", "js", _NODE_CALLS + "await client.flush();\n", _FAMILY
    ),
    Scenario(
        "posthog-node",
        "js",
        _POSTHOG_NODE,
        [*_POSTHOG, ("$alias", "{who}", "visitor-{who}")],
    ),
    Scenario(
        "@jitsu/js",
        "js",
        _JITSU,
        [_IDENTIFY, _ORDER, ("page", "{who}", "Pricing"), _GROUP],
        repeats=False,
    ),
    Scenario("cloudevents", "js", _CLOUDEVENTS_NODE, [_ORDER, _ORDER]),
)
