"""The forms on a page, as a browser without scripts would send them."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

from werkzeug.datastructures import MultiDict

from tests.cast import Browser

Attributes = dict[str, str]


@dataclass
class Form:
    """`fields`: what it would send as it stands; `offered`: the values that may be chosen, by
    name, None where one may type; `buttons`: the address and the field of each."""

    action: str
    fields: MultiDict[str, str] = field(default_factory=MultiDict)
    offered: dict[str, set[str] | None] = field(default_factory=dict)
    buttons: list[Attributes] = field(default_factory=list)

    def fill(self, typed: MultiDict[str, str]) -> None:
        """Somebody fills in what the page has boxes and choices for, and nothing else."""
        for name in typed:
            chosen = typed.getlist(name)
            assert name in self.offered, f"the page has no {name}"
            choices = self.offered[name]
            assert choices is None or choices >= set(chosen), (name, chosen)
            self.fields.setlist(name, chosen)

    def press(self, browser: Browser, value: str = "", *, follow: bool = True) -> None:
        """Somebody presses the button that sends this value, or leads to an address like it."""
        for button in self.buttons:
            target = button.get("formaction", self.action)
            if value in (button.get("value", ""), target.rpartition("/")[2]):
                own = {button["name"]: value} if "name" in button else {}
                fields = self.fields.to_dict(flat=False) | own
                browser._go("POST", target, htmx=False, follow=follow, data=fields)
                return
        raise AssertionError(f"there is no button {value}")


def forms(browser: Browser) -> list[Form]:
    """Of the page that is open, in their order."""
    reader = _Reader(browser.page.request.path)
    reader.feed(browser.page.text)
    return reader.forms


def form_to(browser: Browser, ending: str) -> Form | None:
    """The first form that leads to an address with this ending, itself or by one of its buttons."""
    for form in forms(browser):
        targets = {form.action, *(one.get("formaction", "") for one in form.buttons)}
        if any(target.endswith(ending) for target in targets):
            return form
    return None


class _Reader(HTMLParser):
    def __init__(self, address: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._address, self._inside = address, False
        self._box = self._list = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(found.get("action", self._address)))
            self._inside = True
        elif self._inside:
            self._read(tag, found)

    def _read(self, tag: str, found: Attributes) -> None:
        form, name = self.forms[-1], found.get("name", "")
        if tag == "button":
            form.buttons.append(found)
        elif tag == "input" and found.get("type") in ("radio", "checkbox"):
            self._offer(name, found["value"], is_chosen="checked" in found)
        elif tag == "input":
            form.fields.setlist(name, [found.get("value", "")])
            form.offered[name] = None
        elif tag == "textarea":
            self._box = name
            form.fields.setlist(name, [""])
            form.offered[name] = None
        elif tag == "select":
            self._list = name
            form.offered[name] = set()
        elif tag == "option":
            is_first = not form.offered[self._list]
            self._offer(self._list, found["value"], is_chosen=is_first or "selected" in found)

    def _offer(self, name: str, value: str, *, is_chosen: bool) -> None:
        form = self.forms[-1]
        choices = form.offered.setdefault(name, set())
        assert choices is not None
        choices.add(value)
        if is_chosen and self._list == name:
            form.fields.setlist(name, [value])
        elif is_chosen:
            form.fields.add(name, value)

    def handle_data(self, data: str) -> None:
        if self._box:
            form = self.forms[-1]
            form.fields.setlist(self._box, [(form.fields[self._box] + data).removeprefix("\n")])

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False
        elif tag == "textarea":
            self._box = ""
