"""Which features there are. Deleting one is deleting its folders and its lines here."""

from portal.accounts import browser
from portal.accounts import routes as accounts
from portal.accounts.guard import Guard
from portal.caseload import contact_routes as contact
from portal.caseload import routes as caseload
from portal.caseload.wording import WORDS as CASELOAD_WORDS
from portal.clinics.queries import ClinicBook
from portal.config import Config
from portal.core import wording
from portal.core.failures import init_failures
from portal.core.i18n import init_i18n
from portal.core.slots import Slots
from portal.core.throttle import Throttle
from portal.core.web import Portal
from portal.home.admin_routes import bp as home_bp
from portal.home.wording import WORDS as HOME_WORDS
from portal.modules.author_routes import bp as authors_bp
from portal.modules.paper_routes import bp as modules_bp
from portal.modules.wording import WORDS as WORK_WORDS
from portal.notifications import own_routes as notices
from portal.notifications import routes as calls
from portal.notifications.wording import WORDS as NOTICE_WORDS
from portal.threads.wording import WORDS as THREAD_WORDS
from portal.threads.writing_routes import bp as threads_bp

# Argon2id fills a core and 64 MiB: two at once on the machine. Twenty people who sign in at the
# same moment, as a class does, get in one after the other; the rest of a flood is told to try again
# soon. Two more may wait where those go one by one who come late (portal/accounts/guard.py), and
# four threads of each process are left to reading.
SIGN_IN_PLACES, SIGN_IN_WAITING = 2, 10


def wire(app: Portal, config: Config) -> None:
    keyring = app.extensions["portal"].keyring
    guard = Guard(keyring, Throttle(config.queue_url), _slots(config))
    init_i18n(app, browser.own_language, browser.own_timezone)
    browser.init_door(app, guard, ClinicBook(keyring))
    init_failures(app, browser.note_refusal)
    for words in (NOTICE_WORDS, CASELOAD_WORDS, THREAD_WORDS, WORK_WORDS, HOME_WORDS):
        wording.teach(words)
    blueprints = (
        accounts.bp,
        calls.bp,
        notices.bp,
        caseload.bp,
        contact.bp,
        threads_bp,
        modules_bp,
        authors_bp,
        home_bp,
    )
    for blueprint in blueprints:
        app.register_blueprint(blueprint)
    if config.demo:
        from portal.demo import routes as demo

        app.register_blueprint(demo.bp)


def _slots(config: Config) -> Slots:
    return Slots(config.data / "slots", "sign-in", places=SIGN_IN_PLACES, waiting=SIGN_IN_WAITING)
