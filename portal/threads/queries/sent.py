"""What a form has sent already, so that it is sent once."""

import datetime as dt
import uuid
from dataclasses import dataclass

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from portal.core.statements import Prepared
from portal.threads.models import Message
from portal.threads.queries.messages import message_place
from portal.vault.keys import OpenVault, Sealed


@dataclass(frozen=True)
class Sent:
    """A message that is stored: the same for the first post and for each repeat of it."""

    thread_id: uuid.UUID
    seq: int


@dataclass(frozen=True)
class SentBefore(Sent):
    """What a nonce has sent already. `sealed` is None if it was taken back."""

    author_id: uuid.UUID
    at: dt.datetime
    sealed: Sealed | None

    def words(self, vault: OpenVault) -> str | None:
        """None if it was taken back, or if this vault does not open it."""
        if self.sealed is None:
            return None
        return vault.open_or_none(
            self.sealed, message_place(self.thread_id, self.seq, self.author_id)
        )


_SENT = Prepared(
    select(
        Message.thread_id,
        Message.seq,
        Message.sent_at,
        Message.taken_back_at,
        Message.epoch,
        Message.sealed,
    ).where(Message.author_id == bindparam("author"), Message.nonce == bindparam("nonce"))
)


def find_sent(session: Session, author_id: uuid.UUID, nonce_id: uuid.UUID) -> SentBefore | None:
    """What a nonce has sent already, if anything."""
    row = _SENT.first(session, author=author_id, nonce=nonce_id)
    if row is None:
        return None
    sealed = None if row.taken_back_at else Sealed(row.epoch, row.sealed)
    return SentBefore(row.thread_id, row.seq, author_id, row.sent_at, sealed)
