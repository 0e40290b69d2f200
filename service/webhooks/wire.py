"""One connection to a receiver: a request goes out in one piece, the answer is read up to a bound.

The parser is the one that our own server reads requests by, and it is strict: what could be read in
two ways is no answer. Of a body no more is kept than is shown; whoever goes on sending is left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

import httptools

ANSWER_OCTETS_MAX = 16 << 10
HEAD_OCTETS_MAX = 64 << 10
_FINAL_FROM = 200

Trouble = Literal["connect_timeout", "connect_error", "tls_error", "protocol_error", "unanswered"]


class WireError(Exception):
    """An exchange that came to nothing.

    Attributes:
        trouble: The kind; `unanswered` where the connection ended before the first octet came.
    """

    def __init__(self, trouble: Trouble, message: str) -> None:
        super().__init__(message)
        self.trouble: Trouble = trouble


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver said: field names in small letters, the first octets of the body as sent."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    address: str | None


class _Reading:
    """An answer as far as it has come; the parser calls its methods."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.came = 0
        self.is_over = False
        self.may_go_on = False
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, octets: bytes) -> None:
        """Read on.

        Raises:
            WireError: This is no answer.
        """
        self.came += len(octets)
        try:
            self._parser.feed_data(octets)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self.may_go_on = False
            if not self.is_over:
                raise WireError("protocol_error", f"no HTTP answer: {error}") from None
        if not self.status and self.came > HEAD_OCTETS_MAX:
            message = f"expected the head of an answer within {HEAD_OCTETS_MAX} octets"
            raise WireError("protocol_error", message)

    def end(self) -> bool:
        """Tell whether the end of the connection is the end of the answer."""
        has_length = self.headers.keys() & {"content-length", "transfer-encoding"}
        return self.is_over or bool(self.status and not has_length)

    def close(self) -> None:
        """Let go of the parser, which knows us as we know it."""
        del self._parser

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1").strip()

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status >= _FINAL_FROM:
            self.status = status
        else:  # 100 and its like: the answer is still to come
            self.headers.clear()

    def on_body(self, octets: bytes) -> None:
        self.body += octets[: ANSWER_OCTETS_MAX - len(self.body)]
        self.is_over = self.is_over or len(self.body) == ANSWER_OCTETS_MAX

    def on_message_complete(self) -> None:
        if self.status:
            self.may_go_on = not self.is_over and self._parser.should_keep_alive()
            self.is_over = True


class Wire(asyncio.Protocol):
    """A connection, over which one request after another goes.

    Attributes:
        address: Where it goes; None where that cannot be told.
        is_reusable: Whether another request may follow.
    """

    def __init__(self) -> None:
        """Wait for the connection."""
        self.address: str | None = None
        self.is_reusable = False
        self._transport: asyncio.WriteTransport
        self._reading = _Reading()
        self._answered: asyncio.Future[Answer] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where requests go."""
        self._transport = cast("asyncio.WriteTransport", transport)
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if isinstance(peer, tuple) else None

    @property
    def is_open(self) -> bool:
        """Whether nobody has ended the connection."""
        return not self._transport.is_closing()

    async def exchange(self, request: bytes) -> Answer:
        """Return the answer to *request*, the octets of head and body.

        Raises:
            WireError: `protocol_error`, or `unanswered`.
        """
        self._reading = reading = _Reading()
        self.is_reusable = False
        if self._transport.is_closing():
            raise WireError("unanswered", "the connection ended before an answer came")
        self._answered = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        try:
            answer = await self._answered
            self.is_reusable = reading.may_go_on
            return answer
        finally:
            self._answered = None
            reading.close()
            if not self.is_reusable:
                self.close()

    def close(self) -> None:
        """End the connection at once."""
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Read on; what nobody asked for ends the connection."""
        if self._answered is None or self._answered.done():
            self.is_reusable = self._reading.may_go_on = False
            self.close()
            return
        try:
            self._reading.feed(data)
        except WireError as error:
            self._answered.set_exception(error)
            return
        if self._reading.is_over:
            self._answered.set_result(self._answer())

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits that no more will come."""
        del exc
        if self._answered is None or self._answered.done():
            return
        if self._reading.end():
            self._answered.set_result(self._answer())
        elif self._reading.came:
            message = "the connection ended in the middle of an answer"
            self._answered.set_exception(WireError("protocol_error", message))
        else:
            message = "the connection ended before an answer came"
            self._answered.set_exception(WireError("unanswered", message))

    def _answer(self) -> Answer:
        reading = self._reading
        return Answer(reading.status, reading.headers, bytes(reading.body), self.address)
