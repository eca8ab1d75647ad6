"""Every table there is, for the migrations: each feature's models, imported for their sake."""

import portal.accounts.models
import portal.caseload.models
import portal.clinics.models
import portal.core.audit
import portal.modules.models
import portal.notifications.models
import portal.threads.models
import portal.vault.models  # noqa: F401
from portal.core.columns import Base

__all__ = ["Base"]
