"""What is said on the pages that come first."""

from portal.core.i18n import lazy as _

STATES = {
    "invited": _("Invited"),
    "active": "",
    "disabled": _("Turned off"),
}
CHANNELS = {
    "email": _("Mail"),
    "sms": _("Texts"),
}
NOT_REACHED = {
    "email": _("Not reached by mail"),
    "sms": _("Not reached by phone"),
    "nowhere": _("Gets no message: has given no address"),
}
PROVIDERS = {
    "works": _("It works."),
    "partly": _("It works, but not for all: some are tried again."),
    "stuck": _("Nothing goes out. See whether the worker runs."),
    "failing": _("The last try did not work."),
    "resting": _("It does not work. Nothing is lost; all waits."),
    "unknown": _("Nothing has been sent yet."),
}
WORDS = {
    "account_off": _("The account is turned off."),
    "on_a_team_already": _(
        "They are on a care team already, and a new code would shut them out of it."
        " Turn this account off and invite them anew."
    ),
    "no_address": _("No message reaches you, not even an alarm. Tell us where to send it."),
    "account_on": _("The account is turned on."),
}
