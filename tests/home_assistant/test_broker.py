"""Connections to brokers: passwords, certificates, blocked addresses, and cancellation."""

import asyncio
import datetime
import ipaddress
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from app.home_assistant.broker import BrokerFailed, connect, parse_broker_url
from app.http.addresses import BlockedAddress
from tests.home_assistant.brokers import MOSQUITTO, BrokerProcess, Mosquitto
from tests.support.serving import free_port

pytestmark = [pytest.mark.process, pytest.mark.asyncio]

needs_mosquitto = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")


async def test_publish_and_subscribe(broker: BrokerProcess) -> None:
    address = parse_broker_url(f"mqtt://127.0.0.1:{broker.port}/", verify_tls=True)
    async with connect(address) as connection, asyncio.timeout(20):
        await connection.subscribe("a/+")
        await connection.publish("a/b", b"hello", retain=False)
        async for message in connection.messages():
            assert (message.topic.value, message.payload) == ("a/b", b"hello")
            break


@needs_mosquitto
async def test_a_wrong_password_is_reported_as_such(tmp_path: Path) -> None:
    passwords = tmp_path / "passwords"
    made = await asyncio.create_subprocess_exec(
        "mosquitto_passwd", "-b", "-c", str(passwords), "home", "a pass:word@home"
    )
    assert await made.wait() == 0
    broker = Mosquitto(tmp_path, "allow_anonymous false", f"password_file {passwords}", "user root")
    await broker.start()
    try:
        async with connect(
            parse_broker_url(f"mqtt://home:a%20pass%3Aword%40home@127.0.0.1:{broker.port}", verify_tls=True)
        ):
            pass
        for way in ("home:wrong@", ""):
            with pytest.raises(BrokerFailed, match="refuses") as refused:
                async with connect(parse_broker_url(f"mqtt://{way}127.0.0.1:{broker.port}", verify_tls=True)):
                    pass
            assert "wrong" not in refused.value.message
    finally:
        await broker.stop()


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Self-signed, for the name broker.test."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "broker.test")])
    names: list[x509.GeneralName] = [x509.DNSName("broker.test"), x509.IPAddress(ipaddress.ip_address("192.0.2.1"))]
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, secret = folder / "broker.pem", folder / "broker.key"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate, secret


@pytest_asyncio.fixture
async def secure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[BrokerProcess]:
    """A broker with a certificate that the system trusts."""
    certificate, secret = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    broker = Mosquitto(tmp_path, "allow_anonymous true", f"certfile {certificate}", f"keyfile {secret}", "user root")
    await broker.start()
    yield broker
    await broker.stop()


async def loopback(_host: str, _port: int) -> list[str]:
    return ["127.0.0.1"]


@needs_mosquitto
@pytest.mark.parametrize(
    ("host", "verify_tls", "is_let_in"),
    [("broker.test", True, True), ("other.test", True, False), ("other.test", False, True)],
)
async def test_the_certificate_is_checked_against_the_name_and_not_the_address(
    secure: BrokerProcess, host: str, verify_tls: bool, is_let_in: bool
) -> None:
    broker = parse_broker_url(f"mqtts://{host}:{secure.port}", verify_tls=verify_tls)
    if is_let_in:
        async with connect(broker, resolve=loopback) as connection:
            await connection.publish("a", b"b", retain=False)
    else:
        with pytest.raises(BrokerFailed, match="certificate"):
            async with connect(broker, resolve=loopback):
                pass


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1", "::ffff:169.254.169.254", "100.100.100.200"])
async def test_names_of_blocked_addresses_are_refused(address: str) -> None:
    async def there(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1", address]

    with pytest.raises(BlockedAddress):
        async with connect(parse_broker_url("mqtt://broker", verify_tls=True), resolve=there):
            pass


async def test_unreachable_brokers_and_unknown_names() -> None:
    async def unknown(_host: str, _port: int) -> list[str]:
        raise OSError("no such name")

    with pytest.raises(BrokerFailed):
        async with connect(parse_broker_url(f"mqtt://127.0.0.1:{free_port()}", verify_tls=True)):
            pass
    with pytest.raises(BrokerFailed, match="not known"):
        async with connect(parse_broker_url("mqtt://broker", verify_tls=True), resolve=unknown):
            pass


async def test_a_cancelled_attempt_leaves_no_open_connection() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        silent.setblocking(False)

        async def open_connection() -> None:
            async with connect(parse_broker_url(f"mqtt://127.0.0.1:{silent.getsockname()[1]}", verify_tls=True)):
                pass

        task = asyncio.create_task(open_connection())
        loop = asyncio.get_running_loop()
        line, _ = await loop.sock_accept(silent)
        with line:
            task.cancel()
            assert await asyncio.gather(task, return_exceptions=True)
            assert task.cancelled()
            async with asyncio.timeout(20):
                while await loop.sock_recv(line, 1000):
                    continue
