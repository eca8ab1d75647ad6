"""The web server: its limits, and what it may write down."""

import logging
from collections.abc import Callable
from typing import Any, ClassVar

from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from portal.config import Config
from portal.core.processes import die_with_parent, name_process, settle_memory

MakeApp = Callable[[Config], Any]

SETTINGS: dict[str, Any] = {
    "worker_class": "gthread",
    # Most of them only wait: for the turn to write, or with a sign-in for its place.
    "threads": 16,
    "preload_app": True,
    # People write for minutes between two requests; a new connection costs them seconds.
    "keepalive": 900,
    "worker_connections": 1000,
    "timeout": 60,
    "graceful_timeout": 15,
    "limit_request_line": 2048,
    "limit_request_fields": 64,
    "limit_request_field_size": 4096,
    "control_socket_disable": True,
    "worker_tmp_dir": "/dev/shm",  # noqa: S108 - a heartbeat file; a disk that is full must not stop it
    "accesslog": "-",
}


class DiscreetLogger(Logger):
    """Writes method, status and route: no address, no query, no id of anything."""

    FORMAT: ClassVar[str] = "%s %s %s %d ms"

    def access(self, resp: Any, req: Any, environ: dict[str, Any], request_time: Any) -> None:
        self.access_log.info(
            self.FORMAT,
            req.method,
            str(resp.status).split(" ", 1)[0],
            environ.get("portal.route", "-"),
            request_time.total_seconds() * 1000,
        )

    def exception(self, msg: Any, *_args: Any, **_kwargs: Any) -> None:
        # What gunicorn would add here is the address that was asked for.
        import sys

        kind = sys.exc_info()[0]
        self.error_log.error("%s: %s", str(msg).split("%")[0].strip(), kind and kind.__name__)

    def warning(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        if str(msg).startswith("Invalid request"):
            msg, args = "Invalid request refused", ()
        self.error_log.warning(msg, *args, **kwargs)


class Server(BaseApplication):
    """gunicorn with our settings, around an application that the caller makes."""

    def __init__(self, config: Config, make_app: MakeApp, bind: str | None = None) -> None:
        self._config = config
        self._make_app = make_app
        self._bind = bind or f"{config.host}:{config.port}"
        super().__init__()

    def load_config(self) -> None:
        for name, value in SETTINGS.items():
            self.cfg.set(name, value)
        self.cfg.set("bind", self._bind)
        self.cfg.set("workers", self._config.web_workers)
        self.cfg.set("logger_class", DiscreetLogger)
        self.cfg.set("when_ready", lambda _arbiter: settle_memory())
        # Without its parent a web process would keep the door open that the next one needs.
        self.cfg.set("post_fork", lambda _arbiter, _worker: die_with_parent())

    def load(self) -> Any:
        app = self._make_app(self._config)
        app.load_pages()
        return app


def run_web(config: Config, make_app: MakeApp, bind: str | None = None) -> None:
    """Serves what `make_app` makes until a signal comes.

    `bind` may be `fd://N`, a socket that is already open.
    """
    logging.raiseExceptions = False
    name_process("web")
    Server(config, make_app, bind).run()
