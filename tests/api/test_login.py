"""Login: one reply for every wrong attempt, and a limit on attempts."""

import asyncio
import threading
from ipaddress import ip_network

import pytest
from argon2 import PasswordHasher
from httpx import Response
from pydantic import SecretStr

from app.auth.login_limits import MAX_OF_ADDRESS, MAX_OF_NAME
from app.auth.models import LoginSession, User
from app.auth.passwords import DUMMY_HASH, MAX_WAITING, THREADS, Passwords
from app.core.errors import TooManyRequests
from tests.support.rig import Rig
from tests.support.served_app import OWNER, PASSWORD, ServedApp, open_served_app

pytestmark = pytest.mark.asyncio

WRONG = "wrong horse battery"


def as_seen(reply: Response) -> tuple[int, bytes, dict[str, str]]:
    """All that a caller sees, but for the id of the request."""
    return reply.status_code, reply.content, {k: v for k, v in reply.headers.items() if k != "x-request-id"}


@pytest.mark.storage
async def test_login_opens_a_session(served: ServedApp) -> None:
    await served.make_owner()
    visitor = await served.visitor()
    reply = await visitor.login()
    data = reply.json()["data"]
    assert data == {
        "username": OWNER,
        "csrf_token": visitor.csrf,
        "expires_at": "2026-11-24T12:00:00.000Z",
    }
    cookie = reply.headers["Set-Cookie"]
    assert cookie.startswith("huntarr_session=")
    assert [part for part in ("HttpOnly", "SameSite=lax", "Path=/", "Max-Age=86400") if part not in cookie] == []
    assert "Secure" not in cookie
    me = await visitor.data("GET", "/api/auth/me")
    assert me == {
        "username": OWNER,
        "auth": "session",
        "scope": "full",
        "csrf_token": visitor.csrf,
        "two_factor_enabled": False,
    }
    assert len(visitor.token) >= 43


async def test_names_ignore_case_and_passwords_ignore_how_accents_are_composed(served: ServedApp) -> None:
    local = await served.local()
    composed, decomposed = "Caf\u00e9 au lait", "Cafe\u0301 au lait"
    assert (
        await local.post("/api/setup", {"username": OWNER, "password": composed, "setup_token": served.setup_token})
    ).status_code == 201
    assert (await local.login(decomposed, name=OWNER.upper())).status_code == 200
    assert (await local.login(composed.upper())).status_code == 401


async def test_behind_https_and_a_sub_path(rig: Rig) -> None:
    async with open_served_app(rig, trusted_proxies=(ip_network("10.0.0.1"),), base_url="/huntarr") as served:
        await served.trust.accounts.ensure_owner(
            rig.config.model_copy(update={"admin_username": OWNER, "admin_password": SecretStr(PASSWORD)})
        )
        given = {"username": OWNER, "password": PASSWORD}
        for peer, is_secure in (("10.0.0.1", True), ("10.0.0.2", False)):
            visitor = await served.visitor(peer, **{"X-Forwarded-Proto": "https"})
            cookie = (await visitor.post("/huntarr/api/auth/login", given)).headers["Set-Cookie"]
            assert ("Secure" in cookie) is is_secure
            assert "Path=/huntarr;" in cookie + ";"


async def test_every_wrong_login_gets_the_same_reply(served: ServedApp) -> None:
    """Unknown user, wrong password, wrong code, no owner at all: the same bytes."""
    no_owner = await (await served.visitor("192.0.2.1")).login()
    visitor = await served.owner("192.0.2.2")
    await visitor.two_factor()
    replies = [
        no_owner,
        await (await served.visitor("192.0.2.3")).login(WRONG),
        await (await served.visitor("192.0.2.4")).login(name="nobody"),
        await (await served.visitor("192.0.2.5")).login(WRONG, code="000000"),
        await (await served.visitor("192.0.2.6")).login(code="000000"),
        await (await served.visitor("192.0.2.7")).login(code="aaaa-bbbb-cccc-dddd"),
    ]
    assert replies[0].status_code == 401
    assert [as_seen(reply) == as_seen(replies[0]) for reply in replies] == [True] * len(replies)


async def test_an_unknown_user_costs_the_same_work(served: ServedApp) -> None:
    """The dummy hash has the current parameters."""
    hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
    assert hasher.check_needs_rehash(DUMMY_HASH) is False
    assert len(DUMMY_HASH) == len(hasher.hash("x"))
    assert await served.trust.passwords.verify("x", None) is False


@pytest.mark.parametrize(
    "body",
    [
        {"username": OWNER},
        {"username": "", "password": "x"},
        {"username": OWNER, "password": "x" * 257},
        {"username": OWNER, "password": PASSWORD, "remember": True},
        {"username": OWNER, "password": 1},
    ],
)
async def test_invalid_login_bodies_are_refused(served: ServedApp, body: dict[str, object]) -> None:
    assert (await (await served.visitor()).post("/api/auth/login", body)).status_code == 422


@pytest.mark.storage
async def test_after_five_failures_a_caller_has_to_wait(served: ServedApp) -> None:
    await served.make_owner()
    visitor = await served.visitor()
    assert [(await visitor.login(WRONG)).status_code for _ in range(5)] == [401] * 5
    served.rig.clock.forward(minutes=2)
    refused = await visitor.login()
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "180")
    assert await served.rows(LoginSession) == []
    served.rig.clock.forward(minutes=3)
    assert (await visitor.login()).status_code == 200


SPELLINGS = ("{}", " {}", "{} ", "\u00a0{}", "{}\u2003", "\u3000{}\u3000", "\t{}", "{}\u2028")


async def test_blanks_around_the_name_win_no_more_guesses(served: ServedApp) -> None:
    await served.make_owner()
    spellings = [spelling.format(name) for spelling in SPELLINGS for name in (OWNER, OWNER.upper())]
    visitor = await served.visitor()
    assert [(await visitor.login(WRONG, name=name)).status_code for name in spellings] == [401] * 5 + [429] * 11
    elsewhere = await served.visitor("198.51.100.1")
    for name in SPELLINGS[1:]:
        assert (await elsewhere.login(name=name.format(OWNER))).status_code == 200


async def test_blanks_around_the_name_win_no_more_codes(served: ServedApp) -> None:
    await (await served.owner()).two_factor()
    visitor = await served.visitor("198.51.100.2")
    codes = [(await visitor.login(name=name.format(OWNER), code="000000")).status_code for name in SPELLINGS]
    assert codes == [401] * 5 + [429] * 3


async def test_five_wrong_logins_from_elsewhere_do_not_keep_the_owner_out(served: ServedApp) -> None:
    await served.make_owner()
    guesser = await served.visitor("198.51.100.66")
    assert [(await guesser.login(WRONG)).status_code for _ in range(6)] == [401] * 5 + [429]
    assert (await guesser.login()).status_code == 429
    assert (await guesser.login("still wrong", name="nobody")).status_code == 401
    assert (await (await served.visitor("192.0.2.1")).login()).status_code == 200


async def guessed_from_everywhere(served: ServedApp, name: str, offset: int = 0) -> None:
    """As many failures of a name, each from another address, as make strangers wait."""
    for number in range(MAX_OF_NAME):
        stranger = await served.visitor(f"198.18.{offset}.{number}")
        assert (await stranger.login(WRONG, name=name)).status_code == 401


@pytest.mark.storage
async def test_guesses_from_many_addresses_slow_strangers_down_and_not_the_owner(served: ServedApp) -> None:
    await served.owner("192.0.2.1")
    await served.owner("2001:db8::1")
    await guessed_from_everywhere(served, OWNER)
    refused = await (await served.visitor("198.51.100.1")).login()
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "10")
    for known in ("192.0.2.1", "2001:db8::aaaa:2", "::ffff:192.0.2.1"):
        assert (await (await served.visitor(known)).login()).status_code == 200
    served.rig.clock.forward(seconds=10)
    assert (await (await served.visitor("198.51.100.2")).login(WRONG)).status_code == 401
    refused = await (await served.visitor("198.51.100.1")).login()
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "10")
    served.rig.clock.forward(seconds=10)
    assert (await (await served.visitor("198.51.100.1")).login()).status_code == 200


async def test_an_unknown_name_is_slowed_down_alike(served: ServedApp) -> None:
    await served.owner("192.0.2.1")
    await guessed_from_everywhere(served, "nobody")
    refused = await (await served.visitor("198.51.100.1")).login(name="nobody")
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "10")
    assert (await (await served.visitor("192.0.2.1")).login(name="nobody")).status_code == 401


async def test_an_address_cannot_try_many_names(served: ServedApp) -> None:
    await served.make_owner()
    visitor = await served.visitor("2001:db8::1")
    tried = [(await visitor.login(name=f"user {n}")).status_code for n in range(MAX_OF_ADDRESS + 1)]
    assert tried == [401] * MAX_OF_ADDRESS + [429]
    assert (await (await served.visitor("2001:db8::ffff:2")).login()).status_code == 429  # the same network
    assert (await (await served.visitor("2001:db8:0:1::1")).login()).status_code == 200


async def test_an_invented_forwarded_address_does_not_help(served: ServedApp) -> None:
    await served.make_owner()
    statuses = []
    for number in range(MAX_OF_ADDRESS + 1):
        spoofer = await served.visitor("203.0.113.66", **{"X-Forwarded-For": f"10.0.0.{number}", "X-Real-IP": "::1"})
        statuses.append((await spoofer.login(WRONG, name=f"user {number}")).status_code)
    assert statuses == [401] * MAX_OF_ADDRESS + [429]


async def test_callers_behind_a_trusted_proxy_are_told_apart(rig: Rig) -> None:
    async with open_served_app(rig, trusted_proxies=(ip_network("10.0.0.1"),)) as served:
        await served.make_owner()

        async def knock(forwarded: str, name: str) -> int:
            visitor = await served.visitor("10.0.0.1", **{"X-Forwarded-For": forwarded})
            return (await visitor.login(WRONG, name=name)).status_code

        # What the caller wrote itself stands on the left and does not count.
        tries = range(MAX_OF_ADDRESS + 1)
        statuses = [await knock(f"192.0.2.{number}, 203.0.113.66", f"user {number}") for number in tries]
        assert statuses == [401] * MAX_OF_ADDRESS + [429]
        assert await knock("203.0.113.67", "user 7") == 401


async def test_right_logins_at_once_all_succeed(served: ServedApp) -> None:
    await served.make_owner()
    visitors = [await served.visitor() for _ in range(12)]
    replies = await asyncio.gather(*(visitor.login() for visitor in visitors))
    assert [reply.status_code for reply in replies] == [200] * 12
    assert len({visitor.token for visitor in visitors}) == 12
    assert len({visitor.csrf for visitor in visitors}) == 12


async def test_parallel_guesses_get_no_more_answers_than_sequential_ones(served: ServedApp) -> None:
    await served.make_owner()
    visitors = [await served.visitor() for _ in range(THREADS + MAX_WAITING)]
    replies = await asyncio.gather(*(visitor.login(f"{WRONG} {n}") for n, visitor in enumerate(visitors)))
    assert sorted(reply.status_code for reply in replies) == [401] * 5 + [429] * (THREADS + MAX_WAITING - 5)
    assert all(int(reply.headers["Retry-After"]) > 0 for reply in replies if reply.status_code == 429)
    assert (await served.actions()).count("login_failed") == 5


class SlowWhenRight:
    """An Argon2 that is slow with the right password, so that wrong ones are answered first."""

    def __init__(self) -> None:
        self.go = threading.Event()

    def hash(self, password: str) -> str:
        return "unused"

    def verify(self, hash: str, password: str) -> bool:  # noqa: A002 - argon2's own name
        return password == PASSWORD and self.go.wait(30)

    def check_needs_rehash(self, hash: str) -> bool:  # noqa: A002
        return False


async def test_a_right_guess_among_parallel_ones_is_not_revealed(
    served: ServedApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was accepted before the fifth failure and is answered after it."""
    await served.make_owner()
    hasher = SlowWhenRight()
    monkeypatch.setattr(served.trust.passwords, "_hasher", hasher)
    guess = asyncio.create_task((await served.visitor()).login())
    wrong = [await (await served.visitor()).login(WRONG) for _ in range(5)]
    assert [reply.status_code for reply in wrong] == [401] * 5
    hasher.go.set()
    reply = await guess
    assert reply.status_code == 429
    assert "Set-Cookie" not in reply.headers
    assert await served.rows(LoginSession) == []


class SlowHasher:
    """An Argon2 whose checks wait until the test sets `go`."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.begun = threading.Semaphore(0)
        self.running = 0
        self.most = 0
        self._lock = threading.Lock()

    def hash(self, password: str) -> str:
        return f"hash of {len(password)}"

    def verify(self, hash: str, password: str) -> bool:  # noqa: A002 - argon2's own name
        with self._lock:
            self.running += 1
            self.most = max(self.most, self.running)
        self.begun.release()
        self.go.wait(30)
        with self._lock:
            self.running -= 1
        return False

    def check_needs_rehash(self, hash: str) -> bool:  # noqa: A002
        return False


async def test_guessing_does_not_block_other_requests(served: ServedApp, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes run in two threads; who would wait behind twenty others is refused at once."""
    await served.make_owner()
    hasher, passwords = SlowHasher(), served.trust.passwords
    monkeypatch.setattr(passwords, "_hasher", hasher)
    visitors = [await served.visitor(f"192.0.2.{n}") for n in range(32)]
    tries = [asyncio.create_task(one.login(WRONG, name=f"user {n}")) for n, one in enumerate(visitors)]
    for _ in range(THREADS):
        await asyncio.to_thread(hasher.begun.acquire)
    # Not one check can end before the event below: a hash on the loop would hang here for ever.
    assert (await (await served.visitor()).get("/api/health")).status_code == 200
    sent_away = 32 - THREADS - MAX_WAITING
    done, _ = await asyncio.wait(tries, return_when=asyncio.FIRST_COMPLETED)
    while len(done) < sent_away:
        more, _ = await asyncio.wait(set(tries) - done, return_when=asyncio.FIRST_COMPLETED)
        done |= more
    assert {task.result().status_code for task in done} == {429}
    hasher.go.set()
    statuses = sorted([(await task).status_code for task in tries])
    assert statuses == [401] * (THREADS + MAX_WAITING) + [429] * sent_away
    assert hasher.most == THREADS


async def test_a_caller_who_gives_up_keeps_the_slot_until_the_thread_is_free() -> None:
    hasher = SlowHasher()
    passwords = Passwords(hasher)
    tries = [asyncio.create_task(passwords.verify("x", "y")) for _ in range(THREADS + MAX_WAITING)]
    for _ in range(THREADS):
        await asyncio.to_thread(hasher.begun.acquire)
    for task in tries[:THREADS]:
        task.cancel()
    await asyncio.gather(*tries[:THREADS], return_exceptions=True)
    with pytest.raises(TooManyRequests):
        await passwords.verify("x", "y")
    hasher.go.set()
    assert await asyncio.gather(*tries[THREADS:]) == [False] * MAX_WAITING
    passwords.close()


async def test_an_old_hash_is_renewed_at_the_next_login(served: ServedApp) -> None:
    await served.make_owner()
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    async with served.rig.container.infra.db.session() as session:
        user = await session.get(User, 1)
        assert user is not None
        user.password_hash = weak
        session.add(user)
    visitor = await served.visitor()
    assert (await visitor.login()).status_code == 200
    [user] = await served.rows(User)
    assert "m=19456,t=2,p=1" in user.password_hash
    assert (await visitor.login()).status_code == 200
    assert [row.password_hash for row in await served.rows(User)] == [user.password_hash]
