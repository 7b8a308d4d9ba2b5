"""One question to a slot and its answer, whatever becomes of the slot in between."""

from __future__ import annotations

import time
from dataclasses import dataclass

from seedcast.services.worker.environments.base import PROBE_EPISODES
from seedcast.services.worker.slots.channel import Kind, Message
from seedcast.services.worker.slots.death import SlotDied
from seedcast.services.worker.slots.messages import Refusal, Started, Summary, encode_result
from seedcast.services.worker.slots.process import SlotProcess
from seedcast.shared.errors import Busy, InvalidInput
from seedcast.shared.protocol import UnitResult
from seedcast.shared.spec.environment import EnvironmentSpec
from seedcast.shared.spec.objective import ObjectiveSpec

READ_SECONDS = 30.0
"""For a unit to be read, and for its result to be sent: neither counts as the environment's time."""

DESCRIBE_SECONDS = 30.0

PROBE_SECONDS = 27.0
"""For the episodes by which a description finds out whether the environment follows its seed; in all
the master waits for a minute."""

CATALOGUE_SECONDS = 120.0
"""For all environments to be described; it takes about two."""


class Unread(Busy):
    """The slot died before it had read a request."""


@dataclass(frozen=True)
class Answer:
    """The bytes for the client, and for a unit what it came to."""

    payload: bytes
    summary: Summary | None = None


async def converse(process: SlotProcess, request: Message) -> Answer:
    """Ask a ready slot.

    Raises:
        InvalidInput, ProtocolMismatch: the slot refuses the request, for what is wrong with it.
        Unread: the slot died before it had read the request, which may be no fault of it.
        Busy: the slot was told to give it up.
    """
    if request.kind is Kind.DESCRIBE:
        return await _describe(process, request)
    if request.kind is Kind.DESCRIBE_OBJECTIVE:
        return await _describe_objective(process, request)
    if request.kind is Kind.ENVIRONMENTS:
        try:
            return Answer(await _expect(process, request, CATALOGUE_SECONDS, "describing the environments"))
        except SlotDied as died:
            raise Busy(f"the slot broke: {died.message}") from died
    try:
        started = Started.model_validate_json(await _expect(process, request, READ_SECONDS, "reading a unit"))
    except SlotDied as died:
        raise Unread(f"the slot broke: {died.message}") from died
    if request.kind is Kind.FILM:
        return await _film(process, started)
    return await _unit(process, request.kind, started)


async def _describe(process: SlotProcess, request: Message) -> Answer:
    try:
        described = await _expect(process, request, DESCRIBE_SECONDS, "describing it")
    except SlotDied as died:
        reason = died.message.replace("the slot", "the process that made it")
        raise InvalidInput.of("environment.id", f"cannot be described: {reason}") from died
    timeout = EnvironmentSpec.model_validate_json(request.payload).rollout_timeout_seconds
    try:
        return Answer(
            await _expect(process, None, min(PROBE_SECONDS, PROBE_EPISODES * timeout), "trying a few episodes")
        )
    except SlotDied:  # its units will say so
        return Answer(described)


async def _describe_objective(process: SlotProcess, request: Message) -> Answer:
    timeout = ObjectiveSpec.model_validate_json(request.payload).timeout_seconds
    try:
        return Answer(await _expect(process, request, max(DESCRIBE_SECONDS, timeout), "making it"))
    except SlotDied as died:
        reason = died.message.replace("the slot", "the process that made it")
        raise InvalidInput.of("objective.id", f"cannot be described: {reason}") from died


async def _unit(process: SlotProcess, form: Kind, started: Started) -> Answer:
    """Follow a unit to its end; a slot that dies of it is a result too."""
    begun = time.monotonic()
    try:
        summary = await _expect(process, None, started.deadline_seconds, "the unit")
        return Answer(
            await _expect(process, None, READ_SECONDS, "sending the result"),
            Summary.model_validate_json(summary),
        )
    except SlotDied as died:
        seconds = time.monotonic() - begun
        failed = UnitResult.failed(started.rollouts, died.kind, died.message, seconds)
        return Answer(encode_result(form, failed), Summary.of(failed))


async def _film(process: SlotProcess, started: Started) -> Answer:
    try:
        return Answer(await _expect(process, None, started.deadline_seconds, "the film"))
    except SlotDied as died:
        reason = died.message.replace("the slot", "the process that filmed it")
        raise InvalidInput.of("environment.id", f"cannot be filmed: {reason}") from died


async def _expect(process: SlotProcess, request: Message | None, seconds: float, doing: str) -> bytes:
    """Return the payload of the next message, after sending ``request`` if there is one."""
    reply = await process.exchange(request, seconds, doing)
    if reply.kind is Kind.REFUSED:
        raise Refusal.model_validate_json(reply.payload).error()
    if reply.kind is Kind.CANCELLED:
        raise Busy("the unit was given up")
    return reply.payload
