"""Torrents made by the tests: without a tracker, of real files, in version 1, 2 or both (BEP 3, BEP 52)."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

Bencodable: TypeAlias = "int | bytes | str | Sequence[Bencodable] | Mapping[str, Bencodable]"

PIECE_LENGTH = 16 * 1024


def bencode(value: Bencodable) -> bytes:
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes):
        return b"%d:%b" % (len(value), value)
    if isinstance(value, Sequence):
        return b"l" + b"".join(map(bencode, value)) + b"e"
    pairs = sorted((key.encode(), each) for key, each in value.items())
    return b"d" + b"".join(bencode(key) + bencode(each) for key, each in pairs) + b"e"


def make_info(path: Path, *, private: bool = False) -> dict[str, Bencodable]:
    """The `info` of a file, or of a folder with its files."""
    files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
    data = b"".join(each.read_bytes() for each in files)
    pieces = [data[at : at + PIECE_LENGTH] for at in range(0, len(data), PIECE_LENGTH)]
    info: dict[str, Bencodable] = {
        "name": path.name,
        "piece length": PIECE_LENGTH,
        "pieces": b"".join(hashlib.sha1(piece, usedforsecurity=False).digest() for piece in pieces),
    }
    if private:
        info["private"] = 1
    if path.is_dir():
        listed: list[Bencodable] = [
            {"length": each.stat().st_size, "path": list(each.relative_to(path).parts)} for each in files
        ]
        return {**info, "files": listed}
    return {**info, "length": path.stat().st_size}


def make_torrent(path: Path, *, private: bool = False) -> bytes:
    """A torrent of a file or a folder, without a tracker."""
    return bencode({"info": make_info(path, private=private)})


def make_hybrid_info(path: Path) -> dict[str, Bencodable]:
    """Of one file of at most one piece, for clients of version 1 and of version 2."""
    data = path.read_bytes()
    if len(data) > PIECE_LENGTH:
        raise ValueError("the Merkle tree of a longer file is not made here")
    tree: dict[str, Bencodable] = {"length": len(data), "pieces root": hashlib.sha256(data).digest()}
    return {**make_info(path), "meta version": 2, "file tree": {path.name: {"": tree}}}


def make_hybrid_torrent(path: Path) -> bytes:
    return bencode({"info": make_hybrid_info(path), "piece layers": {}})


def hash_of(info: dict[str, Bencodable]) -> str:
    return hashlib.sha1(bencode(info), usedforsecurity=False).hexdigest()
