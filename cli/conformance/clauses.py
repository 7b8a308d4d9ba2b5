"""The clauses of the worker's protocol, in the order of docs/worker-protocol.md."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from seedcast.cli.conformance.worker_under_test import JSON, Broken, NotAsked, WorkerUnderTest
from seedcast.shared.digest import CONTENT_DIGEST, content_digest
from seedcast.shared.frame import decode_frame, encode_frame
from seedcast.shared.perturbations import GaussianMembers, NoiseKey
from seedcast.shared.protocol import FRAME_MEDIA_TYPE, PROTOCOL_VERSION, Unit, UnitJson, UnitResult
from seedcast.shared.protocol.members import header_fields
from seedcast.shared.spec.objective import ObjectiveDescription, ObjectiveSpec

Test = Callable[[WorkerUnderTest], str]


@dataclass(frozen=True)
class Clause:
    """One thing that a worker promises."""

    name: str
    text: str
    test: Test


CLAUSES: list[Clause] = []


def clause(text: str) -> Callable[[Test], Test]:
    """Make a function a clause, under its name."""

    def register(test: Test) -> Test:
        CLAUSES.append(Clause(test.__name__.replace("_", "-"), text, test))
        return test

    return register


@clause("GET /livez answers 200 while the process lives.")
def lives(worker: WorkerUnderTest) -> str:
    """See the text above; so do all that follow."""
    worker.expect(worker.get("/livez"), 200)
    return ""


@clause("GET /readyz answers 200 while the worker takes units.")
def is_ready(worker: WorkerUnderTest) -> str:
    """See above."""
    worker.expect(worker.get("/readyz"), 200)
    return ""


@clause(f"GET /info is a WorkerInfo of protocol {PROTOCOL_VERSION}, with a slot at least and a fingerprint.")
def tells_what_it_is(worker: WorkerUnderTest) -> str:
    """See above."""
    info = worker.info
    if info.protocol != PROTOCOL_VERSION:
        raise Broken(f"it speaks protocol {info.protocol}")
    if info.slots < 1:
        raise Broken(f"it has {info.slots} slots")
    if not info.fingerprint:
        raise Broken("its fingerprint is empty")
    if "rows" not in info.populations:
        raise Broken("populations must have rows")
    has = f"{len(info.objectives)} objectives, {len(info.environments)} environments"
    return f"{info.version}, slots: {info.slots}; {has}"


@clause("POST …/describe says what a task is; Content-Digest is the digest of the answer.")
def describes_its_task(worker: WorkerUnderTest) -> str:
    """See above."""
    described = worker.description
    if isinstance(described, ObjectiveDescription):
        return f"{worker.task.id}: {described.dimension} numbers to {described.direction}"
    return f"{worker.task.id}: observations of {described.observation_size}"


@clause("What it does not have is refused with 422, a problem document and the field.")
def refuses_an_unknown_task(worker: WorkerUnderTest) -> str:
    """See above."""
    kind, field = _kind(worker)
    body = json.dumps({"id": "no/such-thing"}).encode()
    return worker.refused(worker.post(f"/{kind}/describe", body, JSON), 422, field)


@clause("A unit's frame is answered with a frame: a value, or a failure, for each rollout.")
def computes_a_frame(worker: WorkerUnderTest) -> str:
    """See above."""
    result = worker.result
    if len({tuple(array.shape[:1]) for array in (result.returns, result.fitness, result.lengths)}) != 1:
        raise Broken("its arrays are of several lengths")
    return f"{len(result.returns)} results, the first {float(result.returns[0])!r}"


@clause("Fitness is larger where a result is better; an evaluation is one step.")
def signs_its_fitness(worker: WorkerUnderTest) -> str:
    """See above."""
    described, result = worker.description, worker.result
    if not isinstance(described, ObjectiveDescription):
        if not np.array_equal(result.fitness, result.returns, equal_nan=True):
            raise Broken("fitness differs from returns, though nothing is shaped")
        return ""
    good = np.isfinite(result.returns)
    if not np.array_equal(result.fitness[good], described.sign * result.returns[good]):
        raise Broken(f"fitness is not {described.sign:+d} times the returns")
    if (result.lengths[good] != 1).any():
        raise Broken("lengths of evaluations are not 1")
    return f"{described.sign:+d} times the value"


@clause("The JSON form of a unit has the same numbers as its frame.")
def computes_json(worker: WorkerUnderTest) -> str:
    """See above."""
    unit = worker.unit
    reply = worker.post(worker.path, json.dumps(_as_json(unit)).encode(), JSON)
    worker.expect(reply, 200)
    answer = reply.json()
    for name, values in _numbers(worker.result).items():
        told = np.array([np.nan if one is None else one for one in answer.get(name, [])], values.dtype)
        _same(values, told, name)
    return ""


@clause("A result depends on its member and its seed alone: the same in any order, batch, and again.")
def is_pure(worker: WorkerUnderTest) -> str:
    """See above."""
    unit, whole = worker.unit, worker.result
    order = np.random.default_rng(2).permutation(len(unit))
    shuffled = worker.computed(replace(unit, rows=unit.rows[order], seeds=unit.seeds[order]))
    for name, values in _numbers(whole).items():
        _same(values[order], _numbers(shuffled)[name], name)
    parts = UnitResult.joined([worker.computed(unit.part(index, 4)) for index in range(4)])
    for name, values in _numbers(whole).items():
        _same(values, _numbers(parts)[name], name)
    return "the same bits shuffled, and in 4 parts"


@clause("Seedcast-Slots: N only says how many slots may share a unit; the numbers are the same.")
def splits_among_slots(worker: WorkerUnderTest) -> str:
    """See above."""
    split = worker.computed(worker.unit, slots=3)
    for name, values in _numbers(worker.result).items():
        _same(values, _numbers(split)[name], name)
    return ""


@clause("Members by (mean, σ, keys) are the members that rows would be, where it says that it takes them.")
def makes_members_of_keys(worker: WorkerUnderTest) -> str:
    """See above."""
    keys = _of_keys(worker)
    _same(worker.computed(keys.written_out()).returns, worker.computed(keys).returns, "returns")
    return "the same bits as rows"


@clause("Members by keys whose noise would be drawn otherwise are refused with 409.")
def refuses_other_noise(worker: WorkerUnderTest) -> str:
    """See above."""
    text, arrays = decode_frame(_of_keys(worker).to_frame())
    header = json.loads(text)
    header["noise_sample"][0] += 1.0
    reply = worker.post(worker.path, encode_frame(json.dumps(header), arrays), FRAME_MEDIA_TYPE)
    return worker.refused(reply, 409)


@clause("A damaged frame is refused with 422, naming `body`.")
def refuses_a_damaged_frame(worker: WorkerUnderTest) -> str:
    """See above."""
    frame = bytearray(worker.unit.to_frame())
    frame[-1] ^= 1
    worker.refused(worker.post(worker.path, bytes(frame[:-8]), FRAME_MEDIA_TYPE), 422, "body")
    return worker.refused(worker.post(worker.path, bytes(frame), FRAME_MEDIA_TYPE), 422, "body")


@clause("A unit of another version of the protocol is refused with 409.")
def refuses_another_version(worker: WorkerUnderTest) -> str:
    """See above."""
    return worker.refused(worker.post(worker.path, _altered(worker.unit, protocol=999), FRAME_MEDIA_TYPE), 409)


@clause("Members of another dimension are refused with 422, naming `parameters`.")
def refuses_another_dimension(worker: WorkerUnderTest) -> str:
    """See above."""
    unit = worker.unit
    wider = np.zeros((len(unit.parameters), unit.parameters.shape[1] + 1), np.float32)
    frame = replace(unit, parameters=wider).to_frame()
    return worker.refused(worker.post(worker.path, frame, FRAME_MEDIA_TYPE), 422, "parameters")


@clause("Rows that point nowhere are refused with 422, naming `rows`.")
def refuses_rows_that_point_nowhere(worker: WorkerUnderTest) -> str:
    """See above."""
    values = _as_json(worker.unit)
    values["rows"] = [99] * len(values["rows"])
    return worker.refused(worker.post(worker.path, json.dumps(values).encode(), JSON), 422, "rows")


@clause("A body that is neither JSON nor a frame is refused with 415; JSON that is none with 422.")
def refuses_other_bodies(worker: WorkerUnderTest) -> str:
    """See above."""
    worker.refused(worker.post(worker.path, b"hello", "text/plain"), 415)
    return worker.refused(worker.post(worker.path, b"{", JSON), 422)


@clause("A body that is not the one of its Content-Digest is refused with 422, naming `body`.")
def checks_digests(worker: WorkerUnderTest) -> str:
    """See above."""
    kind, _ = _kind(worker)
    body = worker.task.model_dump_json().encode()
    worker.expect(worker.post(f"/{kind}/describe", body, JSON, **{CONTENT_DIGEST: content_digest(body)}), 200)
    reply = worker.post(f"/{kind}/describe", body, JSON, **{CONTENT_DIGEST: content_digest(b"another")})
    return worker.refused(reply, 422, "body")


@clause("A worker that has no environments refuses rollouts with 422.")
def refuses_rollouts_without_environments(worker: WorkerUnderTest) -> str:
    """See above."""
    if worker.info.environments:
        raise NotAsked("it has environments")
    unit = {
        "environment": {"id": "CartPole-v1"},
        "policy": {"name": "linear"},
        "parameters": [[0.0] * 10],
        "rows": [0],
        "seeds": [0],
    }
    return worker.refused(worker.post("/rollouts", json.dumps(unit).encode(), JSON), 422)


def _kind(worker: WorkerUnderTest) -> tuple[str, str]:
    """Return the folder of the task's kind in paths, and the field of its id."""
    is_objective = isinstance(worker.task, ObjectiveSpec)
    return ("objectives", "objective.id") if is_objective else ("environments", "environment.id")


def _of_keys(worker: WorkerUnderTest) -> Unit:
    if "gaussian" not in worker.info.populations:
        raise NotAsked("it asks for rows (populations)")
    unit = worker.unit
    mean = np.asarray(unit.parameters[0])
    key = NoiseKey(seed=3, generation=4, mirrored=True)
    members = GaussianMembers(mean, np.array([0.25], np.float32), key, np.array([0, 1, 5, 6, 2**20], np.int32))
    return replace(unit, header=unit.header.model_copy(update=header_fields(members)), parameters=members)


def _as_json(unit: Unit) -> dict[str, Any]:
    lists = {"parameters": np.asarray(unit.parameters), "rows": unit.rows, "seeds": unit.seeds}
    values = unit.header.model_dump(mode="json") | {name: array.tolist() for name, array in lists.items()}
    return UnitJson.model_validate(values).model_dump(mode="json", exclude_none=True)


def _altered(unit: Unit, **fields: Any) -> bytes:  # noqa: ANN401 - any field of a header
    text, arrays = decode_frame(unit.to_frame())
    return encode_frame(json.dumps(json.loads(text) | fields), arrays)


def _numbers(result: UnitResult) -> dict[str, Any]:
    return {"returns": result.returns, "fitness": result.fitness, "lengths": result.lengths}


def _same(expected: Any, found: Any, name: str) -> None:  # noqa: ANN401 - arrays of any type
    if not np.array_equal(expected, found, equal_nan=True):
        if np.shape(expected) != np.shape(found):
            raise Broken(f"{name} have shape {np.shape(found)}, not {np.shape(expected)}")
        first = int(np.flatnonzero(expected != found)[0])
        raise Broken(f"{name} differ at {first}: {found[first]!r} in place of {expected[first]!r}")
