"""What was damaged between the master and a worker is told from what is wrong."""

from __future__ import annotations

import pytest

from seedcast.shared.digest import CONTENT_DIGEST, check_content_digest, content_digest
from seedcast.shared.protocol import FRAME_MEDIA_TYPE
from tests.processes import Server

NO_UNIT = b"\x08\0\0\0\0\0\0\0{}"


def test_a_description_that_was_not_asked_for_is_not_given(server: Server) -> None:
    asked, arrived = b'{"id": "CartPole-v1"}', b'{"id": "CartPole-v0"}'
    headers = {"Content-Type": "application/json", CONTENT_DIGEST: content_digest(asked)}
    reply = server.http.post("/environments/describe", content=arrived, headers=headers)
    assert (reply.status_code, reply.json()["errors"][0]["field"]) == (422, "body")
    reply = server.http.post("/environments/describe", content=asked, headers=headers)
    check_content_digest(reply.headers[CONTENT_DIGEST], reply.content)


def test_what_a_worker_says_of_itself_can_be_checked(server: Server) -> None:
    reply = server.http.get("/info")
    check_content_digest(reply.headers[CONTENT_DIGEST], reply.content)


def test_a_body_that_is_no_unit_is_refused_as_a_whole(server: Server) -> None:
    reply = server.http.post("/rollouts", content=NO_UNIT, headers={"Content-Type": FRAME_MEDIA_TYPE})
    assert (reply.status_code, reply.json()["errors"][0]["field"]) == (422, "body")


@pytest.mark.parametrize("media_type", ["applicatioN/vnd.seedcast.frume", ""])
def test_a_body_of_no_known_kind_is_refused_as_what_it_is(media_type: str, server: Server) -> None:
    reply = server.http.post("/rollouts", content=NO_UNIT, headers={"Content-Type": media_type})
    assert reply.status_code == 415
