"""Reading while two hundred people sign in at once."""

from pathlib import Path
from urllib.parse import urlencode

from bench.load import Answer, Requests, Visitor, drive, request
from bench.report import Line, Section, quantile
from bench.stage import Correspondent, Stage, hidden_fields

SIGN_INS = 200
READERS = 4
READ_MS = 500.0


def measure(folder: Path) -> Section:
    """How long a page takes while Argon2id has as much to do as it may."""
    with Stage(folder) as stage:
        readers = [stage.correspondent(f"Reader {number}") for number in range(READERS)]
        with stage.serving():
            calm = [Visitor(_reads(stage, reader, 50)) for reader in readers]
            drive(calm, "127.0.0.1", stage.port)
            [page] = drive([Visitor(_opens_the_door(stage))], "127.0.0.1", stage.port)
            flood = [Visitor(_signs_in(stage, number, page)) for number in range(SIGN_INS)]
            busy = [Visitor(_reads(stage, reader, 5000, flood)) for reader in readers]
            drive([*busy, *flood], "127.0.0.1", stage.port)
    answered = [visitor.answers[-1] for visitor in flood]
    evaluated = sum(answer.status == 422 for answer in answered)
    return Section(
        f"Reading while {SIGN_INS} people sign in",
        f"{READERS} readers on kept connections, each sign-in from a network of its own.",
        (
            Line("page in quiet, 95th percentile", _tail(calm), "ms"),
            Line("page under the flood, 95th percentile", _tail(busy), "ms", READ_MS),
            Line("pages that failed", _failed(busy), limit=0),
            Line("sign-ins answered after an evaluation", evaluated),
            Line("sign-ins told to try again soon", len(answered) - evaluated),
            Line("slowest sign-in answered", max(one.seconds for one in answered), "s"),
        ),
    )


def _reads(
    stage: Stage, who: Correspondent, most: int, until: list[Visitor] | None = None
) -> Requests:
    """Reads the thread again and again, at most until everybody in the flood has an answer."""
    host, headers = f"127.0.0.1:{stage.port}", stage.headers(who, "br")
    for _ in range(most):
        yield request("GET", who.path, host, headers)
        if until is not None and all(visitor.answers for visitor in until):
            return


def _opens_the_door(stage: Stage) -> Requests:
    """The sign-in page, with its token, and the cookie that goes with it."""
    yield request("GET", "/sign-in", f"127.0.0.1:{stage.port}", {})


def _signs_in(stage: Stage, number: int, page: Answer) -> Requests:
    """Posts a name that nobody has, which must cost as much as a real one."""
    form = hidden_fields(page.text) | {"user_name": f"nobody-{number}", "passphrase": "x" * 30}
    headers = {"X-Forwarded-For": f"172.16.{number}.7", "Cookie": page.cookie}
    body = urlencode(form).encode()
    yield request("POST", "/sign-in", f"127.0.0.1:{stage.port}", headers, body)


def _tail(visitors: list[Visitor]) -> float:
    answers = [answer for visitor in visitors for answer in visitor.answers]
    return 1000 * quantile([answer.seconds for answer in answers], 0.95)


def _failed(visitors: list[Visitor]) -> int:
    return sum(answer.status != 200 for visitor in visitors for answer in visitor.answers)
