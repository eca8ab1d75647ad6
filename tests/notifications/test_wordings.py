"""What pointers say: one of a few fixed texts, which tell nothing and fit into one message."""

from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from portal.core.ids import new_id
from portal.core.resources import resource
from portal.notifications import gsm7
from portal.notifications.models import PROOF, Channel
from portal.notifications.queries import Errand
from portal.notifications.wordings import (
    LANGUAGES,
    SENDER_NAMES,
    WORDINGS,
    sender_name,
    wording,
    words_for,
)
from tests.notifications.segments import SEGMENT, alphabet, encoded, septets

LONGEST_URL = "https://" + "n" * 42
EVERY_CHOICE = list(product(LANGUAGES, WORDINGS, SENDER_NAMES))
TOLD = ("http", "www", "clinic", "clínica", "counsel", "consejer", "therap", "terap", "porchlight",
        "message", "mensaje", "dr.", "{", "%")  # fmt: skip


def test_the_networks_alphabet_is_as_the_standard_has_it() -> None:
    assert alphabet() == gsm7.BASIC | gsm7.EXTENSION
    assert encoded("@é€Ñ¿a") == bytes((0x00, 0x05, 0x1B, 0x65, 0x5D, 0x60, 0x61))


def errand(
    channel: Channel = Channel.SMS,
    language: str = "en",
    chosen: str | None = None,
    name: str | None = None,
    kind: str = "waiting",
) -> Errand:
    return Errand(
        pointer_id=new_id(),
        clinic_id=new_id(),
        user_id=new_id(),
        channel=channel,
        attempts=1,
        kind=kind,
        language=language,
        wording=chosen,
        sender_name=name,
        sealed_address=b"",
        sealed_code=None,
    )


@pytest.mark.parametrize(("language", "chosen", "name"), EVERY_CHOICE)
def test_every_text_is_one_short_message_even_with_the_longest_address(
    language: str, chosen: str, name: str
) -> None:
    for url in (None, LONGEST_URL):
        body = words_for(errand(Channel.SMS, language, chosen, name), url=url).body
        assert septets(body) <= SEGMENT


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_code_fits_into_one_short_message_too(language: str) -> None:
    for name in SENDER_NAMES:
        said = words_for(errand(Channel.SMS, language, name=name, kind=PROOF), code="012345")
        assert "012345" in said.body
        assert septets(said.body) <= SEGMENT


@pytest.mark.parametrize(("language", "chosen", "name"), EVERY_CHOICE)
def test_no_wording_tells_anything(language: str, chosen: str, name: str) -> None:
    for channel in Channel:
        said = words_for(errand(channel, language, chosen, name))
        text = f"{said.subject} {said.body} {said.sender_name}".lower()
        assert not any(word in text for word in TOLD), text
        assert not any(letter.isdigit() for letter in text)
        assert said.body


def test_an_address_that_tells_nothing_may_stand_in_it_but_never_beside_a_code() -> None:
    url = "https://notes.example"
    assert words_for(errand(), url=url).body == f"A note is waiting for you. {url}"
    assert words_for(errand(Channel.EMAIL), url=url).body.endswith(f"\n\n{url}")
    assert url not in words_for(errand(kind=PROOF), url=url, code="012345").body


def test_a_text_says_whom_it_is_from_and_a_mail_shows_it_as_its_sender() -> None:
    text = words_for(errand(Channel.SMS, "es", "news", "notes"))
    assert text.body == "Notas: Tiene algo nuevo. Entre cuando esté a solas.".replace("á", "a")
    mail = words_for(errand(Channel.EMAIL, "es", "news", "notes"))
    assert (mail.sender_name, mail.subject) == ("Notas", "Algo nuevo")


@pytest.mark.parametrize("gone", ["a wording of last year", "", None])
def test_a_choice_that_there_is_no_more_falls_back(gone: str | None) -> None:
    assert words_for(replace(errand(), wording=gone, sender_name=gone)) == words_for(errand())


def test_an_unknown_language_falls_back_to_english() -> None:
    assert wording("texts/pointer/note", "tlh") == wording("texts/pointer/note", "en")


def test_every_text_there_is_can_be_chosen_in_every_language() -> None:
    known = {f"texts/pointer/{one}" for one in WORDINGS} | {"texts/proof", "emails/proof/subject"}
    known |= {f"emails/pointer/{one}/{part}" for one in WORDINGS for part in ("subject", "body")}
    known |= {"emails/proof/body"} | {f"names/{one}" for one in SENDER_NAMES if one != "plain"}
    there = {
        str(path.relative_to(resource("templates")))
        for folder in ("emails", "texts", "names")
        for path in (Path(resource("templates")) / folder).rglob("*.txt")
    }
    assert there == {f"{place}.{language}.txt" for place in known for language in LANGUAGES}


def test_nobody_is_told_under_an_invented_name() -> None:
    assert [sender_name(one, "en") for one in SENDER_NAMES] == ["", "Notes", "Reminder"]
