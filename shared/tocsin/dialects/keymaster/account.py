"""What administers an app, and what gives out tokens."""

from fastapi import APIRouter

from tocsin.dialects.keymaster import config, token

router = APIRouter()
for part in (token.router, config.router):
    router.include_router(part)
