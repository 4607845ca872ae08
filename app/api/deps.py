"""Dependencies of routes: container, caller, paging, ids."""

from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Path, Query
from starlette.requests import HTTPConnection, Request

from app.api.context import current_caller
from app.arr.models import AppType
from app.auth.callers import Caller
from app.container import Container
from app.core.fields import AwareTime

MAX_PAGE = 1_000_000
MAX_PAGE_SIZE = 500
MAX_ID = 2**31 - 1  # PostgreSQL's INTEGER; a larger number must not reach the database


def container_of(connection: HTTPConnection) -> Container:
    return cast(Container, connection.app.state.container)


# `async` although they wait for nothing: FastAPI runs plain functions in a thread, which is slow.
async def get_container(request: Request) -> Container:
    return container_of(request)


async def get_caller(request: Request) -> Caller:
    return current_caller(request)


@dataclass(frozen=True, slots=True)
class PageParams:
    """The requested page of a list."""

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


CurrentContainer = Annotated[Container, Depends(get_container)]
CurrentCaller = Annotated[Caller, Depends(get_caller)]
Paging = Annotated[PageParams, Depends(get_page_params)]
RowId = Annotated[int, Path(ge=1, le=MAX_ID, description="Its id.")]
InstanceId = Annotated[int, Path(ge=1, le=MAX_ID, description="The id of the instance.")]
OfInstance = Annotated[int | None, Query(ge=1, le=MAX_ID, description="Only of this instance.")]
OfHunt = Annotated[int | None, Query(ge=1, le=MAX_ID, description="Only of this hunt.")]
OfAppType = Annotated[AppType | None, Query(description="Only of this app type.")]
Since = Annotated[AwareTime | None, Query(alias="from", description="From this moment on.")]
Until = Annotated[AwareTime | None, Query(alias="to", description="Before this moment.")]
