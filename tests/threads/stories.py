"""What the tests of threads share: doing the deeds of a thread through the services."""

import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from portal.accounts.people import Person
from portal.core.nonces import Nonce, new_nonce
from portal.threads import queries
from portal.threads.access import OpenThread, thread_for
from portal.threads.queries import MessageFacts
from portal.threads.services import marking, sending
from tests.cast import Cast


def together(*deeds: Callable[[], Any], patience: float = 60) -> list[Any]:
    """Does all of it at once; each result is what was returned, or the error that was raised."""
    with ThreadPoolExecutor(len(deeds)) as pool:
        futures: list[Future[Any]] = [pool.submit(deed) for deed in deeds]
        return [future.exception(patience) or future.result() for future in futures]


def nonce_for(cast: Cast, person: Person, place_id: uuid.UUID) -> Nonce:
    return new_nonce(cast.keyring, person.id, place_id)


def send(
    cast: Cast, person: Person, thread_id: uuid.UUID, text: str, nonce: Nonce | None = None
) -> queries.Sent:
    nonce = nonce or nonce_for(cast, person, thread_id)
    with cast.database.writing() as session:
        return sending.send(session, cast.keyring, cast.clinic, person, thread_id, text, nonce)


def look(cast: Cast, person: Person, thread_id: uuid.UUID) -> OpenThread:
    with cast.database.reading() as session:
        return thread_for(session, person, thread_id)


def open_thread(cast: Cast, person: Person, thread_id: uuid.UUID) -> None:
    with cast.database.writing() as session:
        thread = thread_for(session, person, thread_id)
        marking.mark_opened(session, person, thread, thread.last_seq)


def take_back(cast: Cast, person: Person, thread_id: uuid.UUID, seq: int) -> None:
    with cast.database.writing() as session:
        marking.take_back(session, person, thread_id, seq)


def say_no_reply_needed(cast: Cast, person: Person, thread_id: uuid.UUID) -> None:
    with cast.database.writing() as session:
        marking.say_no_reply_needed(session, person, thread_id)


def close(cast: Cast, person: Person, thread_id: uuid.UUID) -> None:
    with cast.database.writing() as session:
        marking.close(session, person, thread_id)


def messages(cast: Cast, person: Person, thread_id: uuid.UUID) -> list[MessageFacts]:
    """All of a thread, paged by key as the pages do it; oldest first."""
    found: list[MessageFacts] = []
    with cast.database.reading() as session:
        thread = thread_for(session, person, thread_id)
        before: int | None = None
        while True:
            page = queries.messages_before(session, cast.keyring, thread, before)
            found = [*page, *found]
            if not page or page[0].seq == 1:
                return found
            before = page[0].seq


def waiting(cast: Cast, person: Person, client: str) -> Any:
    """Since when a client has been waiting, as a clinician's list has it."""
    with cast.database.reading() as session:
        items = {
            item.engagement_id: item.waiting_since
            for item in queries.waiting_items(session, person)
        }
    return items.get(cast.engagements[client])
