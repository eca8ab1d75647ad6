"""What is said on the pages that come first."""

from portal.core.i18n import lazy as _

STATES = {
    "invited": _("Invited"),
    "active": "",
    "disabled": _("Turned off"),
}
WORDS = {
    "account_off": _("The account is turned off."),
    "account_on": _("The account is turned on."),
}
