"""A typed client of the master's API: `Client` waits, `AsyncClient` is for asyncio. Both need httpx."""

from __future__ import annotations

from seedcast.client.asynchronous import AsyncClient
from seedcast.client.synchronous import Client

__all__ = ["AsyncClient", "Client"]
