"""Where given work and its steps are found."""

import uuid

from portal.core.ids import short


def work_url(work_id: uuid.UUID) -> str:
    return f"/work/{short(work_id)}"


def step_url(work_id: uuid.UUID, step_id: str) -> str:
    return f"{work_url(work_id)}/steps/{step_id}"


def print_url(work_id: uuid.UUID, step_id: str | None = None) -> str:
    return f"{step_url(work_id, step_id) if step_id else work_url(work_id)}/paper"
