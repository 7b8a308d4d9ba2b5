"""A name server for one name, like that of a headless Service: it answers with the addresses that it has now.

The messages are those of RFC 1035 (1987, https://www.rfc-editor.org/rfc/rfc1035), over UDP.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
import threading
from typing import Self

A, INTERNET, TTL_SECONDS = 1, 1, 5
ANSWER = 0x8480
"""Flags: a response, authoritative, recursion available."""
NO_SUCH_NAME = 3
HEADER = struct.Struct(">HHHHHH")
POINTER_TO_QUESTION = 0xC000 | HEADER.size


class NameServer:
    """Serves in a thread; ``addresses`` may be replaced at any time."""

    def __init__(self, address: str, name: str) -> None:
        self.addresses: tuple[str, ...] = ()
        self.answered = 0
        self._name = name
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, 53))
        self._socket.settimeout(0.2)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while not self._closing.is_set():
            try:
                query, client = self._socket.recvfrom(512)
            except TimeoutError:
                continue
            self._socket.sendto(reply(query, self._name, self.addresses), client)
            self.answered += 1


def reply(query: bytes, name: str, addresses: tuple[str, ...]) -> bytes:
    """Answer a query: an A record for each address of ``name``, none of another type; no other name exists."""
    number, *_ = HEADER.unpack_from(query)
    asked, end = _name_at(query, HEADER.size)
    kind, _ = struct.unpack_from(">HH", query, end)
    exists = asked.lower() == name and bool(addresses)
    records = [_record(address) for address in addresses] if exists and kind == A else []
    header = HEADER.pack(number, ANSWER | (0 if exists else NO_SUCH_NAME), 1, len(records), 0, 0)
    return header + query[HEADER.size : end + 4] + b"".join(records)


def _record(address: str) -> bytes:
    packed = ipaddress.IPv4Address(address).packed
    return struct.pack(">HHHIH", POINTER_TO_QUESTION, A, INTERNET, TTL_SECONDS, len(packed)) + packed


def _name_at(message: bytes, position: int) -> tuple[str, int]:
    """Return (name, position after it)."""
    labels = []
    while length := message[position]:
        labels.append(message[position + 1 : position + 1 + length].decode())
        position += 1 + length
    return ".".join(labels), position + 1
