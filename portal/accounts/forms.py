"""What people type into the account pages."""

from wtforms import HiddenField, PasswordField, StringField

from portal.accounts.services import Choice
from portal.core.forms import Form


class SignInForm(Form):
    user_name = StringField()
    passphrase = PasswordField()
    next = HiddenField()

    def next_url(self) -> str | None:
        """Where to go afterwards; only ever a page of this portal."""
        url = self.next.data or ""
        is_ours = url.startswith("/") and not url.startswith("//") and "\\" not in url
        return url if is_ours and url.isprintable() else None


class CodeForm(Form):
    code = StringField()


class RecoverForm(Form):
    user_name = StringField()
    code = StringField()


class AcceptForm(Form):
    """The second step, for an invitation as for a recovery: what was written down, typed once."""

    code = HiddenField()
    recovery_code = HiddenField()
    user_name = StringField()
    passphrase = PasswordField()

    def choice(self) -> Choice:
        return Choice(
            self.user_name.data or "", self.passphrase.data or "", self.recovery_code.data or ""
        )


class PassphraseForm(Form):
    current = PasswordField()
    new = PasswordField()


class ConfirmForm(Form):
    passphrase = PasswordField()
