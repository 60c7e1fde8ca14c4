"""The pages of those who lead, review and administer, and of one's own account, as one router."""

from fastapi import APIRouter

from annotation.routes import (
    accounts,
    annotators,
    asked,
    data,
    guideline_editing,
    hooks,
    join,
    live,
    members,
    own_account,
    pay,
    project_setup,
    review,
    snapshots,
)

router = APIRouter()
for part in (
    accounts,
    annotators,
    asked,
    data,
    guideline_editing,
    hooks,
    join,
    live,
    members,
    own_account,
    pay,
    project_setup,
    review,
    snapshots,
):
    router.include_router(part.router)
