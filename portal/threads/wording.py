"""What is said about threads when something is not possible."""

from portal.core.i18n import _n
from portal.core.i18n import lazy as _


def _too_long(over: int) -> str:
    """What is said of a text that has `over` letters more than can be sent."""
    return _n(
        "This is %(num)s letter too long. Please send it in parts.",
        "This is %(num)s letters too long. Please send it in parts.",
        over,
    )


WORDS = {
    "text_empty": _("There is nothing in the box yet."),
    "text_too_long": _too_long,
    "subject_empty": _("Please say in a few words what it is about."),
    "subject_too_long": _("Please say in fewer words what it is about."),
    "thread_closed": _("This thread was closed. You can send your words as a new thread."),
    "form_too_old": _("This page is too old. Your words are still here. Please send again."),
    "sent_before": _(
        "What this page said before was sent. What is in the box now was not. Send it, too?"
    ),
    "already_opened": _("It has been opened already, so it cannot be taken back."),
    "too_many_kept": _("We already keep many texts for you. Please sign in first."),
    "roster_changed": _("Something is wrong with who can read this. Nothing was saved. Tell us."),
}
