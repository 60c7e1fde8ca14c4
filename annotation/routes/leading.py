"""The pages of those who lead, review and administer, and of one's own account, as one router."""

from fastapi import APIRouter

from annotation.routes import (
    accounts,
    data,
    guideline_editing,
    join,
    members,
    own_account,
    pay,
    project_setup,
)

router = APIRouter()
for part in (accounts, data, guideline_editing, join, members, own_account, pay, project_setup):
    router.include_router(part.router)
