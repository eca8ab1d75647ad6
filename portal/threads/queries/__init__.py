"""Reading threads: a page of messages by key, lists without counting, drafts and kept texts."""

from portal.threads.queries.lists import THREADS, ThreadPage, ThreadRow, threads_of, waiting_items
from portal.threads.queries.messages import (
    HIGHEST,
    PAGE,
    MessageFacts,
    is_unopened_before,
    message_place,
    messages_after,
    messages_before,
)
from portal.threads.queries.names import client_name, name_of_user, team_names
from portal.threads.queries.sent import Sent, SentBefore, find_sent
from portal.threads.queries.written import (
    KeptIn,
    Unsent,
    Written,
    all_texts,
    draft_place,
    kept_in_engagement,
    kept_label,
    unsent,
    written_fields,
)

__all__ = [
    "HIGHEST",
    "PAGE",
    "THREADS",
    "KeptIn",
    "MessageFacts",
    "Sent",
    "SentBefore",
    "ThreadPage",
    "ThreadRow",
    "Unsent",
    "Written",
    "all_texts",
    "client_name",
    "draft_place",
    "find_sent",
    "is_unopened_before",
    "kept_in_engagement",
    "kept_label",
    "message_place",
    "messages_after",
    "messages_before",
    "name_of_user",
    "team_names",
    "threads_of",
    "unsent",
    "waiting_items",
    "written_fields",
]
