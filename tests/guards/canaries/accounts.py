"""People come, mistype, and change their keys."""

import re
from typing import Any

from portal.accounts.passphrases import normalise_code
from portal.core.ids import short
from tests.cast import PASSPHRASE
from tests.guards.canaries.story import Story, Visitor

CODE = re.compile(r"<code>([0-9A-Z-]{30,50})</code>")
RECOVERY = re.compile(r'name=recovery_code value="([^"]+)"')


def a_counsellor_comes(story: Story) -> Visitor:
    tom = story.visitor("tom")
    tom.open("/people")
    tom.post("/people", name=story.said("counsellor"), role="clinician", language="en")
    return _come(story, tom.found(CODE), "counsellor")


def a_client_comes(story: Story, counsellor: Visitor) -> Visitor:
    counsellor.open("/clients/invite")
    counsellor.post(
        "/clients/invite",
        name=story.said("client"),
        user_name="",
        language="en",
        second=short(story.cast.ids["helen"]),
    )
    return _come(story, counsellor.found(CODE), "client")


def _come(story: Story, code: str, name: str) -> Visitor:
    newcomer, mark = story.visitor(), story.mark
    newcomer.open("/invitation")
    newcomer.post("/invitation", code=code)
    recovery = newcomer.found(RECOVERY)
    passphrase = f"{mark} lanterns drift by the {name} bay"
    newcomer.post(
        "/invitation/accept",
        code=code,
        recovery_code=recovery,
        user_name=f"{mark}.{name}",
        passphrase=passphrase,
    )
    assert newcomer.open("/account").status == 200
    story.secrets += [code, normalise_code(code), recovery, normalise_code(recovery)]
    story.secrets += [passphrase, newcomer.cookies["p"].partition(".")[2]]
    return newcomer


def people_mistype(story: Story) -> None:
    """Names and passphrases in the wrong boxes, codes with a slip, addresses by hand."""
    somebody = story.visitor()
    slips: list[tuple[str, dict[str, Any]]] = [
        ("/sign-in", {"user_name": story.said("a passphrase"), "passphrase": story.mark}),
        ("/recover", {"user_name": story.said("name"), "code": story.said("code")}),
        ("/invitation", {"code": story.said("code")}),
    ]
    for url, fields in slips:
        somebody.open(url)
        assert somebody.post(url, **fields).status == 422
    for url in (
        f"/{story.mark}",
        f"/sign-in?next=/{story.mark}&lang={story.mark}&why={story.mark}",
        f"/threads/{story.mark}",
        f"/static/{story.mark}.css",
        f"{story.thread_url}?{story.mark}={story.mark}",
    ):
        somebody.go("GET", url)
    somebody.go("BREW", f"/{story.mark}")
    somebody.go("DELETE", f"/people?{story.mark}")


def keys_are_changed(story: Story, client: Visitor) -> None:
    story.cast.set_passphrase("dana")
    dana, other = story.visitor(), f"{story.mark} herons wade in the evening"
    dana.open("/sign-in")
    dana.post("/sign-in", user_name="dana", passphrase=PASSPHRASE)
    dana.open("/account")
    dana.post("/account/passphrase", current=PASSPHRASE, new=other)
    dana.post("/account/recovery-code", passphrase=other)
    code = dana.found(CODE)
    story.secrets += [PASSPHRASE, other, code, normalise_code(code)]
    story.secrets.append(dana.cookies["p"].partition(".")[2])
    client.open("/account")
    client.post("/account/language", language="es")
    client.post("/sign-out")
