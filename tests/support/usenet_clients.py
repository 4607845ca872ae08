"""A real NZBGet, and what it downloads: a local news server, and NZBs of its articles."""

import asyncio
import shutil
import zlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import quoteattr

from app.downloads.models import ClientKind
from tests.support.serving import free_port
from tests.support.torrent_clients import PASSWORD, USERNAME, RunningClient, ServerProcess, running

NZBGET = shutil.which("nzbget")
ARTICLE_BYTES = 50_000
GROUP = "alt.binaries.tests"
ESCAPED = {0x00, 0x0A, 0x0D, 0x3D}
LINE_BYTES = 128


def yenc(content: bytes) -> bytes:
    """`content` as yEnc writes it (http://www.yenc.org/yenc-draft.1.3.txt), in lines."""
    lines, line = [], bytearray()
    for byte in content:
        code = (byte + 42) % 256
        if code in ESCAPED or (code == 0x2E and not line):
            line += bytes((0x3D, (code + 64) % 256))
        else:
            line.append(code)
        if len(line) >= LINE_BYTES:
            lines.append(bytes(line))
            line = bytearray()
    return b"\r\n".join([*lines, bytes(line)] if line else lines)


def make_nzb(files: Mapping[str, bytes]) -> tuple[bytes, dict[str, bytes]]:
    """An NZB of these files, and its articles by message id."""
    articles: dict[str, bytes] = {}
    described = []
    for name, content in files.items():
        parts = [content[at : at + ARTICLE_BYTES] for at in range(0, len(content), ARTICLE_BYTES)]
        segments = []
        for number, part in enumerate(parts, start=1):
            message_id = f"{zlib.crc32(name.encode())}.{number}@tests"
            begin = (number - 1) * ARTICLE_BYTES + 1
            articles[message_id] = (
                f"=ybegin part={number} total={len(parts)} line={LINE_BYTES} size={len(content)} name={name}\r\n"
                f"=ypart begin={begin} end={begin + len(part) - 1}\r\n".encode()
                + yenc(part)
                + f"\r\n=yend size={len(part)} part={number} pcrc32={zlib.crc32(part):08x}\r\n".encode()
            )
            segments.append(f'<segment bytes="{len(part)}" number="{number}">{message_id}</segment>')
        subject = quoteattr(f'"{name}" yEnc (1/{len(parts)})')
        described.append(
            f'<file poster="tests" date="1700000000" subject={subject}><groups><group>{GROUP}</group></groups>'
            f"<segments>{''.join(segments)}</segments></file>"
        )
    body = "".join(described)
    text = f'<?xml version="1.0" encoding="UTF-8"?><nzb xmlns="http://www.newzbin.com/DTD/2003/nzb">{body}</nzb>'
    return text.encode(), articles


@dataclass
class NewsServer:
    """Serves articles over NNTP (RFC 3977), as little of it as NZBGet needs."""

    articles: dict[str, bytes]
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"200 ready\r\n")
        try:
            while line := await reader.readline():
                words = line.decode("latin-1").split()
                command = words[0].upper() if words else ""
                writer.write(self._answer(command, words))
                if command == "QUIT":
                    break
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    def _answer(self, command: str, words: list[str]) -> bytes:
        if command == "GROUP":
            return f"211 1 1 1 {GROUP}\r\n".encode()
        if command in ("BODY", "ARTICLE", "STAT"):
            message_id = words[1].strip("<>")
            content = self.articles.get(message_id)
            if content is None:
                return b"430 no such article\r\n"
            if command == "STAT":
                return f"223 0 <{message_id}>\r\n".encode()
            code = b"222" if command == "BODY" else b"220"
            head = b"" if command == "BODY" else f"Message-ID: <{message_id}>\r\n\r\n".encode()
            return code + f" 0 <{message_id}>\r\n".encode() + head + content + b".\r\n"
        return {"QUIT": b"205 bye\r\n", "MODE": b"200 reader\r\n", "DATE": b"111 20261127000000\r\n"}.get(
            command, b"500 what?\r\n"
        )


@asynccontextmanager
async def news_server(articles: dict[str, bytes]) -> AsyncIterator[NewsServer]:
    news = NewsServer(articles)
    server = await asyncio.start_server(news.serve, "127.0.0.1", 0)
    news.port = server.sockets[0].getsockname()[1]
    try:
        yield news
    finally:
        server.close()


@asynccontextmanager
async def nzbget(folder: Path, news_port: int) -> AsyncIterator[RunningClient]:
    """NZBGet with one news server and a category of ours."""
    port = free_port()
    await asyncio.to_thread(folder.mkdir)
    options = {
        "MainDir": folder,
        "DestDir": "${MainDir}/complete",
        "ControlIP": "127.0.0.1",
        "ControlPort": port,
        "ControlUsername": USERNAME,
        "ControlPassword": PASSWORD,
        "Category1.Name": "huntarr",
        "Server1.Active": "yes",
        "Server1.Host": "127.0.0.1",
        "Server1.Port": news_port,
        "Server1.Connections": 2,
        "Server1.Encryption": "no",
        "ArticleRetries": 0,
        "HealthCheck": "delete",
        "OutputMode": "loggable",
    }
    command = [str(NZBGET), "-n", "-s"]
    for name, value in options.items():
        command += ["-o", f"{name}={value}"]
    url, process = f"http://127.0.0.1:{port}", ServerProcess(command, port, folder)
    made = RunningClient(ClientKind.NZBGET, url, USERNAME, PASSWORD, folder / "complete", 0, (process,))
    async with running(made) as opened:
        yield opened
