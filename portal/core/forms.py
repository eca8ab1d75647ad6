"""The parent of every form."""

from flask_wtf import FlaskForm


class Form(FlaskForm):
    """A form whose token was checked at the door, together with every other unsafe request's."""

    class Meta(FlaskForm.Meta):
        csrf = False
