"""At the HTTP door, around it: a uvicorn server inside our own loop, which takes no signals and stops when it is asked to."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass

import uvicorn

from hub.errors import Misconfigured
from hub.transports.http import HttpDoor
from hub.transports.http_protocol import DoorProtocol

_KEEP_ALIVE = 65  # seconds; longer than the minute that a proxy usually keeps its side


@dataclass(slots=True)
class HttpServer:
    """A running door. `port` is the one it really has."""

    host: str
    port: int
    _door: HttpDoor
    _server: uvicorn.Server
    _task: asyncio.Task[None]

    @property
    def url(self) -> str:
        """How this machine reaches it."""
        return f"http://[{self.host}]:{self.port}" if ":" in self.host else f"http://{self.host}:{self.port}"

    async def stop(self, *, notice: float = 0.0) -> None:
        """Readiness says no at once; after `notice` seconds nothing new is taken; what was read is answered; then it is closed."""
        self._door.stopping = True
        await asyncio.sleep(notice)
        self._server.should_exit = True
        await asyncio.gather(self._task, return_exceptions=True)

    async def wait(self) -> None:
        """Returns when it has stopped, however that came about. Raises what ended it, if something did."""
        await asyncio.shield(self._task)


async def serve_http(door: HttpDoor, host: str, port: int) -> HttpServer:
    """Answers when it returns; port 0 takes any that is free. Raises Misconfigured when the address cannot be had."""
    listening = _bound(host, port)
    server = _Quiet(_config(door))
    task = asyncio.create_task(server.serve(sockets=[listening]), name="http")
    while not server.started and not task.done():  # noqa: ASYNC110  uvicorn has no event for it
        await asyncio.sleep(0.005)
    if task.done():
        listening.close()
        await task
    return HttpServer(host, listening.getsockname()[1], door, server, task)


class _Quiet(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals belong to whoever runs the loop."""
        yield


def _config(door: HttpDoor) -> uvicorn.Config:
    """No access log (paths hold ids), no trust in forwarded addresses, no upgrade to another protocol, no banner."""
    return uvicorn.Config(
        door,
        interface="asgi3",
        http=DoorProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=int(door.limits.stop_seconds),
        backlog=1024,
    )


def _bound(host: str, port: int) -> socket.socket:
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listening = socket.socket(family, kind)
    except OSError:
        raise Misconfigured(f"The HTTP address {host}:{port} is none of this machine's: set HUB_HTTP to one that is.") from None
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.setblocking(False)
    except OSError as error:
        listening.close()
        raise Misconfigured(f"The HTTP address {host}:{port} cannot be had ({error.strerror}): stop what uses it, or set HUB_HTTP to another.") from None
    return listening
