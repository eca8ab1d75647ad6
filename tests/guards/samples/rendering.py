"""Samples made into what a browser gets."""

from typing import Any

from flask import Flask, render_template

from portal.core.assets import init_assets
from portal.core.html import init_html
from portal.core.i18n import init_i18n
from tests.guards.samples.common import CRISIS, ROOT

TOKEN = "Zk3vQm8sTzW0yLr5aBn2XgQ7d1E"


def sample_app(language: str | None = None) -> Flask:
    """An app with templates and nothing behind them."""
    app = Flask(__name__, template_folder=str(ROOT / "templates"), static_folder=None)
    init_html(app)
    init_i18n(app, own_language=lambda: language)
    init_assets(app, ROOT / "static")
    app.jinja_env.globals.update(
        url_for=lambda endpoint, **_: "/" + endpoint.replace(".", "/"),
        csrf_token=lambda: TOKEN,
    )
    return app


def render(app: Flask, template: str, context: dict[str, Any], **request_options: Any) -> str:
    """The page as a browser gets it; request_options: headers and the like."""
    everywhere: dict[str, Any] = {
        "person": None,
        "crisis": CRISIS,
        "scripts": bool(context.get("person")),
        "exit_url": "https://weather.example.org/",
        "gone_url": "/gone",
        "idle_seconds": 1800 if context.get("person") else None,
    }
    with app.test_request_context("/", **request_options):
        return render_template(template, **(everywhere | context))
