"""What is said about being told when something is not possible, or is done."""

from portal.core.i18n import lazy as _

WORDS = {
    "no_day_chosen": _("Please choose at least one day."),
    "hours_unclear": _(
        "Please write two different hours, such as 09:00 and 21:00, or choose “At any hour”."
    ),
    "time_zone_unknown": _("Please choose a place from the list."),
    "mail_unknown": _("This does not look like a mail address. Please check each letter."),
    "mobile_unknown": _(
        "This does not look like a mobile number. Start with + and your country's number."
    ),
    "said_stop": _(
        "This number said STOP to our texts. Send START from it to where they came from, then try"
        " again."
    ),
    "code_sent": _("We sent a code there. It can take a minute. Type it in below."),
    "address_code_refused": _(
        "That code does not fit, or it is too old. Check it, or ask for a new one."
    ),
    "address_confirmed": _("Done. From now on we can tell you there."),
    "address_confirmed_but_held": _(
        "We know that it is yours. Until you answer the question below, we send nothing."
    ),
    "address_removed": _("Done. We do not write there any more."),
    "notices_saved": _("Saved."),
    "hold_unanswered": _(
        "Before we send anything, please tell us who else can open your mail or phone."
    ),
    "hold_somebody_else": _(
        "We send you nothing, since somebody else could see it. Look in here when you can."
    ),
    "hold_guardian": _(
        "We send you nothing, since somebody else could see it. Look in here when you can."
    ),
    "too_many_guardians": _("There are enough of them here. Remove one first."),
    "my_email_fails": _("We could not reach your mail address. Please check it here."),
    "my_sms_fails": _("We could not reach your phone. Please check the number here."),
    "my_sms_stopped": _("You said STOP to our texts. No alarm reaches you by text."),
    "their_email_fails": _("We could not reach them by mail. Ask for another address."),
    "their_sms_fails": _("We could not reach their phone. Ask for another number."),
    "their_notes_unopened": _("They opened none of our last notes. Please try another way."),
}
