"""A line between browser and server that counts what passes, in both directions.

The DevTools protocol tells what came down, compressed and with its headers, but not what went up.
Here everything on the connections is counted: handshakes, records, frames and headers.
"""

import asyncio
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Self

CHUNK = 1 << 16


@dataclass
class Counted:
    """Bytes since the last look, and how many connections were opened meanwhile."""

    up: int = 0
    down: int = 0
    connections: int = 0


class Relay:
    """Listens on a free port of this machine, or on `port`, and passes on to `target`."""

    def __init__(self, target: int, port: int = 0) -> None:
        self.target, self.port = target, port
        self._counted = Counted()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._listen()
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._hang_up(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def take(self) -> Counted:
        """What passed since the last call."""
        taken, self._counted = self._counted, Counted()
        return taken

    def _listen(self) -> asyncio.Server:
        listening = asyncio.start_server(self._serve, "127.0.0.1", self.port)
        return asyncio.run_coroutine_threadsafe(listening, self._loop).result(10)

    async def _hang_up(self) -> None:
        self._server.close()
        lines = asyncio.all_tasks() - {asyncio.current_task()}
        for line in lines:
            line.cancel()
        await asyncio.gather(*lines, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._counted.connections += 1
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self.target)
        async with asyncio.TaskGroup() as both:
            both.create_task(self._pump(reader, inner_writer, up=True))
            both.create_task(self._pump(inner_reader, writer, up=False))

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, up: bool
    ) -> None:
        try:
            while chunk := await source.read(CHUNK):
                self._count(len(chunk), up=up)
                sink.write(chunk)
                await sink.drain()
        except ConnectionError:
            return
        finally:
            sink.close()

    def _count(self, size: int, *, up: bool) -> None:
        if up:
            self._counted.up += size
        else:
            self._counted.down += size
