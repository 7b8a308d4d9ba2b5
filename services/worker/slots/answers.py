"""What a slot answers to each kind of message. Runs in the slot; nothing here knows pipes."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from pydantic import BaseModel, ValidationError

from seedcast.services.worker.engine import run_unit
from seedcast.services.worker.environments import registry
from seedcast.services.worker.environments.offered import catalogue
from seedcast.services.worker.environments.probe import seed_fault
from seedcast.services.worker.environments.registry import available, broken_plugins, describe
from seedcast.services.worker.objectives import evaluate_unit
from seedcast.services.worker.objectives import registry as objectives
from seedcast.services.worker.slots.cancellation import Cancelled
from seedcast.services.worker.slots.channel import Kind, Message
from seedcast.services.worker.slots.fingerprint import cpu_model, fingerprint, version
from seedcast.services.worker.slots.messages import Film, Part, Refusal, Started, Summary, encode_result
from seedcast.shared.errors import InvalidInput, ProtocolMismatch
from seedcast.shared.protocol import PROTOCOL_VERSION, Unit, UnitJson, WorkerInfo
from seedcast.shared.spec.environment import EnvironmentSpec
from seedcast.shared.spec.objective import ObjectiveSpec
from seedcast.shared.spec.policy import POLICIES
from seedcast.shared.validation import invalid

FILM_TIMES = 10
"""To draw and to encode an episode takes some times as long as to run it."""

Check = Callable[[], None]
"""Raises `Cancelled` once the request is given up."""

Answer = Callable[[Message, Check], Iterator[Message]]


def import_own() -> None:
    """Do of `worker_info` what is the same for every slot: no package of a user's is imported."""
    fingerprint()
    registry.import_own()


def worker_info() -> WorkerInfo:
    """Say what this process can do; importing the engines on the way is the slot's warm-up."""
    return WorkerInfo(
        protocol=PROTOCOL_VERSION,
        version=version(),
        slots=0,  # a slot does not know how many there are
        cpu=cpu_model(),
        fingerprint=fingerprint(),
        environments=available(),
        policies=list(POLICIES),
        objectives=list(objectives.OBJECTIVES),
        broken_plugins=[*POLICIES.broken, *broken_plugins(), *objectives.OBJECTIVES.broken],
    )


def _refusable(answer: Answer) -> Answer:
    def answer_or_refuse(request: Message, check: Check) -> Iterator[Message]:
        try:
            yield from answer(request, check)
        except ValidationError as error:
            yield _message(Kind.REFUSED, Refusal.of(invalid(error)))
        except (InvalidInput, ProtocolMismatch) as error:
            yield _message(Kind.REFUSED, Refusal.of(error))

    return answer_or_refuse


@_refusable
def _frame(request: Message, check: Check) -> Iterator[Message]:
    yield from _run(Kind.UNIT, Unit.from_frame(request.payload), check)


@_refusable
def _part(request: Message, check: Check) -> Iterator[Message]:
    part = Part.of(request)
    yield from _run(Kind.PART, Unit.from_frame(request.payload).part(part.index, part.parts), check)


@_refusable
def _json(request: Message, check: Check) -> Iterator[Message]:
    yield from _run(Kind.UNIT_JSON, UnitJson.model_validate_json(request.payload).unit(), check)


@_refusable
def _describe(request: Message, _: Check) -> Iterator[Message]:
    spec = EnvironmentSpec.model_validate_json(request.payload)
    description = describe(spec)
    yield _message(Kind.DESCRIBED, description)
    fault = seed_fault(spec, description)  # what does not outlive its own episodes is described all the same
    yield _message(Kind.RESULT, description.model_copy(update={"seed_fault": fault}))


@_refusable
def _film(request: Message, check: Check) -> Iterator[Message]:
    from seedcast.services.worker.film import CannotFilm, record  # late: what draws and encodes is slow to import

    unit = Unit.from_frame(request.payload)
    if len(unit) != 1:
        raise InvalidInput.of("rows", "a film is of one rollout", len(unit))
    deadline = FILM_TIMES * unit.header.timeout_seconds
    yield _message(Kind.STARTED, Started(rollouts=1, deadline_seconds=deadline))
    with tempfile.TemporaryDirectory(prefix="seedcast-film-") as folder:
        path = Path(folder, "film.mp4")
        try:
            score = record(unit, path, check)
            film = Film(score, path.read_bytes())
        except CannotFilm as error:
            raise InvalidInput.of("environment.id", str(error)) from error
        except Cancelled:
            yield Message(Kind.CANCELLED, b"")
            return
    yield Message(Kind.RESULT, film.to_bytes())


@_refusable
def _describe_objective(request: Message, _: Check) -> Iterator[Message]:
    yield _message(Kind.RESULT, objectives.describe(ObjectiveSpec.model_validate_json(request.payload)))


def _environments(_request: Message, _: Check) -> Iterator[Message]:
    yield _message(Kind.RESULT, catalogue())


def _run(form: Kind, unit: Unit, check: Check) -> Iterator[Message]:
    deadline = unit.header.timeout_seconds
    yield _message(Kind.STARTED, Started(rollouts=len(unit), deadline_seconds=deadline))
    try:
        if (objective := unit.header.objective) is not None:
            result = evaluate_unit(unit, objective, check)
        else:
            result = run_unit(unit, check)
    except Cancelled:
        yield Message(Kind.CANCELLED, b"")
        return
    yield _message(Kind.SUMMARY, Summary.of(result))
    yield Message(Kind.RESULT, encode_result(form, result))


def _message(kind: Kind, content: BaseModel) -> Message:
    return Message(kind, content.model_dump_json().encode())


ANSWERS: dict[Kind, Answer] = {
    Kind.UNIT: _frame,
    Kind.PART: _part,
    Kind.UNIT_JSON: _json,
    Kind.DESCRIBE: _describe,
    Kind.DESCRIBE_OBJECTIVE: _describe_objective,
    Kind.FILM: _film,
    Kind.ENVIRONMENTS: _environments,
}
