"""Every page of the portal as somebody gets to see it, for what must hold on all of them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from bench.letters import PAGE, letters
from portal.accounts.sessions import Cookie
from portal.core import clock
from portal.core.ids import parse, short
from portal.threads.services import marking
from tests.browser.running import RunningPortal
from tests.browser.walker import Walker


class Scene:
    """Ada, a client with a long thread and a closed one, and the staff around her."""

    def __init__(self, portal: RunningPortal, language: str = "en") -> None:
        self.portal, self.language = portal, language
        self.client = portal.newcomer("Ada Lind", language)
        self.thread = portal.thread(self.client, letters(2 * PAGE), subject="Sleep, and envelopes")
        self.closed = portal.thread(self.client, letters(4), subject="The first weeks")
        with portal.database.writing() as session:
            marking.close(session, portal.person("ruth"), parse(self.closed.rpartition("/")[2]))
        self.work = portal.work(self.client, "sleep")
        self.client_path = f"/clients/{short(self.client.engagement_id)}"

    @cached_property
    def cookies(self) -> dict[str, Cookie]:
        own = self.portal.cookie(self.client.user_name, self.client.passphrase)
        return {"client": own} | {name: self.portal.cookie(name) for name in ("ruth", "tom")}

    @cached_property
    def code(self) -> str:
        """An invitation that nobody redeems."""
        return self.portal.invitation("Bo Winter", self.language)


@dataclass(frozen=True)
class Sight:
    """A page, who sees it, and the way there: an address with names of the scene, or steps."""

    name: str
    who: str | None
    way: str | Callable[[Walker, Scene], None]
    status: int = 200

    def show(self, walker: Walker, scene: Scene) -> None:
        """Brings somebody to this page, with nothing of another visit left in the browser."""
        walker.context.clear_cookies()
        if self.who:
            walker.carry(scene.cookies[self.who])
        if self.status >= 400:
            walker.expects(self.status)
        if isinstance(self.way, str):
            walker.open(self.way.format(scene=scene))
        else:
            self.way(walker, scene)


def _refused_sign_in(walker: Walker, _scene: Scene) -> None:
    walker.open("/sign-in")
    walker.fill("User name", f"nobody-{clock.now().timestamp()}")
    walker.fill("Passphrase", "not this one at all")
    walker.press("Sign in")
    walker.page.get_by_role("alert").wait_for()


def _welcome(walker: Walker, scene: Scene) -> None:
    walker.open("/invitation")
    walker.fill("Code", scene.code)
    walker.press("Go on")
    walker.page.locator("code").first.wait_for()


def _refused_code(walker: Walker, _scene: Scene) -> None:
    walker.open("/invitation")
    walker.fill("Code", "ABCD-EFGH")
    walker.press("Go on")
    walker.page.get_by_role("alert").wait_for()


def _kept(walker: Walker, scene: Scene) -> None:
    walker.open(scene.thread)
    walker.context.clear_cookies()
    walker.fill("Your message", "Written too late")
    walker.page.locator("form:has(textarea)").evaluate("(form) => form.submit()")
    walker.box("User name").wait_for()


def _sent(walker: Walker, scene: Scene) -> None:
    walker.open(scene.thread)
    walker.fill("Your message", "Another letter, for the look of it.")
    walker.page.locator("form:has(textarea)").evaluate("(form) => form.submit()")
    walker.sees_time_after("Sent %(time)s")


def _new_code(walker: Walker, scene: Scene) -> None:
    walker.open("/account")
    walker.page.locator("#passphrase").fill(scene.client.passphrase)
    walker.press("Make a new code")
    walker.page.locator("code").wait_for()


def _invited(walker: Walker, _scene: Scene) -> None:
    walker.open("/clients/invite")
    walker.fill("Name", "Cleo March")
    walker.press("Make the invitation")
    walker.page.locator("code").wait_for()


def _person(walker: Walker, _scene: Scene) -> None:
    walker.open("/people")
    walker.pick("Luis Herrera")
    walker.sees_button("Turn this account off")


def _module_with_mistakes(walker: Walker, _scene: Scene) -> None:
    walker.open("/modules")
    walker.press("Write a new one")
    box = walker.box("The file")
    box.fill(box.input_value().replace("goto: end", "goto: nowhere").replace("id: my", "id: My"))
    walker.press("Check")
    walker.page.get_by_role("alert").wait_for()


def _module_as_a_client(walker: Walker, _scene: Scene) -> None:
    walker.open("/modules/library/sleep")
    walker.follow("Look at it as a client")
    walker.press("Send and go on")
    walker.page.locator("section [role=alert]").wait_for()


SIGHTS = (
    Sight("sign-in", None, "/"),
    Sight("sign-in refused", None, _refused_sign_in, 422),
    Sight("invitation", None, "/invitation"),
    Sight("invitation refused", None, _refused_code, 422),
    Sight("welcome", None, _welcome),
    Sight("recover", None, "/recover"),
    Sight("words kept", "client", _kept, 401),
    Sight("threads", "client", "/"),
    Sight("thread", "client", "{scene.thread}"),
    Sight("thread, just sent", "client", _sent),
    Sight("thread, closed", "client", "{scene.closed}"),
    Sight("new thread", "client", "{scene.client_path}/threads/new"),
    Sight("who can read this", "client", "{scene.client_path}/reading"),
    Sight("given work", "client", "{scene.work}"),
    Sight("step", "client", "{scene.work}/steps/diary"),
    Sight("account", "client", "/account"),
    Sight("being told", "client", "/account/notices"),
    Sight("being told, at first", "client", "/account/notices?first=1"),
    Sight("slip", "client", "/account/notices/slip"),
    Sight("new recovery code", "client", _new_code),
    Sight("not found", "client", "/nowhere", 404),
    Sight("clients", "ruth", "/"),
    Sight("client", "ruth", "{scene.client_path}"),
    Sight("how to reach a client", "ruth", "{scene.client_path}/contact"),
    Sight("thread, clinician", "ruth", "{scene.thread}"),
    Sight("given work, clinician", "ruth", "{scene.work}"),
    Sight("choose work", "ruth", "{scene.client_path}/work/new"),
    Sight("give work", "ruth", "{scene.client_path}/work/new/sleep"),
    Sight("invite a client", "ruth", "/clients/invite"),
    Sight("invited", "ruth", _invited),
    Sight("modules", "ruth", "/modules"),
    Sight("module with mistakes", "ruth", _module_with_mistakes),
    Sight("module of the library", "ruth", "/modules/library/sleep"),
    Sight("module as a client", "ruth", _module_as_a_client),
    Sight("people", "tom", "/"),
    Sight("person", "tom", _person),
    Sight("postbox", None, "/postbox"),
)
