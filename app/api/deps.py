"""Annotated dependencies: the only place where FastAPI hands anything to a route."""

from dataclasses import dataclass
from typing import Annotated, Protocol, cast

from arq.connections import ArqRedis
from fastapi import Depends, Path, Query
from starlette.requests import HTTPConnection, Request

from app.api.context import current_caller
from app.auth.audit import AuditTrail
from app.auth.callers import Caller, CredentialStore
from app.core.clock import Clock
from app.core.config import Config
from app.core.db import Database
from app.idempotency.service import IdempotencyService
from app.secrets.box import SecretBox

MAX_PAGE = 1_000_000
MAX_PAGE_SIZE = 500
MAX_ID = 2**31 - 1  # PostgreSQL's INTEGER; a larger number is nobody's id and must not reach the database


class ApiContainer(Protocol):
    """What the kernel needs of `app/container.py`."""

    @property
    def config(self) -> Config: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def db(self) -> Database: ...
    @property
    def redis(self) -> ArqRedis: ...
    @property
    def box(self) -> SecretBox: ...
    @property
    def replays(self) -> IdempotencyService: ...
    @property
    def audit(self) -> AuditTrail: ...
    @property
    def credentials(self) -> CredentialStore: ...


def container_of(connection: HTTPConnection) -> ApiContainer:
    return cast(ApiContainer, connection.app.state.container)


# `async` although they wait for nothing: FastAPI runs plain functions in a thread, which costs more than the rest.
async def get_container(request: Request) -> ApiContainer:
    return container_of(request)


async def get_caller(request: Request) -> Caller:
    return current_caller(request)


@dataclass(frozen=True, slots=True)
class PageParams:
    """Which part of a growing list is asked for."""

    page: int
    page_size: int

    @property
    def offset(self) -> int:
        return (self.page - 1) * self.page_size


async def get_page_params(
    page: Annotated[int, Query(ge=1, le=MAX_PAGE, description="Page, from 1.")] = 1,
    page_size: Annotated[int, Query(ge=1, le=MAX_PAGE_SIZE, description="Items on a page.")] = 50,
) -> PageParams:
    return PageParams(page, page_size)


CurrentContainer = Annotated[ApiContainer, Depends(get_container)]
CurrentCaller = Annotated[Caller, Depends(get_caller)]
Paging = Annotated[PageParams, Depends(get_page_params)]
RowId = Annotated[int, Path(ge=1, le=MAX_ID)]
