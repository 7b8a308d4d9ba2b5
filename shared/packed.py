"""What is sent to many as it is: compressed once, and with an ETag, so that who has it is not sent it again."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock

from starlette.datastructures import Headers
from starlette.responses import Response

from seedcast.shared.delivery import takes_gzip

LEVEL = 6
"""It takes its time: once."""


@dataclass(frozen=True)
class Packed:
    """A document or a file, plain and compressed."""

    content: bytes
    compressed: bytes
    media_type: str
    etag: str

    @classmethod
    def of(cls, content: bytes, media_type: str) -> Packed:
        """Pack something. A megabyte takes a tenth of a second: call it off the event loop."""
        etag = hashlib.sha256(content).hexdigest()[:20]
        return cls(content, gzip.compress(content, LEVEL, mtime=0), media_type, etag)

    def answer(self, asked: Headers, headers: Mapping[str, str] | None = None, status: int = 200) -> Response:
        """Return it as the answer to a request with the headers ``asked``, or 304 where the client has it."""
        gzipped = takes_gzip(asked.get("accept-encoding", ""))
        etag = f'"{self.etag}{"-gzip" if gzipped else ""}"'
        told = {"ETag": etag, "Vary": "Accept-Encoding", **(headers or {})}
        if status == 200 and etag in asked.get("if-none-match", ""):
            return Response(status_code=304, headers=told)
        if gzipped:
            told["Content-Encoding"] = "gzip"
        return Response(self.compressed if gzipped else self.content, status, told, self.media_type)


class Once:
    """Something packed that is made at its first use, beside the event loop, and then at hand."""

    def __init__(self, make: Callable[[], Packed]) -> None:
        self._make = make
        self._making = Lock()
        self._made: Packed | None = None

    async def get(self) -> Packed:
        """Return it; make it first where it is not there yet."""
        if self._made is None:
            return await asyncio.to_thread(self._first)
        return self._made

    def _first(self) -> Packed:
        with self._making:
            made = self._made
            if made is None:
                made = self._made = self._make()
            return made
