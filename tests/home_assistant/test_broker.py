"""The door to brokers: passwords, certificates, addresses that we never connect to, and being cancelled."""

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

from app.home_assistant.broker import BrokerFailed, broker_of, linked
from app.http.addresses import BlockedAddress
from tests.home_assistant.brokers import MOSQUITTO, Mosquitto, TestBroker
from tests.support.serving import free_port

pytestmark = [pytest.mark.process, pytest.mark.asyncio]

needs_mosquitto = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")


async def test_it_says_and_hears(broker: TestBroker) -> None:
    place = broker_of(f"mqtt://127.0.0.1:{broker.port}/", verify_tls=True)
    async with linked(place) as link, asyncio.timeout(20):
        await link.listen("a/+")
        await link.say("a/b", b"hello", retain=False)
        async for message in link.messages():
            assert (message.topic.value, message.payload) == ("a/b", b"hello")
            break


@needs_mosquitto
async def test_a_wrong_password_is_told_as_such(tmp_path: Path) -> None:
    passwords = tmp_path / "passwords"
    made = await asyncio.create_subprocess_exec(
        "mosquitto_passwd", "-b", "-c", str(passwords), "home", "a pass:word@home"
    )
    assert await made.wait() == 0
    broker = Mosquitto(tmp_path, "allow_anonymous false", f"password_file {passwords}", "user root")
    await broker.start()
    try:
        async with linked(broker_of(f"mqtt://home:a%20pass%3Aword%40home@127.0.0.1:{broker.port}", verify_tls=True)):
            pass
        for way in ("home:wrong@", ""):
            with pytest.raises(BrokerFailed, match="refuses") as refused:
                async with linked(broker_of(f"mqtt://{way}127.0.0.1:{broker.port}", verify_tls=True)):
                    pass
            assert "wrong" not in refused.value.message
    finally:
        await broker.stop()


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """For the name broker.test, signed by itself."""
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
async def secure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[TestBroker]:
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
async def test_the_certificate_is_held_against_the_name_and_not_the_address(
    secure: TestBroker, host: str, verify_tls: bool, is_let_in: bool
) -> None:
    broker = broker_of(f"mqtts://{host}:{secure.port}", verify_tls=verify_tls)
    if is_let_in:
        async with linked(broker, resolve=loopback) as link:
            await link.say("a", b"b", retain=False)
    else:
        with pytest.raises(BrokerFailed, match="certificate"):
            async with linked(broker, resolve=loopback):
                pass


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1", "::ffff:169.254.169.254", "100.100.100.200"])
async def test_names_that_lead_to_forbidden_places_are_not_followed(address: str) -> None:
    async def there(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1", address]

    with pytest.raises(BlockedAddress):
        async with linked(broker_of("mqtt://broker", verify_tls=True), resolve=there):
            pass


async def test_nobody_there_and_names_that_are_not_known() -> None:
    async def unknown(_host: str, _port: int) -> list[str]:
        raise OSError("no such name")

    with pytest.raises(BrokerFailed):
        async with linked(broker_of(f"mqtt://127.0.0.1:{free_port()}", verify_tls=True)):
            pass
    with pytest.raises(BrokerFailed, match="not known"):
        async with linked(broker_of("mqtt://broker", verify_tls=True), resolve=unknown):
            pass


async def test_who_is_cancelled_while_connecting_leaves_no_connection_behind() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        silent.setblocking(False)

        async def connect() -> None:
            async with linked(broker_of(f"mqtt://127.0.0.1:{silent.getsockname()[1]}", verify_tls=True)):
                pass

        task = asyncio.create_task(connect())
        loop = asyncio.get_running_loop()
        line, _ = await loop.sock_accept(silent)
        with line:
            task.cancel()
            assert await asyncio.gather(task, return_exceptions=True)
            assert task.cancelled()
            async with asyncio.timeout(20):
                while await loop.sock_recv(line, 1000):
                    continue
