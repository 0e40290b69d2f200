"""The question whether a receiver wants our messages at all, before it is sent any.

Source: CloudEvents, HTTP 1.1 Web Hooks for Event Delivery 1.0.2, section 4 (abuse protection). An
`OPTIONS` names who asks and how many messages a minute are meant; the receiver answers with whom it
lets in, and how many it takes. It keeps us from being used to flood somebody who never asked.
"""

from __future__ import annotations

import asyncio

from service.webhooks.targets import TargetError, parse_target
from service.webhooks.terms import Terms
from service.webhooks.transport import GuardedClient
from service.webhooks.wire import Answer, WireError

_OK_FROM, _OK_TO = 200, 300


async def refusal_of_receiver(client: GuardedClient, terms: Terms, origin: str) -> str | None:
    """Return why the receiver does not want messages on *terms*; None where it does.

    Args:
        client: The way out.
        terms: Where to ask, how patiently, and for how many.
        origin: What we call ourselves there.
    """
    headers = {**terms.headers, "webhook-request-origin": origin}
    wanted = terms.per_second * 60
    if wanted:
        headers["webhook-request-rate"] = str(wanted)
    try:
        async with asyncio.timeout(terms.timeout_seconds):
            answer = await client.send("OPTIONS", parse_target(terms.url), headers)
    except TimeoutError:
        return f"expected an answer to OPTIONS within {terms.timeout_seconds:g} s, found none"
    except (TargetError, WireError, OSError) as error:
        return f"expected an answer to OPTIONS: {error}"
    return _refusal(answer, origin, wanted)


def _refusal(answer: Answer, origin: str, wanted: int) -> str | None:
    allowed = answer.headers.get("webhook-allowed-origin", "")
    if not _OK_FROM <= answer.status < _OK_TO:
        return f"expected a 2xx to OPTIONS, found {answer.status}"
    if allowed not in {"*", origin}:
        found = allowed[:100] or "none"
        return f"expected WebHook-Allowed-Origin: {origin} or *, found {found}"
    rate = answer.headers.get("webhook-allowed-rate", "*")
    if wanted and rate.isascii() and rate.isdigit() and int(rate) < wanted:
        return f"it takes {rate} messages a minute, and rate_limit says {wanted}"
    return None
