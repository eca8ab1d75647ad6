"""What is said about threads when something is not possible."""

from portal.core.i18n import lazy as _

WORDS = {
    "text_empty": _("There is nothing in the box yet."),
    "text_too_long": _("This is %(over)s letters too long. Please send it in two parts."),
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
