"""Who may do what: every address, every role, everybody's objects, every method.

The table says what is expected; an address that it does not know fails. What is not one's own looks
exactly like what is not there.
"""

import re
from functools import cache
from typing import Any

import pytest
from flask import Flask
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from portal import create_app
from portal.config import Config
from portal.core.ids import short
from tests.cast import Browser, Cast
from tests.guards.filled_forms import filled
from tests.guards.keyholes import EVERYBODY, METHODS, OBJECTS, Ids
from tests.guards.world import World

# What each role is answered for an object of its own. "in": sent to sign in. The last column is for
# somebody else's object (colleague's, one that was one's own, another clinic's, an absent one) and
# for those whom their own object is shown; for everybody else it is always 404. An address without
# an object has "-". An account is there for every administrator of its clinic.
TABLE = """
#    address                                            nobody client clin. super. admin. others'
GET  /                                                   200   200  200  200  200  -
GET  /account                                            in    200  200  200  200  -
POST /account/language                                   in    303  303  303  303  -
GET  /account/notices                                    in    200  200  200  200  -
POST /account/notices                                    in    200  200  200  200  -
POST /account/notices/address                            in    200  200  200  200  -
POST /account/notices/code                               in    200  200  200  200  -
POST /account/notices/remove                             in    200  200  200  200  -
GET  /account/notices/slip                               in    200  200  200  200  -
POST /account/notices/who-else                           in    303  303  303  303  -
POST /account/passphrase                                 in    200  200  200  200  -
POST /account/recovery-code                              in    200  200  200  200  -
POST /account/sessions/<id:session_id>/end               in    200  200  200  200  404 404 404 404
POST /account/sessions/end-others                        in    200  200  200  200  -
GET  /clients/<id:engagement_id>                         in    404  200  200  404  404 404 404 404
GET  /clients/<id:engagement_id>/contact                 in    404  200  200  404  404 404 404 404
POST /clients/<id:engagement_id>/contact/ask             in    404  303  303  404  404 404 404 404
POST /clients/<id:engagement_id>/problems/<id:problem_id>/settle in 404 303 303 404 404 404 404 404
POST /clients/<id:engagement_id>/guardians               in    404  303  303  404  404 404 404 404
POST /clients/<id:engagement_id>/guardians/<id:contact_id>/remove in 404 303 303 404 404 404 404 404
GET  /clients/<id:engagement_id>/contact/slip            in    404  200  200  404  404 404 404 404
POST /clients/<id:engagement_id>/invitation              in    404  409  409  404  404 404 404 404
GET  /clients/<id:engagement_id>/reading                 in    200  200  200  404  404 404 404 404
POST /clients/<id:engagement_id>/team                    in    404  303  303  404  404 404 404 404
POST /clients/<id:engagement_id>/team/<id:member_id>/remove  in 404 409  409  404  404 404 404 404
GET  /clients/<id:engagement_id>/threads/new             in    200  200  200  404  404 404 404 404
POST /clients/<id:engagement_id>/threads/new             401   200  200  200  404  404 404 404 404
POST /clients/<id:engagement_id>/threads/new/draft       401   303  303  303  404  404 404 404 404
POST /clients/<id:engagement_id>/threads/new/kept        in    303  303  303  404  404 404 404 404
GET  /clients/invite                                     in    404  200  200  404  -
POST /clients/invite                                     in    404  200  200  404  -
GET  /delivery                                           in    404  404  404  200  -
GET  /clients/<id:engagement_id>/work/new                in    404  200  200  404  404 404 404 404
GET  /clients/<id:engagement_id>/work/new/<module_id>    in    404  200  200  404  404 404 404 404
POST /clients/<id:engagement_id>/work/new/<module_id>    in    404  303  303  404  404 404 404 404
GET  /clients/<id:engagement_id>/work/new/own/<id:published_id>  in 404 200 200 404  404 404 404 404
POST /clients/<id:engagement_id>/work/new/own/<id:published_id>  in 404 303 303 404  404 404 404 404
GET  /invitation                                         200   200  200  200  200  -
POST /invitation                                         200   200  200  200  200  -
POST /invitation/accept                                  303   303  303  303  303  -
GET  /modules                                            in    404  200  200  200  -
POST /modules/drafts                                     in    404  303  303  404  -
GET  /modules/drafts/<id:draft_id>                       in    404  200  200  404  200 200 404 404
POST /modules/drafts/<id:draft_id>                       401   404  303  303  404  303 303 404 404
POST /modules/drafts/<id:draft_id>/draft                 401   404  303  303  404  303 303 404 404
GET  /modules/drafts/<id:draft_id>/file                  in    404  200  200  404  200 200 404 404
POST /modules/drafts/<id:draft_id>/kept                  in    404  303  303  404  303 303 404 404
GET  /modules/drafts/<id:draft_id>/preview               in    404  200  200  404  200 200 404 404
POST /modules/drafts/<id:draft_id>/preview               in    404  200  200  404  200 200 404 404
POST /modules/drafts/<id:draft_id>/put-away              in    404  303  303  404  303 303 404 404
POST /modules/import                                     in    404  303  303  303  -
GET  /modules/library/<module_id>                        in    404  200  200  200  200 200 200 200
GET  /modules/library/<module_id>/file                   in    404  200  200  200  200 200 200 200
GET  /modules/library/<module_id>/preview                in    404  200  200  200  200 200 200 200
POST /modules/library/<module_id>/preview                in    404  200  200  200  200 200 200 200
GET  /modules/own/<id:published_id>                      in    404  200  200  200  200 200 404 404
GET  /modules/own/<id:published_id>/file                 in    404  200  200  200  200 200 404 404
GET  /modules/own/<id:published_id>/paper                in    404  200  200  200  200 200 404 404
GET  /modules/own/<id:published_id>/preview              in    404  200  200  200  200 200 404 404
POST /modules/own/<id:published_id>/preview              in    404  200  200  200  200 200 404 404
POST /modules/own/<id:published_id>/retire               in    404  303  303  303  303 303 404 404
POST /notices/gateway/report                             404   404  404  404  404  -
POST /notices/gateway/text                               404   404  404  404  404  -
POST /notices/twilio/report                              404   404  404  404  404  -
POST /notices/twilio/text                                404   404  404  404  404  -
GET  /modules/library/<module_id>/paper                  in    404  200  200  404  200 200 200 200
GET  /people                                             in    404  404  404  200  -
POST /people                                             in    404  404  404  200  -
GET  /people/<id:user_id>                                in    404  404  404  200  200 200 404 404
POST /people/<id:user_id>/disable                        in    404  404  404  200  200 200 404 404
POST /people/<id:user_id>/enable                         in    404  404  404  200  200 200 404 404
POST /people/<id:user_id>/invitation                     in    404  404  404  200  409 409 404 404
GET  /postbox                                            200   200  200  200  200  -
POST /postbox/answer                                     303   303  303  303  303  -
GET  /recover                                            200   200  200  200  200  -
POST /recover                                            200   200  200  200  200  -
POST /recover/accept                                     303   303  303  303  303  -
GET  /sign-in                                            200   303  303  303  303  -
POST /sign-in                                            303   303  303  303  303  -
POST /sign-out                                           in    in   in   in   in   -
GET  /static/<name>                                      200   200  200  200  200  200 200 200 404
GET  /threads/<id:thread_id>                             in    200  200  200  404  404 404 404 404
POST /threads/<id:thread_id>                             401   200  200  200  404  404 404 404 404
POST /threads/<id:thread_id>/close                       in    404  303  303  404  404 404 404 404
POST /threads/<id:thread_id>/draft                       401   303  303  303  404  404 404 404 404
GET  /threads/<id:thread_id>/earlier                     in    200  200  200  404  404 404 404 404
POST /threads/<id:thread_id>/kept                        in    303  303  303  404  404 404 404 404
POST /threads/<id:thread_id>/messages/<int:seq>/take-back in   303  303  303  404  404 404 404 404
GET  /threads/<id:thread_id>/new                         in    200  200  200  404  404 404 404 404
POST /threads/<id:thread_id>/no-reply-needed             in    303  303  303  404  404 404 404 404
GET  /work/progress                                      in    404  200  200  200  -
GET  /work/sheet                                         in    404  200  200  404  -
GET  /work/<id:work_id>                                  in    200  200  200  404  404 404 404 404
POST /work/<id:work_id>/complete                         in    409  409  409  404  404 404 404 404
POST /work/<id:work_id>/homework/<prompt_id>             401   303  404  404  404  404 404 404 404
POST /work/first                                         in    303  404  404  404  -
POST /work/<id:work_id>/again                            in    404  409  409  404  404 404 404 404
POST /work/<id:work_id>/all                              in    404  409  409  404  404 404 404 404
POST /work/<id:work_id>/reminder                         in    303  404  404  404  404 404 404 404
POST /work/<id:work_id>/skip                             in    303  404  404  404  404 404 404 404
GET  /work/<id:work_id>/paper                            in    200  200  200  404  404 404 404 404
POST /work/<id:work_id>/seen                             in    404  303  303  404  404 404 404 404
GET  /work/<id:work_id>/steps/<step_id>                  in    200  404  404  404  404 404 404 404
POST /work/<id:work_id>/steps/<step_id>                  401   303  404  404  404  404 404 404 404
POST /work/<id:work_id>/steps/<step_id>/draft            401   303  404  404  404  404 404 404 404
POST /work/<id:work_id>/steps/<step_id>/feedback         401   404  303  303  404  404 404 404 404
POST /work/<id:work_id>/steps/<step_id>/kept             in    303  303  303  404  404 404 404 404
POST /work/<id:work_id>/steps/<step_id>/open             in    404  303  303  404  404 404 404 404
POST /work/<id:work_id>/steps/<step_id>/seen             in    404  303  303  404  404 404 404 404
POST /work/<id:work_id>/steps/<step_id>/spare            in    404  409  409  404  404 404 404 404
GET  /work/<id:work_id>/steps/<step_id>/paper            in    200  200  200  404  404 404 404 404
GET  /work/<id:work_id>/steps/<step_id>/sheet            in    404  200  200  404  404 404 404 404
POST /work/<id:work_id>/steps/<step_id>/sheet            401   404  303  303  404  404 404 404 404
POST /work/<id:work_id>/submit                           in    303  404  404  404  404 404 404 404
POST /work/<id:work_id>/withdraw                         in    404  303  303  404  404 404 404 404
"""


@cache
def table() -> dict[tuple[str, str], list[str]]:
    lines = (line.split() for line in TABLE.splitlines())
    return {(line[0], line[1]): line[2:] for line in lines if line and line[0] != "#"}


def expected(method: str, address: str, role: str, which: str) -> str:
    cells = table()[method, address]
    own = cells[EVERYBODY.index(role)]
    if which == "own" or cells[5] == "-" or role == "nobody":
        return own if address != "/static/<name>" or which == "own" else _foreign(cells, which)
    return _foreign(cells, which) if own != "404" else "404"


def _foreign(cells: list[str], which: str) -> str:
    return cells[5:][OBJECTS.index(which) - 1]


def answered(answer: TestResponse) -> str:
    """The status, or that somebody is asked to sign in first."""
    to = answer.headers.get("Location", "") + answer.headers.get("HX-Redirect", "")
    return "in" if to.partition("?")[0] == "/sign-in" else str(answer.status_code)


def ask(
    world: World, method: str, rule: Rule, role: str, ids: Ids, *, htmx: bool = False
) -> TestResponse:
    browser = world.visit(role)
    fields = {"csrf_token": world.tokens[role]}
    if method == "POST" and "POST" in (rule.methods or ()):
        fields |= filled(world, rule.endpoint, role, ids)
    data = {"data": fields} if method in ("POST", "PUT", "PATCH", "DELETE") else {}
    return browser._go(method, world.url(rule, ids), htmx=htmx, follow=False, **data)


def rules(app: Flask) -> dict[tuple[str, str], Rule]:
    return {
        (method, rule.rule): rule
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def test_the_table_knows_every_address_and_nothing_else(world: World) -> None:
    assert set(rules(world.app)) == set(table())


def test_only_the_demo_has_a_postbox(config: Config) -> None:
    demos = set(table()) - set(rules(create_app(config)))
    assert demos == {("GET", "/postbox"), ("POST", "/postbox/answer")}


@pytest.mark.parametrize(("method", "address"), sorted(table()), ids=lambda word: word)
def test_everybody_gets_what_the_table_says(world: World, method: str, address: str) -> None:
    rule, wrong = rules(world.app)[method, address], []
    for role in EVERYBODY:
        for which in OBJECTS if rule.arguments else ("own",):
            got = answered(ask(world, method, rule, role, world.ids_of(role, which)))
            if method == "POST" and got not in ("404", "in"):
                world.put_back()
            if got != expected(method, address, role, which):
                wrong.append((role, which, got, expected(method, address, role, which)))
    assert wrong == []


OBJECT_ADDRESSES = sorted(key for key in table() if "<id:" in key[1])


@pytest.mark.slow
@pytest.mark.parametrize(("method", "address"), OBJECT_ADDRESSES, ids=lambda word: word)
def test_what_is_not_ones_own_looks_like_what_is_not_there(
    world: World, method: str, address: str
) -> None:
    rule, before = rules(world.app)[method, address], world.snapshot()
    for role in EVERYBODY:
        for htmx in (False, True):
            absent = _looks(world, ask_for(world, method, rule, role, "absent", htmx=htmx))
            for which in OBJECTS[1:-1]:
                if role == "nobody" or expected(method, address, role, which) == "404":
                    seen = _looks(world, ask_for(world, method, rule, role, which, htmx=htmx))
                    assert seen == absent, (role, which, htmx)
    assert before.changed(world.snapshot()) == [], "a refused request changes nothing"


def ask_for(
    world: World, method: str, rule: Rule, role: str, which: str, *, htmx: bool
) -> tuple[TestResponse, Ids]:
    ids = world.ids_of(role, which)
    return ask(world, method, rule, role, ids, htmx=htmx), ids


TOKENS = re.compile(r'(name="?(?:csrf_token|nonce)"? value=")[^"]+')


def _looks(world: World, asked: tuple[TestResponse, Ids]) -> tuple[Any, ...]:
    """All that an answer shows, but for masked tokens and what was asked for."""
    answer, ids = asked
    body = TOKENS.sub(r"\1", answer.text)
    headers = str(answer.headers)
    for value in ids.values():
        name = short(value) if hasattr(value, "hex") else str(value)
        if len(name) > 10:
            body, headers = body.replace(name, "…"), headers.replace(name, "…")
    return answer.status_code, headers, body


@pytest.mark.slow
@pytest.mark.parametrize("address", sorted({address for _, address in table()}))
def test_nothing_but_the_known_methods_is_understood(world: World, address: str) -> None:
    known = {method for method, other in table() if other == address}
    known |= {"HEAD"} if "GET" in known else set()
    rule = next(rule for (_, other), rule in rules(world.app).items() if other == address)
    before = world.snapshot()
    for role in EVERYBODY:
        for which in ("own", "absent") if rule.arguments else ("own",):
            for method in sorted(set(METHODS) - known - {"OPTIONS"}):
                answer = ask(world, method, rule, role, world.ids_of(role, which))
                assert answer.status_code == 405, (role, which, method)
                assert set(answer.headers["Allow"].split(", ")) == known | {"OPTIONS"}
    assert before.changed(world.snapshot()) == []


@pytest.mark.slow
@pytest.mark.parametrize("address", sorted({address for _, address in table()}))
def test_asking_what_is_possible_tells_nothing_about_objects(world: World, address: str) -> None:
    rule = next(rule for (_, other), rule in rules(world.app).items() if other == address)
    for role in EVERYBODY:
        answers = {
            _looks(world, (ask(world, "OPTIONS", rule, role, ids), ids))
            for ids in (world.ids_of(role, which) for which in OBJECTS)
        }
        assert len(answers) == 1, role


@pytest.mark.slow
@pytest.mark.parametrize("address", sorted({a for method, a in table() if method == "GET"}))
def test_head_is_answered_like_get_without_its_body(world: World, address: str) -> None:
    rule = rules(world.app)["GET", address]
    for role in EVERYBODY:
        for which in OBJECTS if rule.arguments else ("own",):
            answer = ask(world, "HEAD", rule, role, world.ids_of(role, which))
            assert answered(answer) == expected("GET", address, role, which), (role, which)
            assert answer.data == b""


def test_whoever_is_taken_off_the_team_is_refused_the_next_moment(cast: Cast) -> None:
    thread = cast.begin_thread("ruth", "mateo", text="Words for the team")
    ruth, luis = cast.browser("ruth"), cast.browser("luis")
    helen = short(cast.ids["helen"])
    luis.open(cast.client_url("mateo"))
    luis.post(f"{cast.client_url('mateo')}/team", person=helen, past="all")
    assert "Words for the team" in ruth.open(cast.thread_url(thread)).text
    form = {"csrf_token": ruth.token, "nonce": ruth.nonce, "text": "Too late", "action": "send"}
    luis.post(f"{cast.client_url('mateo')}/team/{short(cast.ids['ruth'])}/remove")
    assert luis.page.status_code == 200
    _is_shut_out(cast, ruth, thread, "mateo", form)


def _is_shut_out(
    cast: Cast, browser: Browser, thread: Any, client: str, form: dict[str, str]
) -> None:
    url, client_url = cast.thread_url(thread), cast.client_url(client)
    for address in (
        url,
        f"{url}/earlier",
        f"{url}/new?after=0",
        client_url,
        f"{client_url}/reading",
    ):
        for htmx in (False, True):
            answer = browser.open(address, htmx=htmx)
            assert answer.status_code == 404, address
            assert "Words for the team" not in answer.text
    for address in (url, f"{url}/draft", f"{client_url}/threads/new"):
        answer = browser.client.post(address, data=form)
        assert answer.status_code == 404, address
        assert "Too late" in answer.text, "what was typed is not thrown away"
    assert browser.client.post(f"{url}/close", data=form).status_code == 404
    reader = cast.browser(client)
    assert "Too late" not in reader.open(url).text


def test_whoever_is_disabled_is_out_the_next_moment(cast: Cast) -> None:
    thread = cast.begin_thread("ruth", "dana", text="Words for the team")
    ruth, tom = cast.browser("ruth"), cast.browser("tom")
    ruth.open(cast.thread_url(thread))
    form = {"csrf_token": ruth.token, "nonce": ruth.nonce, "text": "Too late", "action": "send"}
    tom.open(f"/people/{short(cast.ids['ruth'])}")
    tom.post(f"/people/{short(cast.ids['ruth'])}/disable")
    assert tom.page.status_code == 200
    assert "name=passphrase" in ruth.open("/").text.replace('"', "")
    for address in (cast.thread_url(thread), cast.client_url("dana"), "/account"):
        assert answered(ruth.open(address, follow=False)) == "in"
    answer = ruth.client.post(cast.thread_url(thread), data=form)
    assert answer.status_code == 401
    assert "Too late" in answer.text
    assert "Too late" not in cast.browser("dana").open(cast.thread_url(thread)).text


def test_one_of_another_clinic_cannot_be_made_a_colleague(world: World) -> None:
    before, team = world.snapshot(), f"{world.client_url('dana')}/team"
    for name in ("olga", "greta", "pavel", "mateo", "vera", "tom"):
        stranger = short(world.ids[name])
        answer = world.submit("clinician", team, person=stranger, past="all")
        assert answer.status_code == 422, name
        client = {"name": "Quentin", "language": "en", "second": stranger}
        assert world.submit("clinician", "/clients/invite", **client).status_code == 422, name
    assert before.changed(world.snapshot()) == []


def test_a_pair_of_objects_must_belong_together(world: World) -> None:
    """A member of another team, a message that is not there, a message of somebody else's."""
    before = world.snapshot()
    for address in (
        f"{world.client_url('dana')}/team/{short(world.ids['sam'])}/remove",
        f"{world.thread_url(world.threads['clinician'])}/messages/2/take-back",
        f"{world.thread_url(world.threads['client'])}/messages/1/take-back",
    ):
        assert world.submit("clinician", address).status_code == 404, address
    assert before.changed(world.snapshot()) == []


@pytest.mark.parametrize("number", ["9" * 19, "9" * 40])
@pytest.mark.parametrize(
    "address",
    ["?before={n}", "/earlier?before={n}", "/new?after={n}", "?before=-{n}", "/new?after=-{n}"],
)
def test_a_number_beyond_every_message_breaks_nothing(
    cast: Cast, address: str, number: str
) -> None:
    thread = cast.begin_thread("ruth", "dana")
    dana = cast.browser("dana")
    for htmx in (False, True):
        url = cast.thread_url(thread) + address.format(n=number)
        assert dana.open(url, htmx=htmx).status_code < 500


@pytest.mark.parametrize("number", ["9" * 19, "9" * 40])
def test_a_message_of_an_impossible_number_is_not_there(cast: Cast, number: str) -> None:
    thread = cast.begin_thread("dana", "dana")
    dana = cast.browser("dana")
    dana.open("/account")
    url = f"{cast.thread_url(thread)}/messages/{number}/take-back"
    assert dana.post(url).status_code == 404
