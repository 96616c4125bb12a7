"""A subscriber's endpoint that behaves: it verifies what it is sent, keeps it, and answers as the test says."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Message:
    """One request: its header fields and its body."""

    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def event(self) -> dict[str, Any]:
        event: dict[str, Any] = orjson.loads(self.body)
        return event

    @property
    def policy_no(self) -> str:
        return str(self.event["data"]["premium"]["policy_no"])

    @property
    def revision(self) -> int:
        return int(self.event["data"]["premium"]["revision"])


@dataclass
class Receiver:
    """Answers 204, or the status that `answer` gives; what got a 2xx is in `accepted`, in order."""

    url: str = ""
    answer: Callable[[Message], int | tuple[int, str]] = lambda message: 204
    pause: float = 0.0
    came: list[Message] = field(default_factory=list)
    accepted: list[Message] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
                message = Message(headers, await reader.readexactly(int(headers["content-length"])))
                self.came.append(message)
                answer = self.answer(message)
                status, more = answer if isinstance(answer, tuple) else (answer, "")
                if self.pause:
                    await asyncio.sleep(self.pause)
                if 200 <= status < 300:
                    self.accepted.append(message)
                writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n{more}\r\n".encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """An endpoint on a port of its own."""
    receiver = Receiver()
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.create_task(receiver.serve(reader, writer)))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    try:
        yield receiver
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
