"""Modules come in and go out as files, some of them hostile; the same text in the box, too."""

import time

import pytest

from portal.modules import shelf
from portal.modules.models import ModuleDraft, PublishedModule
from tests.cast import Cast
from tests.modules.desk import Desk, count, desk, take_in
from tests.modules.desk import published as publish
from tests.modules.files import WHOLE


def test_a_file_is_taken_in_and_taken_out_again(cast: Cast) -> None:
    ruth = cast.browser("ruth")
    take_in(ruth, WHOLE.replace("\n", "\r\n").encode("utf-8-sig"))
    url = ruth.page.request.path
    assert "Nothing is wrong." in ruth.page.text
    assert Desk(ruth, url).box == WHOLE
    file = ruth.open(f"{url}/file")
    assert file.data == WHOLE.encode()
    assert file.headers["Content-Disposition"] == 'attachment; filename="module.md"'
    assert file.mimetype == "text/markdown"
    address = publish(cast)
    assert ruth.open(f"{address}/file").data == WHOLE.encode()
    assert ruth.open("/modules/library/sleep/file").data == shelf.source("sleep")


def _bomb() -> bytes:
    lines = ["a: &a [x,x,x,x,x,x,x,x,x]"]
    lines += [
        f"{b}: &{b} [{','.join(f'*{a}' for _ in range(9))}]"
        for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    ]
    return WHOLE.replace("id: walk", "id: walk\n" + "\n".join(lines)).encode()


PROMPTS = "".join(f"- {{id: q{n}, type: short, label: {{en: Q, es: P}}}}\n" for n in range(10_000))
HOSTILE = {
    "a bomb of aliases": _bomb(),
    "a script": WHOLE.replace("Air helps.", "Air <script>alert(1)</script> helps.").encode(),
    "a tag that makes something": WHOLE.replace(
        "id: walk", "id: !!python/object:os.system ls"
    ).encode(),
    "ways that go round": WHOLE.replace("goto: end", "goto: first").encode(),
    "ten thousand prompts": WHOLE.replace("- id: mood\n", PROMPTS + "- id: mood\n").encode(),
    "no text at all": bytes(range(256)) * 100,
    "hidden signs": WHOLE.replace("Air helps.", "Air \u202e helps.").encode(),
    "a little too large": b"x" * (1024 * 1024 + 1),
    "nothing": b"",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_whole_and_quickly(sqlite_cast: Cast, name: str) -> None:
    ruth = sqlite_cast.browser("ruth")
    began = time.perf_counter()
    answer = take_in(ruth, HOSTILE[name])
    assert time.perf_counter() - began < 5
    assert answer.status_code == 422
    assert count(sqlite_cast, ModuleDraft) == 0
    assert "<script>alert" not in answer.text
    if name != "nothing":
        assert "This file was not taken in." in answer.text
        assert "Line " in answer.text


@pytest.mark.parametrize(
    "name", [one for one in HOSTILE if one not in ("nothing", "a little too large")]
)
def test_hostile_text_in_the_box_is_kept_as_text_and_published_never(
    sqlite_cast: Cast, name: str
) -> None:
    ruth, text = desk(sqlite_cast), HOSTILE[name].decode("utf-8", "replace")
    began = time.perf_counter()
    ruth.press("publish", text)
    assert time.perf_counter() - began < 10
    assert ruth.mistakes
    assert "<script>alert" not in ruth.page
    assert count(sqlite_cast, PublishedModule) == 0
    ruth.press("look")
    assert ruth.browser.page.request.path == ruth.url, "there is nothing to look at"


def test_a_huge_file_is_turned_away_with_words_for_it(sqlite_cast: Cast) -> None:
    ruth = sqlite_cast.browser("ruth")
    answer = take_in(ruth, b"x" * 10_000_000)
    assert answer.status_code == 422
    assert "This file was not taken in." in answer.text
    assert "The file is larger than 1 MB." in answer.text
    answer = take_in(ruth, b"x" * 17_000_000)
    assert answer.status_code == 413
    assert "The file is larger than 1 MB." in answer.text
