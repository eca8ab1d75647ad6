"""Small cookies beside the session's: that no script reads, and over https no other host can plant.

Over https the name begins with __Host-, by which browsers hold to that. The settings say whether
people come by https: behind a proxy the request need not know.
"""

from flask import Request, Response, current_app


def cookie_name(name: str) -> str:
    return f"__Host-{name}" if _is_secure() else name


def read_cookie(request: Request, name: str) -> str | None:
    return request.cookies.get(cookie_name(name))


def set_cookie(response: Response, name: str, value: str, *, max_age: int | None = None) -> None:
    """Lasts for `max_age` seconds, or until the browser is closed."""
    response.set_cookie(
        cookie_name(name), value, max_age, path="/", secure=_is_secure(), httponly=True,
        samesite="Lax",
    )  # fmt: skip


def _is_secure() -> bool:
    return bool(current_app.config["SESSION_COOKIE_SECURE"])
