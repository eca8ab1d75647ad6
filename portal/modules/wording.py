"""What is said about given work: where it stands, what a plan asks, and what is not possible."""

from portal.core.i18n import lazy as _

STATES = {
    "assigned": _("New for you"),
    "opened": _("Not begun"),
    "in_progress": _("Begun"),
    "submitted": _("Sent"),
    "feedback_given": _("Your counsellor wrote to you"),
    "revision_asked": _("Please look again"),
    "completed": _("Done"),
    "skipped": _("Left out"),
    "withdrawn": _("Taken back"),
    "expired": _("Time is over"),
}
TEAM_STATES = {
    "assigned": _("Given, not opened yet"),
    "opened": _("Opened"),
    "in_progress": _("Begun"),
    "submitted": _("Sent"),
    "feedback_given": _("Feedback given"),
    "revision_asked": _("Asked to look again"),
    "completed": _("Done"),
    "skipped": _("Left out"),
    "withdrawn": _("Taken back"),
    "expired": _("Time is over"),
}
PLAN_LABELS = {
    "what": _("What will you do?"),
    "when": _("When?"),
    "where": _("Where?"),
    "obstacle": _("What could get in the way?"),
    "confidence": _("How sure are you that you will do it, from 0 to 10?"),
}
PACES = {
    "in_order": _("One step after the other"),
    "weekly": _("One step a week"),
    "free": _("In any order"),
}
GATES = {
    "free": _("Goes on at once"),
    "soft": _("Goes on; told that you will read it"),
    "hold": _("Waits until you have read it"),
}
OUTCOMES = {
    "done": _("Done it"),
    "partly": _("Partly"),
    "not_yet": _("Not yet"),
}
WORDS = {
    "step_done": _("Sent"),
    "step_put_off": _("Put off"),
    "step_open": _("Open"),
    "step_later": _("Comes later"),
    "step_waits_for_day": _("Comes later"),
    "step_waits_for_reading": _("Opens when your counsellor has read what you sent"),
    "step_locked": _("Your counsellor opens this step"),
    "answer_too_long": _("This is too long. Please say it in fewer words."),
    "answer_no_number": _("Please write a number that fits, such as 7."),
    "answer_does_not_fit": _("This does not fit here. Please look again."),
    "answer_missing": _("Please answer this one."),
    "answer_missing_yet": _("Please answer this one, or press “Not now”."),
    "answers_missing": _("Nothing is lost. Something is still open:"),
    "work_shut": _("Your answers are saved. They cannot be sent now."),
    "work_moved_on": _("This has changed since you opened the page. Please look again."),
    "answered_again": _(
        "Your client has answered again since you opened the page. Nothing was sent. Your words "
        "are still in the boxes."
    ),
    "called_again": _(
        "Your client has answered a safety question since you opened the page. Please read it "
        "first. What you typed is still here."
    ),
    "cannot_ask_again": _(
        "Your client cannot be asked to look again now. Nothing was sent. Your words are still in "
        "the boxes."
    ),
    "start_missing": _("Please choose a day to begin."),
    "end_too_early": _("The last day must come after the first, and not have passed."),
    "reminder_does_not_fit": _("Please choose a day and an hour from the list."),
    "file_missing": _("Please choose a file first."),
    "file_refused": _("This file was not taken in. Nothing of it was kept."),
    "file_too_large": _("The file is larger than 1 MB."),
    "module_unsound": _("Something in the file is not right yet."),
    "written_missing": _("Please enter the day on which the sheet was written."),
    "no_such_sheet": _("No work of your clients has this code. Please look again."),
    "sheet_empty": _("Nothing is typed in yet."),
    "sheet_shut": _("This work is not open any more. What you typed is still here, but not saved."),
    "sheet_wrong": _("Something does not fit. Nothing is lost. Look for the red line."),
    "outcome_missing": _("Please say first how it went."),
}
