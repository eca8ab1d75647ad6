"""What the care team sees of given work: answers, what changed, a place to say something."""

import datetime as dt
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from portal.accounts.people import Person
from portal.caseload.access import engagement_for_team
from portal.core.database import at_the_end
from portal.core.html import authors_text
from portal.core.i18n import _, date_name, language, weekdays, when
from portal.core.ids import short
from portal.core.keyring import Keyring
from portal.core.nonces import new_nonce
from portal.modules import own, queries, shelf, step_pages
from portal.modules.access import OpenWork
from portal.modules.author_pages import module_row, order_of
from portal.modules.blocks import beside
from portal.modules.course import ANSWERABLE, OVER, StepMark
from portal.modules.format.shapes import ModuleFile, Plan, Question, Rows, SafetyGate, Step
from portal.modules.goals import goals_beside
from portal.modules.models import Ending, State
from portal.modules.overview_pages import standing_says
from portal.modules.queries import Answered, Kept, Progress, Said
from portal.modules.remarks import boxes_beyond
from portal.modules.services import keeping
from portal.modules.shown import answer_rows, cells, say, shown
from portal.modules.urls import print_url, step_url, work_url
from portal.modules.wording import GATES, OUTCOMES, PACES, TEAM_STATES

LONGEST_LINK = 60
Typed = Mapping[str, Any]


def work_page(
    session: Session,
    keyring: Keyring,
    person: Person,
    work: OpenWork,
    *,
    problem: str | None = None,
    typed: tuple[str, Typed] | None = None,
) -> dict[str, Any]:
    """The work with its answers. `typed`: for which step something was sent that did not pass."""
    found = queries.progress(session, work)
    seen = Seen(session, keyring, work, found)
    said = queries.feedback_on(session, keyring, work)
    engagement = engagement_for_team(session, keyring, person, work.engagement_id)
    tasks = queries.homework_of(session, work.vault, [work.id])
    url, words = work_url(work.id), dict([typed] if typed else [])
    kept = _still_kept(session, person, work, said)
    number = queries.number_to_finish(session, work, found)
    return {
        "title": say(work.module.title),
        "client_name": engagement.client_name,
        "client_url": f"/clients/{short(work.engagement_id)}",
        "state_says": TEAM_STATES[work.state.value],
        "waiting_since": work.waiting_since,
        "read_on": weekdays(language())[work.read_weekday] if work.read_weekday is not None else "",
        "waiting_at": _waiting_at(work, found, can_finish=number is not None),
        "homework": [_task(work, task) for task in tasks],
        "seen_url": f"{url}/seen" if any(task.missed_at for task in tasks) else None,
        "steps": [
            _step(seen, step, said, words.get(step.id), kept.get(step.id))
            | {"nonce": str(new_nonce(keyring, person.id, work.id))}
            for step in work.module.steps
            if found.course.of(step.id)
            or step.id in found.endings
            or found.marks[step.id].spared_at
        ],
        "print_url": print_url(work.id),
        "may_ask_again": work.state is State.SUBMITTED,
        "ends_at": work.ends_at,
        "again_url": f"{url}/again" if work.state is State.EXPIRED else None,
        "complete_url": f"{url}/complete" if work.state is State.FEEDBACK_GIVEN else None,
        "withdraw_url": f"{url}/withdraw" if work.state not in OVER else None,
        "finish_url": f"{url}/all" if number is not None else None,
        "finish_number": number,
        "problem": problem,
        "problem_at": typed[0] if typed else None,
    }


def _still_kept(
    session: Session, person: Person, work: OpenWork, said: list[Said]
) -> dict[str, Kept]:
    """What came without a session and was not said, by step: the latest of each. What turns out to
    have been said is kept no longer."""
    found: dict[str, Kept] = {}
    echoes = []
    for step_id, one in queries.kept_beside(session, person, work):
        left = boxes_beyond(one.answers, queries.said_with(said, person.id, one.nonce))
        if left:
            found[step_id] = replace(one, answers=left)
        else:
            echoes.append(one.id)
    if echoes:
        at_the_end(session, lambda session: keeping.forget_echoes(session, person, echoes))
    return found


def _waiting_at(work: OpenWork, found: Progress, *, can_finish: bool) -> str:
    """The first step that somebody has to look at; if it waits as a whole, the work's first, or
    where one says that this is all."""
    steps = (step.id for step in work.module.steps)
    return next(
        (one for one in steps if found.marks[one].is_waiting or found.marks[one].called_at),
        "that-is-all" if can_finish else work.module.steps[0].id,
    )


def _task(work: OpenWork, task: queries.Task) -> dict[str, Any]:
    return {
        "what": task.plan.get("what", ""),
        "worksheet": _worksheet(work, task.prompt_id),
        "reports": [
            {"at": one.at, "says": OUTCOMES[one.outcome], "obstacle": one.obstacle}
            for one in task.reports
        ],
    }


def _worksheet(work: OpenWork, prompt_id: str) -> dict[str, str] | None:
    """The worksheet that goes with a plan, where it is given; None if there is none."""
    plan = work.module.prompts.get(prompt_id)
    name = plan.worksheet if isinstance(plan, Plan) else None
    if name is None or name not in shelf.names():
        return None
    url = f"/clients/{short(work.engagement_id)}/work/new/{name}"
    return {"url": url, "title": say(shelf.load(name).title)}


class Seen:
    """What the care team may see of given work: what was sent, read in one look-up."""

    def __init__(self, session: Session, keyring: Keyring, work: OpenWork, found: Progress) -> None:
        self.work, self.found = work, found
        self._sent = {name: row for name, row in found.endings.items() if row.how is Ending.SENT}
        self._all = queries.revisions_of(session, work, self._sent)
        self._session, self._keyring = session, keyring
        self.answers = queries.merged(one for name in self._sent for one in self._last(name))
        self.goals = goals_beside(session, keyring, work)

    def until_sent(self, step_id: str) -> list[Answered]:
        return [one for one in self._all[step_id] if one.seq <= self._sent[step_id].response_seq]

    def rivals(self, step_id: str) -> list[Answered]:
        """What differs from what was sent; beside a sheet only what the client has sent, too:
        they did not send the sheet themself, and may still be writing."""
        found = queries.rivals(self.until_sent(step_id))
        if found and self.until_sent(step_id)[-1].written_on is not None:
            return [one for one in found if (step_id, one.seq) in self.found.sent_seqs]
        return found

    def typed_in(self, step_id: str) -> dict[str, str] | None:
        last = next(self._last(step_id), None) if step_id in self._sent else None
        return step_pages.typed_in(self._session, self._keyring, last)

    def _last(self, step_id: str) -> Iterator[Answered]:
        seq = self._sent[step_id].response_seq
        return (one for one in self._all[step_id] if one.seq == seq)


def _step(
    seen: Seen, step: Step, all_said: list[Said], typed: Typed | None, kept: Kept | None
) -> dict[str, Any]:
    """One step. What was typed and could not be sent is in the boxes again."""
    words = typed or (kept.answers if kept else {})
    work, found = seen.work, seen.found
    mark, place = found.marks[step.id], found.course.of(step.id)
    said = [one for one in all_said if one.step_id == step.id]
    is_sent = mark.ending is Ending.SENT
    url = step_url(work.id, step.id)
    return {
        "id": step.id,
        "title": say(step.title),
        "says": standing_says(place) if place else "",
        "at": found.endings[step.id].at if step.id in found.endings else None,
        "typed_in": seen.typed_in(step.id),
        "unlock_url": f"{url}/open" if step.clinician_unlocks and not mark.is_unlocked else None,
        "spare_url": f"{url}/spare" if _may_be_spared(work, step, mark) else None,
        "spared_at": mark.spared_at,
        "unlock_note": say(step.unlock_note),
        "called_at": mark.called_at,
        "called": mark.call.isoformat() if mark.call else "",
        "gates": _gates(step, found) if mark.called_at else [],
        "see_url": f"{url}/seen",
        "whole": step_pages.on_the_whole(work, said, seen.answers),
        "url": f"{url}/feedback" if is_sent else None,
        "kept_at": kept.at if kept and is_sent else None,
        "kept_url": f"{url}/kept",
        "sheet_url": f"{url}/sheet" if work.state in ANSWERABLE else None,
        "based_on": found.endings[step.id].response_seq if is_sent else 0,
        "rows": _rows(seen, step, said, words) if is_sent else [],
        "links": _links(seen, step),
        "is_read": mark.is_read,
        "noticed": words.get("s.noticed", ""),
        "task": words.get("s.task", ""),
        "link": words.get("s.link", ""),
    }


def _may_be_spared(work: OpenWork, step: Step, mark: StepMark) -> bool:
    is_shut = step.clinician_unlocks and not mark.is_unlocked and mark.ending is None
    return is_shut and mark.spared_at is None and work.state not in OVER


def _gates(step: Step, found: Progress) -> list[dict[str, str]]:
    """The safety questions as they are answered now, also in a step that was not sent."""
    gates = (one for one in step.questions if isinstance(one, SafetyGate))
    return [
        {"label": say(gate.label), "text": shown(gate, found.answers.get(gate.id)) or "–"}
        for gate in gates
    ]


def _rows(seen: Seen, step: Step, said: list[Said], typed: Typed) -> list[dict[str, Any]]:
    """What was sent, what it was when somebody last read it, and what else was said."""
    until_sent, sent_seq = seen.until_sent(step.id), seen.found.endings[step.id].response_seq
    now = _numbered(until_sent, sent_seq)
    read = (*(one.response_seq for one in said), _number(typed.get("based_on")))
    read_seq = max((one for one in read if 0 < one < sent_seq), default=None)
    before = None if read_seq is None else _numbered(until_sent, read_seq)
    rivals = seen.rivals(step.id)
    return [
        {
            "id": question.id,
            "label": say(question.label),
            "text": shown(question, now.get(question.id)) or "–",
            "table": _table(question, before, now),
            "before": _before(question, before, now),
            "other": _others(question, rivals, now),
            "said": beside(said, question.id),
            "typed": typed.get(f"f.{question.id}", ""),
        }
        for question in step.questions
    ]


def _number(typed: Any) -> int:
    """Of the answers that a page showed on which somebody typed; 0 if it is not known."""
    return int(typed) if str(typed).isdecimal() else 0


def _table(
    question: Question, before: dict[str, Any] | None, now: dict[str, Any]
) -> list[dict[str, Any]]:
    """The rows of a table; `is_new`: it was not there, or not so, when somebody last read it."""
    if not isinstance(question, Rows):
        return []
    known = None if before is None else before.get(question.id) or []
    return [
        {"cells": cells(question, row), "is_new": known is not None and row not in known}
        for row in now.get(question.id) or []
    ]


def _numbered(found: list[Answered], seq: int) -> dict[str, Any]:
    return next((one.answers or {} for one in found if one.seq == seq), {})


def _before(question: Question, before: dict[str, Any] | None, now: dict[str, Any]) -> str | None:
    """What was answered when feedback was last given, if it has changed since; of a table, the
    rows that are not so any more."""
    if before is None or before.get(question.id) == now.get(question.id):
        return None
    if isinstance(question, Rows):
        kept = now.get(question.id) or []
        gone = [row for row in before.get(question.id) or [] if row not in kept]
        return shown(question, gone) or None
    return shown(question, before.get(question.id)) or "–"


def _others(question: Question, rivals: list[Answered], now: dict[str, Any]) -> str:
    """What was said elsewhere: on paper, on another device, on the page before a sheet came."""
    found = [(one, (one.answers or {}).get(question.id)) for one in rivals]
    return "\n".join(
        f"{_where(one)} {told}"
        for one, answer in found
        if answer != now.get(question.id) and (told := shown(question, answer))
    )


def _where(one: Answered) -> str:
    if one.written_on is not None:
        return _("On a sheet of %(day)s:", day=date_name(one.written_on))
    return _("Also written, %(when)s:", when=when(one.at))


def _links(seen: Seen, step: Step) -> list[dict[str, str]]:
    """Goals and earlier answers to point to."""
    work, found, answers = seen.work, seen.found, seen.answers
    links = [{"id": goal.link, "text": _short(f"{_('Goal:')} {goal.text}")} for goal in seen.goals]
    for earlier in work.module.steps[: work.module.steps.index(step) + 1]:
        mark = found.marks[earlier.id]
        for row in answer_rows(earlier, answers) if mark.ending is Ending.SENT else []:
            text = f"{row['label']} {row['text']}".replace("\n", " ")
            seq = found.endings[earlier.id].response_seq
            links.append({"id": f"{row['id']}.{seq}", "text": _short(text)})
    return links


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_LINK else f"{text[: LONGEST_LINK - 1]}…"


def choose_page(
    session: Session,
    keyring: Keyring,
    person: Person,
    engagement_id: uuid.UUID,
    client_name: str,
) -> dict[str, Any]:
    """Everything that can be given: first what the clinic wrote itself, then the library."""
    url = f"/clients/{short(engagement_id)}/work/new"
    library = sorted(map(shelf.load, shelf.names()), key=order_of)
    offered = own.offered(session, keyring, person)
    return {
        "client_name": client_name,
        "own": [
            module_row(one.module, f"{url}/own/{short(one.id)}")
            for one in sorted(offered, key=lambda one: order_of(one.module))
        ],
        "modules": [module_row(module, f"{url}/{module.id}") for module in library],
    }


def give_page(
    module: ModuleFile,
    *,
    url: str,
    print_url: str,
    client_name: str,
    nonce: str,
    today: dt.date,
    typed: Mapping[str, str],
    problem: str | None = None,
) -> dict[str, Any]:
    """What is in a module, and how it is to be given."""
    return {
        "title": say(module.title),
        "summary": say(module.summary),
        "client_name": client_name,
        "url": url,
        "print_url": print_url,
        "nonce": nonce,
        "starts": typed.get("starts", today.isoformat()),
        "ends": typed.get("ends", ""),
        "days": weekdays(language()),
        "read": typed.get("read", ""),
        "pace": typed.get("pace", "in_order"),
        "paces": PACES,
        "gates": GATES,
        "problem": problem,
        "steps": [
            {
                "id": step.id,
                "title": say(step.title),
                "unlock_note": say(step.unlock_note),
                "parts": [authors_text(say(part.body)) for part in step.parts],
                "questions": [say(question.label) for question in step.questions],
                "gate": typed.get(f"g.{step.id}", step.feedback.value),
            }
            for step in module.steps
        ],
    }
