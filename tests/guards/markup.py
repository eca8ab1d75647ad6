"""The bones of a page: its tags and attributes, without what people typed between them."""

import re
from html.parser import HTMLParser

LINK_REL = "noopener noreferrer nofollow"
AN_ID = re.compile(r"(?<=/)[\w-]{22}(?=[/?#]|$)")
Tag = tuple[str, tuple[tuple[str, str], ...]]


class Bones(HTMLParser):
    """Reads a page or a fragment.

    `tags` is what no typed text may change. A person's text may hold line breaks and links to the
    web or to a telephone, which are looked at one by one and left out; what fields hold is in
    `shown`, together with all text.
    """

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[Tag] = []
        self.links: list[str] = []
        self._shown: list[str] = []
        self._in_link = False
        self.feed(html)
        self.close()

    @property
    def shown(self) -> str:
        return bare("".join(self._shown))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        values = {name: value or "" for name, value in attrs}
        if tag == "br" and not attrs:
            return
        if tag == "a" and self._is_typed_link(values):
            assert len(names) == len(set(names))
            self.links.append(values["href"])
            self._in_link = True
            return
        if tag in ("input", "option"):
            self._shown.append(values.pop("value", ""))
        if values.get("href", "").startswith("/sign-in?next="):
            assert re.fullmatch(r'[^\s"<>`]+', values["href"]), values
            values["href"] = "/sign-in?next=…"
        fixed = ((name, AN_ID.sub("ID", value)) for name, value in values.items())
        self.tags.append((tag, tuple(sorted(fixed))))

    @staticmethod
    def _is_typed_link(values: dict[str, str]) -> bool:
        if values.get("rel") == LINK_REL:
            assert set(values) == {"href", "target", "rel"}, values
            assert re.match(r"https?://", values["href"], re.IGNORECASE), values
            return True
        return set(values) == {"href"} and values["href"].startswith("tel:")

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self._in_link:
            self._in_link = False
        elif tag != "br":
            self.tags.append((f"/{tag}", ()))

    def handle_data(self, data: str) -> None:
        self._shown.append(data)

    def handle_comment(self, data: str) -> None:
        self.tags.append(("!--", (("", data),)))

    def handle_decl(self, decl: str) -> None:
        self.tags.append((f"!{decl}", ()))

    def handle_pi(self, data: str) -> None:
        self.tags.append((f"?{data}", ()))

    def unknown_decl(self, data: str) -> None:
        self.tags.append((f"![{data}", ()))


def bare(text: str) -> str:
    """Text without spaces and invisible control characters, which forms and browsers change."""
    return re.sub(r"[\s\x00-\x20\x7f]+", "", text)
