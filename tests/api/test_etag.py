"""Pollers that know the tag are spared the body."""

from pathlib import Path

import pytest

from app.api.etag import matches, tag_of
from app.api.policy import Access, RoutePolicy
from app.api.routing import ApiRouter
from app.api.tags import Tag
from app.core.errors import NotFound
from app.core.schemas import MessageReply
from tests.api.kernel import FULL, kernel


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (['"a"'], True),
        (['W/"a"'], True),
        (['"x", "a"'], True),
        (['"x"', 'W/"a", "y"'], True),
        (['"x,","a"'], True),
        (["*"], True),
        ([" * "], True),
        (['"b"'], False),
        (["a"], False),
        ([""], False),
        (['"a'], False),
    ],
)
def test_if_none_match(asked: list[str], expected: bool) -> None:
    assert matches(asked, '"a"') is expected


def test_tags_are_strong_and_stable() -> None:
    assert tag_of(b"a") == tag_of(b"a") != tag_of(b"b")
    assert tag_of(b"")[0] == tag_of(b"")[-1] == '"'


@pytest.mark.asyncio
async def test_an_unchanged_reply_has_no_body(tmp_path: Path) -> None:
    router = ApiRouter(tag=Tag.STATS, prefix="/api/count")
    count = 0

    @router.get("")
    @RoutePolicy(Access.READ, etag=True)
    async def get_count() -> MessageReply:
        if count > 1:
            raise NotFound("Gone.")
        return MessageReply(message=str(count))

    async with kernel(tmp_path, router) as k:
        first = await k.client.get("/api/count", headers=FULL)
        tag = first.headers["etag"]
        same = await k.client.get("/api/count", headers=FULL | {"If-None-Match": f'"x", W/{tag}'})
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
        assert "x-request-id" in same.headers
        assert (await k.client.get("/api/count", headers={"If-None-Match": tag})).status_code == 401
        count = 1
        changed = await k.client.get("/api/count", headers=FULL | {"If-None-Match": tag})
        assert (changed.status_code, changed.json()["message"]) == (200, "1")
        count = 2
        gone = await k.client.get("/api/count", headers=FULL | {"If-None-Match": "*"})
        assert (gone.status_code, "etag" in gone.headers) == (404, False)


def test_only_a_get_can_have_an_etag() -> None:
    router = ApiRouter(tag=Tag.STATS)

    @RoutePolicy(Access.FULL, etag=True)
    async def create_thing() -> MessageReply:
        return MessageReply()

    with pytest.raises(TypeError, match="only a GET"):
        router.post("/api/thing")(create_thing)
