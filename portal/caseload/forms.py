"""What a clinician types to invite a client."""

import uuid

from wtforms import StringField

from portal.caseload.services import NewClient
from portal.core.errors import Invalid
from portal.core.forms import Form
from portal.core.i18n import LANGUAGES
from portal.core.ids import parse

LONGEST_NAME = 80


def checked_name(typed: str | None) -> str:
    """A name without odd spaces. Raises Invalid if it is empty or too long."""
    name = " ".join((typed or "").split())
    if not name:
        raise Invalid(name="name_empty")
    if len(name) > LONGEST_NAME:
        raise Invalid(name="name_too_long")
    return name


class InviteForm(Form):
    name = StringField()
    user_name = StringField()
    language = StringField()
    second = StringField()
    ask = StringField()

    def client(self) -> NewClient:
        """Raises Invalid."""
        language = self.language.data if self.language.data in LANGUAGES else "en"
        user_name = (self.user_name.data or "").strip() or None
        return NewClient(checked_name(self.name.data), str(language), user_name, self.is_asked())

    def is_asked(self) -> bool:
        """Whether the client is to say who else can open an address before it is used."""
        return self.ask.data == "yes"

    def second_id(self) -> uuid.UUID:
        """Raises Invalid."""
        try:
            return parse(self.second.data or "")
        except ValueError as error:
            raise Invalid(colleague="colleague_unknown") from error
