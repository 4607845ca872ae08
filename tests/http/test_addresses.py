"""Which URLs may be configured, and which addresses a name may resolve to."""

import ssl
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

import httpcore
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import Invalid
from app.http.addresses import BlockedAddress, GuardedBackend, GuardedPool, Resolve, is_blocked, normalise_url
from tests.http.servers import answer, replying, self_signed, serve


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("http://sonarr:8989", "http://sonarr:8989"),
        ("HTTP://Sonarr.LAN:8989///", "http://sonarr.lan:8989"),
        ("https://media.example/sonarr/", "https://media.example/sonarr"),
        ("https://media.example/Sonarr/v%20x", "https://media.example/Sonarr/v%20x"),
        ("http://my_sonarr:08989", "http://my_sonarr:8989"),
        ("http://sonarr.:80", "http://sonarr:80"),
        ("http://127.1:8989", "http://127.0.0.1:8989"),
        ("http://0x7f000001", "http://127.0.0.1"),
        ("http://10.0.0.5", "http://10.0.0.5"),
        ("http://192.168.1.10:65535", "http://192.168.1.10:65535"),
        ("http://[::1]:8989/x", "http://[::1]:8989/x"),
        ("http://[FD00::0001]", "http://[fd00::1]"),
        ("http://[fd00:ec2::253]", "http://[fd00:ec2::253]"),
        ("http://100.100.100.201", "http://100.100.100.201"),
        ("http://bücher.example", "http://xn--bcher-kva.example"),
        ("http://\uff11\uff10.0.0.5", "http://10.0.0.5"),
    ],
)
def test_a_url_has_one_normal_form(given: str, kept: str) -> None:
    assert normalise_url(given) == kept
    assert normalise_url(kept) == kept


@pytest.mark.parametrize(
    "url",
    [
        *("", "sonarr:8989", "ftp://host", "file:///etc/passwd", "unix:///run/x", "http:/host", "//host", "http:host"),
        *("http://", "http:///x", "http://:8989", "http://.", "http://a..b", "http://-a", "http://a-", "http://a b"),
        *("http://u:p@host", "http://@host", "http://host?", "http://host?x=1", "http://host#", "http://host/a#b"),
        *(
            "http://host:0",
            "http://host:65536",
            "http://host:",
            "http://host:80:80",
            "http://host:8o",
            "http://host:\u0661",
        ),
        *(
            "http://host/a\\b",
            " http://host",
            "http://host\n",
            "http://ho\x00st",
            "http://h\u200bost",
            "http://h\u00a0",
        ),
        *("http://host/../x", "http://host/%2e%2E/x", "http://host/.", "http://host/a//b", "http://host/%zz"),
        *("http://[::1", "http://::1", "http://[1.2.3.4]", "http://[]", "http://[::1]x", "http://[::1%25lo]"),
        *(
            "http://256.1.1.1",
            "http://1.2.3.4.5",
            "http://0x.1.1.1.1",
            "http://08",
            "http://4294967296",
            "http://1.2.3.09",
        ),
        *("http://%6c", "http://host%2e", "http://" + "a" * 64, "http://" + "a." * 130 + "a", "http://h/" + "a" * 500),
        *("javascript://host", "http://host<x>", "http://xn--\u00fc"),
    ],
)
def test_invalid_urls_are_refused(url: str) -> None:
    with pytest.raises(Invalid) as refused:
        normalise_url(url)
    assert refused.value.message.endswith(".")


METADATA_SPELLINGS = [
    *("169.254.169.254", "169.254.169.254.", "2852039166", "0xA9FEA9FE", "0xa9.0xfe.0xa9.0xfe", "0251.0376.0251.0376"),
    *("169.254.43518", "169.16689662", "0xa9.254.0251.254", "025177524776", "169\u3002254\uff0e169.254"),
    *("\uff11\uff16\uff19.254.169.254", "169.254.169%2e254", "%31%36%39.254.169.254"),
    *(
        "\u2460\u2465\u2468.254.169.254",
        "169.254.0.0",
        "169.254.255.255",
        "100.100.100.200",
        "0x646464C8",
    ),
    *("1684301000", "0.0.0.0", "0", "0x0", "000.000", "255.255.255.255", "224.0.0.1", "239.255.255.250"),  # noqa: S104
    *("[fe80::1]", "[febf::1]", "[fe80::1%25eth0]", "[fe80::1%eth0]", "[FD00:EC2::254]", "[fd00:0ec2:0::0254]", "[::]"),
    *(
        "[ff02::1]",
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe]",
        "[::ffff:0:169.254.169.254]",
        "[::169.254.169.254]",
    ),
    *(
        "[64:ff9b::169.254.169.254]",
        "[64:ff9b:1::a9fe:a9fe]",
        "[2002:a9fe:a9fe::1]",
        "[2001::5601:5601]",
        "[::ffff:0.0.0.0]",
    ),
    *("[2001:db8::5efe:169.254.169.254]", "[64:ff9b::6464:64c8]", "[2002:6464:64c8::]", "[::ffff:224.0.0.1]"),
]


@pytest.mark.parametrize("host", METADATA_SPELLINGS)
@pytest.mark.parametrize("form", ["http://{}", "https://{}:8989/base"])
def test_a_blocked_address_is_refused_in_any_spelling(form: str, host: str) -> None:
    with pytest.raises(Invalid):
        normalise_url(form.format(host))


@pytest.mark.parametrize(
    "address",
    [
        *("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254"),
        *("fd00:c1::a9fe:a9fe", "fd00:42::42", "fd00:a9fe:a9fe::1", "fd00:100::100:200"),
        *("169.254.169.254", "169.254.170.2", "169.254.170.23", "169.254.42.42", "169.254.0.23", "fe80::a9fe:a9fe"),
    ],
)
def test_metadata_addresses_of_clouds_are_blocked_and_their_neighbours_are_not(address: str) -> None:
    """Trial 23."""
    ip = ip_address(address)
    assert is_blocked(ip)
    host = f"[{ip}]" if ip.version == 6 else str(ip)
    with pytest.raises(Invalid):
        normalise_url(f"http://{host}/")
    if not ip.is_link_local:
        assert not any(is_blocked(neighbour) for neighbour in (ip - 1, ip + 1))
    if ip.version == 4:
        assert is_blocked(f"::ffff:{ip}")
        assert is_blocked(IPv6Address(0x64FF9B << 96 | int(ip)))


@given(st.ip_addresses(v=4))
def test_an_embedded_address_is_blocked_exactly_when_it_is_blocked_itself(address: IPv4Address) -> None:
    number = int(address)
    carriers = [(0x64FF9B << 96) | number, 0x2002 << 112 | number << 80, 0xFFFF << 32 | number, 0xFFFF << 48 | number]
    assert {is_blocked(IPv6Address(carrier)) for carrier in carriers} == {is_blocked(address)}


SPELLINGS: list[Callable[[int], str]] = [
    str,
    hex,
    lambda n: f"0{n:o}",
    lambda n: f"{n >> 24}.{n & 0xFFFFFF}",
    lambda n: f"0{n >> 24:o}.{n >> 16 & 255:#x}.{n & 0xFFFF}",
    lambda n: f"{IPv4Address(n)}.",
    lambda n: str(IPv4Address(n)).translate({ord("0") + d: 0xFF10 + d for d in range(10)}),
]


@given(st.ip_addresses(v=4), st.sampled_from(SPELLINGS))
def test_every_spelling_of_an_ipv4_address_is_read_alike(address: IPv4Address, spell: Callable[[int], str]) -> None:
    url = f"http://{spell(int(address))}:8989"
    if is_blocked(address):
        with pytest.raises(Invalid):
            normalise_url(url)
    else:
        assert normalise_url(url) == f"http://{address}:8989"


@given(st.text(max_size=60) | st.from_regex(r"https?://[^ ]{0,40}", fullmatch=True))
def test_any_text_is_refused_or_becomes_an_address_that_httpx_reads_alike(text: str) -> None:
    try:
        kept = normalise_url(text)
    except Invalid:
        return
    assert normalise_url(kept) == kept
    read = httpx.URL(kept)
    assert read.scheme in ("http", "https")
    assert read.host
    assert (read.userinfo, read.query, read.fragment) == (b"", b"", "")


@given(st.ip_addresses(v=6))
def test_loopback_and_global_ipv6_are_allowed(address: IPv6Address) -> None:
    if address.is_link_local or address.is_multicast or address.is_unspecified:
        assert is_blocked(address)
    assert not is_blocked("::1")


def resolving(*addresses: str) -> Resolve:
    async def resolve(_host: str, _port: int) -> list[str]:
        return list(addresses)

    return resolve


@pytest.mark.asyncio
@pytest.mark.parametrize("addresses", [("169.254.169.254",), ("127.0.0.1", "169.254.1.1"), ("::ffff:169.254.169.254",)])
async def test_a_name_that_leads_to_any_blocked_address_is_not_connected_to(addresses: tuple[str, ...]) -> None:
    reached: list[bytes] = []

    async def note(request: bytes, _writer: object) -> None:
        reached.append(request)

    async with serve(note) as port:
        with pytest.raises(BlockedAddress):
            await GuardedBackend(resolving(*addresses)).connect_tcp("app.test", port, timeout=5)
    assert reached == []


@pytest.mark.asyncio
@pytest.mark.parametrize("literal", ["169.254.169.254", "fe80::1", "::ffff:a9fe:a9fe", "0.0.0.0"])  # noqa: S104
async def test_a_blocked_literal_is_not_connected_to(literal: str) -> None:
    assert is_blocked(ip_address(literal))
    with pytest.raises(BlockedAddress):
        await GuardedBackend().connect_tcp(literal, 80, timeout=5)


@pytest.mark.asyncio
async def test_numbers_that_only_the_resolver_reads_are_caught_too() -> None:
    with pytest.raises(BlockedAddress):
        await GuardedBackend().connect_tcp("2852039166", 80, timeout=5)


@pytest.mark.asyncio
async def test_addresses_are_tried_in_turn_and_the_name_is_resolved_once() -> None:
    asked: list[str] = []

    async def resolve(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.2", "127.0.0.1"]  # nothing listens on the first

    async with serve(replying(answer(b"{}"))) as port:
        stream = await GuardedBackend(resolve).connect_tcp("app.test", port, timeout=5)
        await stream.aclose()
    assert asked == ["app.test"]


@pytest.mark.asyncio
@pytest.mark.parametrize("addresses", [(), ("127.0.0.2",)])
async def test_a_name_that_leads_nowhere_is_a_failed_connection(addresses: tuple[str, ...]) -> None:
    async with serve(replying(answer(b"{}"))) as port:
        with pytest.raises(httpcore.ConnectError):
            await GuardedBackend(resolving(*addresses)).connect_tcp("app.test", port, timeout=5)


@pytest.mark.asyncio
async def test_unix_sockets_are_refused() -> None:
    with pytest.raises(BlockedAddress):
        await GuardedBackend().connect_unix_socket("/run/docker.sock")


@pytest.mark.asyncio
@pytest.mark.parametrize(("host", "fits"), [("app.test", True), ("other.test", False)])
async def test_tls_verifies_against_the_name_and_not_the_address(tmp_path: Path, host: str, *, fits: bool) -> None:
    server, trusted = self_signed(tmp_path, "app.test")
    pool = GuardedPool(
        ssl.create_default_context(cafile=str(trusted)),
        connections=1,
        keepalive_seconds=5,
        resolve=resolving("127.0.0.1"),
    )
    async with serve(replying(answer(b"{}")), tls=server) as port, httpx.AsyncClient(transport=pool) as client:
        if fits:
            assert (await client.get(f"https://{host}:{port}/")).status_code == 200
        else:
            with pytest.raises(httpx.ConnectError, match=r"not valid for 'other\.test'"):
                await client.get(f"https://{host}:{port}/")
