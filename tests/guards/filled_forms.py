"""What people type into each form: enough for it to do what it is there for."""

import io
from typing import Any, cast

from portal.accounts.passphrases import new_code
from portal.core.ids import short
from tests.cast import PASSPHRASE
from tests.modules.files import WHOLE

ROLES = {"client": "dana", "clinician": "ruth", "supervisor": "helen", "administrator": "tom"}
NEW_PASSPHRASE = "eleven slow lanterns drift by"
CODE = "123456"
FILE = WHOLE.replace("id: walk", "id: another-walk").encode()
RECOVERY_CODE, OTHER_CODE = new_code(), new_code()

CHOICE: dict[str, Any] = {
    "contact": "none",
    "voicemail": "yes",
    "time_zone": "America/Chicago",
    "from": "08:00",
    "until": "20:30",
    "day": "3",
    "rhythm": "weekly",
    "wording": "look",
    "sender_name": "notes",
}


class Paper(io.BytesIO):
    """A file to be sent, as often as it is asked for."""

    def read(self, size: int | None = -1) -> bytes:
        content = super().read(size)
        if not content:
            self.seek(0)
        return content

    def close(self) -> None:
        self.seek(0)


def filled(world: Any, endpoint: str, role: str, ids: dict[str, Any]) -> dict[str, str]:
    """The fields of the form that posts to this view, without its token."""
    user_name = ROLES.get(role, "dana")
    again = {"user_name": user_name, "passphrase": NEW_PASSPHRASE, "recovery_code": OTHER_CODE}
    text = {"text": "typed words", "action": "send"}
    new = text | {"subject": "typed subject"}
    answers = {"a.best": "typed words", "based_on": "1"}
    fields: dict[str, dict[str, str]] = {
        "accounts.enter": {"user_name": user_name, "passphrase": PASSPHRASE},
        "accounts.sign_out": {},
        "accounts.open_invitation": {"code": world.codes["walter"]},
        "accounts.accept": again | {"code": world.codes["walter"], "user_name": "walter.new"},
        "accounts.open_recovery": {"user_name": user_name, "code": RECOVERY_CODE},
        "accounts.recover_accept": again | {"code": RECOVERY_CODE},
        "accounts.language": {"language": "es"},
        "accounts.passphrase": {"current": PASSPHRASE, "new": NEW_PASSPHRASE},
        "accounts.recovery_code": {"passphrase": PASSPHRASE},
        "accounts.end_session": {},
        "accounts.end_other_sessions": {},
        # What providers call: nobody can fill it in who does not share their secret.
        "calls.gateway_report": {},
        "calls.gateway_text": {},
        "calls.twilio_report": {},
        "calls.twilio_text": {},
        "demo.answer": {"number": "+13035550142", "words": "STOP"},
        "notices.choose": CHOICE,
        "notices.enter": {"channel": "email", "address": f"{user_name}@example.org"},
        "notices.confirm": {"channel": "sms", "code": CODE},
        "notices.remove": {"channel": "sms"},
        "notices.answer": {"who_else": "only_me"},
        "contact.ask": {"ask": "yes"},
        "contact.add_guardian": {"address": "parent@example.org"},
        "contact.remove_guardian": {},
        "contact.settle": {},
        "caseload.make_invitation": {
            "name": "Quentin",
            "language": "en",
            "second": short(world.ids["luis"]),
            "ask": "yes",
        },
        "caseload.invite_again": {},
        "caseload.add_to_team": {"person": short(world.ids["luis"]), "past": "all"},
        "caseload.remove_from_team": {},
        "home.invite": {"name": "Quentin", "role": "clinician", "language": "en"},
        "home.disable": {},
        "home.enable": {},
        "home.invite_again": {},
        "modules.give": {"starts": "2026-03-02", "pace": "in_order"}
        | _nonce(world, role, ids, "engagement_id"),
        "modules.give_own": {"starts": "2026-03-02", "pace": "in_order"}
        | _nonce(world, role, ids, "engagement_id"),
        "authors.begin": {"of": ""} | _clinics_nonce(world, role),
        "authors.take_in": {"file": cast(str, (Paper(FILE), "x.md"))} | _clinics_nonce(world, role),
        "authors.save": text | {"based_on": "1"} | _nonce(world, role, ids, "draft_id"),
        "authors.save_itself": text | {"based_on": "1"} | _nonce(world, role, ids, "draft_id"),
        "authors.kept": {"action": "restore"},
        "authors.put_away": {"action": "away"},
        "authors.retire": {"action": "retire"},
        "authors.preview_draft": {"action": "next", "a.seen": "typed words"},
        "authors.preview_own": {"action": "next", "a.seen": "typed words"},
        "authors.preview_library": {"action": "next", "a.best": "typed words"},
        "modules.answer": answers | {"action": "next"} | _nonce(world, role, ids, "work_id"),
        "modules.save_draft": answers | _nonce(world, role, ids, "work_id"),
        "modules.kept": {"action": "restore"},
        "modules.submit": {},
        "modules.begin_first": _nonce(world, role, ids, "engagement_id"),
        "modules.complete": {},
        "modules.report": {"action": "done", "h.obstacle": "typed words"}
        | _nonce(world, role, ids, "work_id"),
        "modules.give_feedback": {"s.noticed": "typed words", "based_on": "1", "action": "send"}
        | _nonce(world, role, ids, "work_id"),
        "modules.enter_sheet": answers
        | {"written": "2026-03-02", "action": "save"}
        | _nonce(world, role, ids, "work_id"),
        "modules.unlock": {},
        "modules.spare": {},
        "modules.finish": {"based_on": "4"},
        "modules.see": {},
        "modules.give_again": {},
        "modules.skip": {},
        "modules.choose_reminder": {"weekday": "1", "hour": "18"},
        "modules.withdraw": {},
        "modules.see_misses": {},
        "threads.write": text | _nonce(world, role, ids, "thread_id"),
        "threads.save_draft": text | _nonce(world, role, ids, "thread_id"),
        "threads.kept": {"action": "restore"},
        "threads.take_back": {},
        "threads.no_reply_needed": {},
        "threads.close": {},
        "threads.begin": new | _nonce(world, role, ids, "engagement_id"),
        "threads.save_new_draft": new | _nonce(world, role, ids, "engagement_id"),
        "threads.kept_new": {"action": "restore"},
    }
    return fields[endpoint]


def _clinics_nonce(world: Any, role: str) -> dict[str, str]:
    return {"nonce": str(world.nonce(role, world.clinic.id)) if role != "nobody" else "none"}


def _nonce(world: Any, role: str, ids: dict[str, Any], place: str) -> dict[str, str]:
    """As the page gives it; a visitor has none that is good."""
    return {"nonce": str(world.nonce(role, ids[place])) if role != "nobody" else "none"}
