"""The API process: uvicorn around the application, on a socket that is taken before anything starts."""

import contextlib
import gc
import os
import socket
from typing import Any

from litestar import Litestar
from uvicorn import Config, Server
from uvicorn.supervisors import Multiprocess

from vdept.kernel.db import Database
from vdept.kernel.settings import load
from vdept_workers import logs
from vdept_workers.doorbell import Doorbell, open_redis
from vdept_workers.runtime import Addresses, Failure, Stopped, end_with_parent

GRACE = 4
"""Seconds that requests in flight are given when the process is asked to end."""

PATIENCE = 30
"""Seconds a statement of a request may take: nobody waits longer, and no connection is held for ever."""

MESSAGE = 400_000
"""Bytes of a websocket's message that are taken in at all; what may be asked is shorter."""

PING = 20
"""Seconds after which an idle websocket is asked whether it is still there, and given up."""


def application() -> Litestar:
    """The application of one process, from the settings in the environment."""
    from vdept_graphql.app import create_app

    end_with_parent()
    settings = load()
    logs.configure(settings)
    redis = open_redis(settings.redis_url)
    doorbell = Doorbell(redis)
    database = Database(
        settings.database_url, pool_size=settings.pool_size, on_commit=doorbell, patience=PATIENCE
    )

    async def close() -> None:
        await doorbell.close()
        await redis.aclose()
        await database.close()

    app = create_app(settings, database, redis)
    app.on_shutdown.append(close)
    collect_rarely()
    return app


def collect_rarely() -> None:
    """What is loaded by now stays for good: no collection need look at it again.

    What a request leaves goes by itself as nearly all of it is in no circle: looking for circles as often as
    Python does took a tenth of every request.
    """
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)


def listen(host: str, port: int) -> socket.socket:
    """The socket to serve on; a clear sentence when somebody else has it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(2048)
    except OverflowError:
        sock.close()
        msg = f"Port {port} does not exist: choose one from 1 to 65535 with --port or VDEPT_PORT."
        raise Failure(msg) from None
    except OSError as error:
        sock.close()
        msg = f"Cannot listen on {host}:{port} ({error.strerror}): choose another with --port or VDEPT_PORT."
        raise Failure(msg) from error
    sock.set_inheritable(True)
    return sock


def websocket_options() -> dict[str, Any]:
    """How uvicorn treats websockets: without compression, of which each idle one would hold buffers."""
    return {
        "ws": "websockets-sansio",
        "ws_max_size": MESSAGE,
        "ws_per_message_deflate": False,
        "ws_ping_interval": PING,
        "ws_ping_timeout": PING,
    }


def serve(sock: socket.socket, addresses: Addresses, *, workers: int) -> None:
    """Serve until a signal asks to end; requests in flight are finished first."""
    os.environ["VDEPT_DATABASE_URL"], os.environ["VDEPT_REDIS_URL"] = addresses
    config = Config(
        "vdept_workers.serving:application",
        factory=True,
        loop="uvloop",
        http="httptools",
        **websocket_options(),
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE,
        workers=workers,
    )
    logs.configure(load())
    if workers > 1:
        Multiprocess(config, sockets=[sock]).run()
        return
    server = Server(config)
    with contextlib.suppress(Stopped):  # uvicorn raises the signal again when it has finished
        server.run(sockets=[sock])
    if not server.started:
        msg = "The API did not start: its own message stands above."
        raise Failure(msg)
