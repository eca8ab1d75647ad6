"""What is said about the caseload when something is not possible, and what roles are called."""

from portal.core.i18n import lazy as _

WORDS = {
    "colleague_unknown": _("Please choose a colleague."),
    "colleague_on_team": _("That colleague can read this already."),
    "team_too_small": _("At least two people of the clinic must hold each record. Add one first."),
    "not_all_held": _(
        "You cannot read all of this record, so you cannot make a new code. Ask one of: %(names)s."
    ),
    "nobody_holds_all": _(
        "Nobody on the team can read all of this record. Please invite them as a new client."
    ),
    "not_yourself": _("You cannot turn your own account off."),
    "name_empty": _("Please type a name."),
    "name_too_long": _("Please type a shorter name."),
}

ROLES = {
    "primary": _("Counsellor"),
    "cover": _("Stands in"),
    "client": _("Client"),
    "clinician": _("Counsellor"),
    "supervisor": _("Supervisor"),
    "administrator": _("Administrator"),
}
