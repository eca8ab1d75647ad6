"""Porchlight: a counselling service and its clients work together, each when it suits them."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portal.config import Config
    from portal.core.web import Portal


def create_app(config: "Config") -> "Portal":
    """The web application of one process."""
    # Imported here: the clock and the worker are in this package too, and need no web.
    from werkzeug.middleware.proxy_fix import ProxyFix

    from portal import features
    from portal.core.database import Database
    from portal.core.html import init_html
    from portal.core.jobs import open_queue
    from portal.core.keyring import Keyring
    from portal.core.reserve import set_aside
    from portal.core.resources import resource
    from portal.core.web import Portal, init_web

    app = Portal("portal", static_folder=None, template_folder=str(resource("templates")))
    if config.trusted_proxies:
        hops = config.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    init_html(app)
    init_web(app, config, Database(config.database_url), Keyring(config.server_keys))
    features.wire(app, config)
    open_queue(config)
    set_aside(config)
    return app
