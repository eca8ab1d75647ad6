"""Reading given work: lists, how far it has come, what was answered and what was said to it."""

from portal.modules.queries.feedback import Said, feedback_on, feedback_place
from portal.modules.queries.homework import Report, Task, homework_of, report_place
from portal.modules.queries.how_far import Progress, progress, reminder_of, sent, states_of
from portal.modules.queries.kept import (
    WRITTEN_ON,
    Kept,
    kept_beside,
    kept_feedback,
    kept_label,
    kept_of,
    work_with_kept_answers,
)
from portal.modules.queries.lists import (
    WorkRow,
    ids_of_team_member,
    steps_sent,
    waiting_items,
    work_of,
)
from portal.modules.queries.responses import (
    Answered,
    Unfit,
    answers_place,
    from_paper,
    latest,
    merged,
    name_of,
    revisions,
    revisions_of,
    rivals,
    with_unfit,
)

__all__ = [
    "WRITTEN_ON",
    "Answered",
    "Kept",
    "Progress",
    "Report",
    "Said",
    "Task",
    "Unfit",
    "WorkRow",
    "answers_place",
    "feedback_on",
    "feedback_place",
    "from_paper",
    "homework_of",
    "ids_of_team_member",
    "kept_beside",
    "kept_feedback",
    "kept_label",
    "kept_of",
    "latest",
    "merged",
    "name_of",
    "progress",
    "reminder_of",
    "report_place",
    "revisions",
    "revisions_of",
    "rivals",
    "sent",
    "states_of",
    "steps_sent",
    "waiting_items",
    "with_unfit",
    "work_of",
    "work_with_kept_answers",
]
