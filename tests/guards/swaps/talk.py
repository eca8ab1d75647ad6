"""Whoever can write to the database can break things, but makes nothing look like another.

Sealed values are put where they do not belong, and what they are bound to is changed. Each time the
value does not open, the same way for whatever reason; it costs itself, and the page stands.
"""

import uuid
from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, and_, select, update

from portal.core.columns import Base
from portal.threads.models import Message
from tests.cast import Cast


class Talk:
    """Two conversations of Dana's and one of Mateo's, all with messages of two people."""

    def __init__(self, cast: Cast) -> None:
        self.cast = cast
        self.one = self._begin("dana", "ruth", "alpha")
        self.two = self._begin("dana", "helen", "beta")
        self.mateos = self._begin("mateo", "luis", "gamma")

    def _begin(self, client: str, counsellor: str, word: str) -> uuid.UUID:
        thread = self.cast.begin_thread(client, client, subject=f"{word}-subject", text=f"{word}-1")
        self.cast.send(counsellor, thread, f"{word}-2")
        self.cast.send(client, thread, f"{word}-3")
        return uuid.UUID(str(thread))

    def change(self, model: type[Base], where: ColumnElement[bool], **values: Any) -> None:
        with self.cast.database.writing() as session:
            assert session.scalars(select(model).where(where)).first() is not None
            session.execute(update(model).where(where).values(**values))

    def value(self, column: Any, where: ColumnElement[bool]) -> Any:
        with self.cast.database.reading() as session:
            return session.scalars(select(column).where(where)).first()

    def swap(self, model: type[Base], name: str, *where: ColumnElement[bool]) -> None:
        """Each of two rows gets what the other had."""
        column = getattr(model, name)
        first, second = (self.value(column, condition) for condition in where)
        assert first != second
        self.change(model, where[0], **{name: second})
        self.change(model, where[1], **{name: first})

    def page(self, name: str = "dana", thread: uuid.UUID | None = None) -> str:
        answer = self.cast.browser(name).open(self.cast.thread_url(thread or self.one))
        assert answer.status_code == 200
        return answer.text


def at(thread: uuid.UUID, seq: int) -> ColumnElement[bool]:
    return and_(Message.thread_id == thread, Message.seq == seq)


Tampering = Callable[[Talk], None]
