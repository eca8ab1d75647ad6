"""The portal for any WSGI server: `wsgi:app`, configured from the environment."""

from portal import create_app
from portal.config import Config

app = create_app(Config.from_env())
