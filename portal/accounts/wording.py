"""What is said about accounts when something is not possible, and what is told at sign-in."""

from portal.core.i18n import lazy as _

WORDS = {
    "sign_in_refused": _("The user name and passphrase do not match. Please try again."),
    "sign_in_throttled": _(
        "There were too many tries. Please wait a while. A recovery code works at any time."
    ),
    "code_refused": _("We do not know this code. Check each letter, or ask for a new one."),
    "recovery_refused": _("The user name and recovery code do not match. Please try again."),
    "passphrase_refused": _("That is not the passphrase you use now."),
    "user_name_not_allowed": _("Use 3 to 40 letters, numbers, dots or dashes."),
    "user_name_taken": _("Somebody already has this user name. Please choose another."),
    "passphrase_too_short": _("This is too short. Use 15 letters or more."),
    "passphrase_too_long": _("This is too long. Use 200 letters or fewer."),
    "passphrase_common": _("This is easy to guess. Please choose another."),
    "passphrase_context": _("This has your name or ours in it. Please choose another."),
    "passphrase_recovered": _(
        "Your passphrase was set anew with the recovery code. If that was not you, tell us today."
    ),
    "ceremony_held": _(
        "Two people of the clinic opened your account so that you could get back in."
        " If you did not ask for that, tell us today."
    ),
    "signed_out_idle": _("You were signed out because nothing happened for a while."),
    "words_kept": _("We kept what you wrote. It was not sent yet. Sign in and it will be there."),
    "cookies_needed": _("Please try once more. If this comes again, your browser blocks cookies."),
    "language_saved": _("Saved."),
    "passphrase_changed": _("Your passphrase is changed. Everywhere else you were signed out."),
    "passphrase_offered": _(
        "You could use this one: %(passphrase)s. Write it down. Then type it in below."
    ),
    "session_ended": _("Done. You are signed out there."),
}
