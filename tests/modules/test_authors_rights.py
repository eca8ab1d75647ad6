"""A clinic's own modules are its clinicians' to write; an administrator keeps them."""

import pytest

from portal.core.errors import NotFound
from portal.modules.models import ModuleDraft, PublishedModule
from portal.modules.services import authoring
from tests.cast import Cast
from tests.modules.desk import count, desk, take_in
from tests.modules.desk import published as publish
from tests.modules.files import WHOLE


def test_an_administrator_takes_in_and_out_and_retires_and_writes_nothing(cast: Cast) -> None:
    url = publish(cast)
    draft = desk(cast).url
    tom = cast.browser("tom")
    assert "Modules and worksheets" in tom.open("/people").text
    page = take_in(tom, WHOLE.replace("id: walk", "id: other").encode()).text
    assert "Write a new one" not in page
    assert count(cast, ModuleDraft) == 3
    assert tom.open(draft).status_code == 404
    assert tom.open(f"{url}/file").status_code == 200
    tom.open(url)
    tom.post(f"{url}/retire", action="retire")
    assert "Not offered any more." in tom.page.text
    tom.open("/modules")
    assert tom.post("/modules/drafts", of="", nonce=tom.nonce).status_code == 404
    person = cast.person("tom")
    with cast.database.writing() as session, pytest.raises(NotFound):
        authoring.begin(session, cast.keyring, person, "x", None)


def test_another_clinic_and_clients_see_nothing_of_it(cast: Cast) -> None:
    url, draft = publish(cast), desk(cast).url
    _ = cast.other_clinic
    for name in ("olga", "greta", "dana"):
        browser = cast.browser(name)
        for address in (url, f"{url}/file", f"{url}/preview", draft, f"{draft}/file"):
            assert browser.open(address).status_code == 404, (name, address)
    assert "A walk" not in cast.browser("olga").open("/modules").text
    assert cast.browser("dana").open("/modules").status_code == 404
    publish(cast, "olga")
    assert count(cast, PublishedModule) == 2, "each clinic has its own"
