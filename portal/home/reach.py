"""What keeps people from being told anything, in words."""

import uuid
from collections import defaultdict

from flask import url_for

from portal.accounts.browser import person
from portal.core import wording
from portal.core.web import db
from portal.home.wording import NOT_REACHED
from portal.notifications import problems
from portal.notifications import queries as notices


def unreachable(user_id: uuid.UUID, url: str, *, is_own: bool) -> list[dict[str, str]]:
    """Where we could not tell somebody anything, for themself or for their care team."""
    found = problems.open_problems(db(), [user_id])
    return [{"words": words, "url": url} for words in words_for(found, is_own=is_own)]


def words_for(found: list[problems.Problem], *, is_own: bool = False) -> list[str]:
    """What is said of these, each once."""
    codes = (problems.wording_code(one, is_own=is_own) for one in found)
    return [wording.say(code) for code in dict.fromkeys(codes) if code]


def my_silences() -> list[dict[str, str]]:
    """Where alarms do not reach somebody of the staff, for themself."""
    url = url_for("notices.show")
    if person().is_clinical and not notices.has_address(db(), person().id):
        return [{"words": wording.say("no_address"), "url": url}]
    codes = [one.wording_code for one in problems.silences(db(), person().id)]
    return [{"words": wording.say(code), "url": url} for code in codes]


def staff_not_reached() -> defaultdict[uuid.UUID, list[str]]:
    """Where alarms do not reach which of the staff, for whoever has to ask them for another way."""
    found: defaultdict[uuid.UUID, list[str]] = defaultdict(list)
    for one in problems.silences_of_staff(db(), person().clinic_id):
        found[one.user_id].append(str(NOT_REACHED[one.channel.value]))
    return found


def never_told() -> list[uuid.UUID]:
    """Who of the staff has no address at all, so that not even an alarm reaches them."""
    return notices.staff_without_address(db(), person().clinic_id)
