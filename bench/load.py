"""A load driver: many kept connections, each asking again as soon as it has its answer.

One thread and a selector, so that the driver takes little of the machine it measures on, and a
slow answer on one connection delays no other.
"""

import re
import selectors
import socket
import time
from collections.abc import Generator, Iterable
from dataclasses import dataclass, field

HEAD_END = b"\r\n\r\n"


@dataclass(frozen=True)
class Answer:
    """How one request went."""

    status: int
    seconds: float
    head: bytes = b""
    body: bytes = b""

    @property
    def text(self) -> str:
        """The body of an answer that was asked for uncompressed."""
        return self.body.decode()

    @property
    def cookie(self) -> str:
        """The cookies that came with the answer, as they go back."""
        found = re.findall(rb"(?im)^set-cookie: ([^;\r\n]+)", self.head)
        return "; ".join(one.decode() for one in found)


Requests = Generator[bytes, Answer, None]
"""Raw requests one after another, each but the first made knowing the answer before it."""


@dataclass
class Visitor:
    """One kept connection and the requests it makes; the visit ends when they do."""

    requests: Requests
    answers: list[Answer] = field(default_factory=list)
    _socket: socket.socket | None = None
    _received: bytes = b""
    _began: float = 0.0

    def connect(self, host: str, port: int) -> socket.socket:
        """Opens the connection."""
        self._socket = socket.create_connection((host, port), 30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._socket

    def ask(self) -> bool:
        """Sends the next request; false when there is none."""
        assert self._socket is not None
        try:
            raw = self.requests.send(self.answers[-1]) if self.answers else next(self.requests)
        except StopIteration:
            return False
        self._received, self._began = b"", time.perf_counter()
        self._socket.sendall(raw)
        return True

    def hear(self) -> bool:
        """Takes in what has come; true when an answer is complete."""
        assert self._socket is not None
        chunk = self._socket.recv(1 << 16)
        if not chunk:
            raise ConnectionError("the server closed a kept connection")
        self._received += chunk
        head, found, body = self._received.partition(HEAD_END)
        if not found or len(body) < _length(head):
            return False
        seconds = time.perf_counter() - self._began
        self.answers.append(Answer(int(head.split(b" ", 2)[1]), seconds, head, body))
        return True

    def leave(self, selector: selectors.BaseSelector) -> None:
        """Closes the connection."""
        if self._socket is not None:
            selector.unregister(self._socket)
            self._socket.close()


def drive(visitors: Iterable[Visitor], host: str, port: int) -> list[Answer]:
    """Lets all visitors run side by side until each has made its last request."""
    everyone = list(visitors)
    with selectors.DefaultSelector() as selector:
        for visitor in everyone:
            selector.register(visitor.connect(host, port), selectors.EVENT_READ, visitor)
        busy = sum(_next(visitor, selector) for visitor in everyone)
        while busy:
            for key, _ in selector.select(60):
                if key.data.hear():
                    busy -= not _next(key.data, selector)
    return [answer for visitor in everyone for answer in visitor.answers]


def request(method: str, path: str, host: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """A raw HTTP/1.1 request on a kept connection."""
    fields = {"Host": host, **headers}
    if method == "POST":
        fields["Content-Type"] = "application/x-www-form-urlencoded"
        fields["Content-Length"] = str(len(body))
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join(lines).encode() + HEAD_END + body


def _next(visitor: Visitor, selector: selectors.BaseSelector) -> bool:
    """Whether the visitor stays; one who leaves is no longer listened to."""
    if visitor.ask():
        return True
    visitor.leave(selector)
    return False


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    if head.split(b" ", 2)[1] in (b"204", b"304"):
        return 0
    raise ValueError("an answer without its length")
