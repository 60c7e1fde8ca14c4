"""The pages of those who lead, review and administer, and of one's own account, as one router."""

from fastapi import APIRouter

from annotation.routes import accounts, join, members, own_account

router = APIRouter()
for part in (accounts, join, members, own_account):
    router.include_router(part.router)
