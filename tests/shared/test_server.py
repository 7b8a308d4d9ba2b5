"""How an application is served."""

from __future__ import annotations

import subprocess
import sys

import httpx

SERVED = """
import gc, sys
from fastapi import FastAPI
from seedcast.shared.server import bind, serve

app = FastAPI()

@app.get("/")
async def root() -> dict[str, float]:
    return {"frozen": gc.get_freeze_count(), "switch": sys.getswitchinterval()}

listener = bind("127.0.0.1", 0)
listener.listen()
print(listener.getsockname()[1], flush=True)
serve(app, listener, 1)
"""


def test_the_event_loop_waits_neither_for_the_garbage_of_the_start_nor_long_for_each_busy_thread() -> None:
    with subprocess.Popen([sys.executable, "-c", SERVED], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            seen = httpx.get(
                f"http://127.0.0.1:{int(process.stdout.readline())}/", timeout=120, trust_env=False
            ).json()
        finally:
            process.terminate()
    assert seen["frozen"] > 10_000
    assert seen["switch"] <= 0.001
