"""The worker whose answers are looked at: what may be asked of it, and a unit that it can compute."""

from __future__ import annotations

from functools import cached_property
from typing import TypeVar

import httpx
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from seedcast.shared.digest import CONTENT_DIGEST, content_digest
from seedcast.shared.errors import InvalidInput, SeedcastError
from seedcast.shared.policies.linear import LinearSpec
from seedcast.shared.problems import MEDIA_TYPE, Problem
from seedcast.shared.protocol import FRAME_MEDIA_TYPE, SLOTS_HEADER, Unit, UnitHeader, UnitResult, WorkerInfo
from seedcast.shared.spec.environment import EnvironmentDescription, EnvironmentSpec
from seedcast.shared.spec.objective import ObjectiveDescription, ObjectiveSpec
from seedcast.shared.spec.policy import build_policy
from seedcast.shared.validation import invalid

JSON = "application/json"
MEMBERS = 5
TIMEOUT_SECONDS = 120.0
SPREAD = 0.5
"""Standard deviation of the members' numbers."""

LINEAR = LinearSpec(name="linear")
Task = ObjectiveSpec | EnvironmentSpec

Model = TypeVar("Model", bound=BaseModel)


class Broken(Exception):
    """The worker breaks a clause; the message says how."""


class NotAsked(Exception):
    """The worker says that it does not offer what a clause is about."""


class NoAnswer(SeedcastError):
    """There is no worker at the address."""

    status = 503
    title = "No answer"


class WorkerUnderTest:
    """A worker at a URL, and the task that it is tried with: one of its objectives, or one of its environments."""

    def __init__(self, url: str, secret: str | None = None, task: Task | None = None) -> None:
        """``secret`` is what it wants to be shown; without ``task`` it is tried with the first that it lists."""
        credentials = {} if secret is None else {"Authorization": f"Bearer {secret}"}
        self.http = httpx.Client(base_url=url, headers=credentials, timeout=TIMEOUT_SECONDS, trust_env=False)
        self._task = task

    def get(self, path: str) -> httpx.Response:
        """Ask.

        Raises:
            NoAnswer: there is nobody.
        """
        return self._sent(self.http.build_request("GET", path))

    def post(self, path: str, body: bytes, media_type: str, **headers: str) -> httpx.Response:
        """Send a body.

        Raises:
            NoAnswer: there is nobody.
        """
        return self._sent(
            self.http.build_request("POST", path, content=body, headers={"Content-Type": media_type, **headers})
        )

    def _sent(self, request: httpx.Request) -> httpx.Response:
        try:
            return self.http.send(request)
        except httpx.HTTPError as error:
            raise NoAnswer(f"{request.url} gives no answer ({type(error).__name__}: {error})") from error

    @cached_property
    def info(self) -> WorkerInfo:
        """What it says of itself."""
        return self.read(self.get("/info"), WorkerInfo)

    @cached_property
    def task(self) -> Task:
        """What it is tried with.

        Raises:
            Broken: it has nothing.
        """
        if self._task is not None:
            return self._task
        if self.info.objectives:
            return ObjectiveSpec(id=self.info.objectives[0])
        if self.info.environments:
            known = "CartPole-v1"
            return EnvironmentSpec(id=known if known in self.info.environments else self.info.environments[0])
        raise Broken("/info lists neither objectives nor environments: the master sends it nothing")

    @cached_property
    def description(self) -> ObjectiveDescription | EnvironmentDescription:
        """What it says of the task, with the digest that goes with it."""
        kind = "objectives" if isinstance(self.task, ObjectiveSpec) else "environments"
        reply = self.post(f"/{kind}/describe", self.task.model_dump_json().encode(), JSON)
        model = ObjectiveDescription if isinstance(self.task, ObjectiveSpec) else EnvironmentDescription
        described = self.read(reply, model)
        if reply.headers.get(CONTENT_DIGEST) != content_digest(reply.content):
            raise Broken(f"{CONTENT_DIGEST} is {reply.headers.get(CONTENT_DIGEST)}, not that of its body")
        return described  # type: ignore[return-value]

    @cached_property
    def unit(self) -> Unit:
        """Some members of the task, each twice, with rows out of order: 11 rollouts."""
        header, dimension, around = self._header()
        draws = np.random.default_rng(1).standard_normal((MEMBERS, dimension), np.float32)
        parameters = around + np.float32(SPREAD) * draws
        rows = np.array([0, 1, 2, 3, 4, 4, 3, 2, 1, 0, 0], np.int32)
        seeds = np.array([7, 7, 7, 8, 9, 9, 8, 11, 12, 7, 2**31 - 2], np.int32)
        return Unit(header, parameters, rows, seeds)

    def _header(self) -> tuple[UnitHeader, int, NDArray[np.float32]]:
        if isinstance(self.task, ObjectiveSpec):
            described = self.description
            assert isinstance(described, ObjectiveDescription)  # noqa: S101 - what the task says
            return UnitHeader(objective=self.task), described.dimension, described.initial_parameters(0)
        assert isinstance(self.description, EnvironmentDescription)  # noqa: S101 - what the task says
        built = build_policy(LINEAR, self.description)
        header = UnitHeader(environment=self.task, policy=LINEAR, max_episode_steps=50, collect_statistics=True)
        return header, built.dimension, np.zeros(built.dimension, np.float32)

    @property
    def path(self) -> str:
        """Where units of the task go."""
        return "/evaluations" if isinstance(self.task, ObjectiveSpec) else "/rollouts"

    @cached_property
    def result(self) -> UnitResult:
        """What it answers to the frame of `unit`."""
        return self.computed(self.unit)

    def computed(self, unit: Unit, slots: int = 1) -> UnitResult:
        """Have a unit computed by its frame, and check the answer.

        Raises:
            Broken: it is no result of this unit.
        """
        reply = self.post(self.path, unit.to_frame(), FRAME_MEDIA_TYPE, **{SLOTS_HEADER: str(slots)})
        self.expect(reply, 200)
        if (told := reply.headers.get("content-type", "").partition(";")[0].strip()) != FRAME_MEDIA_TYPE:
            raise Broken(f"a frame is answered with {told or 'no type'}, not with {FRAME_MEDIA_TYPE}")
        try:
            return UnitResult.from_frame(reply.content, len(unit))
        except InvalidInput as error:
            raise Broken(f"its reply is no result: {error}") from error

    def refused(self, reply: httpx.Response, status: int, field: str | None = None) -> str:
        """Return the words in which it refuses something.

        Raises:
            Broken: it does not, or in another way than with a problem document of this status, naming the field.
        """
        self.expect(reply, status)
        problem = self.read(reply, Problem, media_type=MEDIA_TYPE)
        fields = [error.field for error in problem.errors]
        if field is not None and field not in fields:
            raise Broken(f"the problem names {', '.join(fields) or 'no field'}, not {field}")
        return problem.detail

    def expect(self, reply: httpx.Response, status: int) -> None:
        """Raise `Broken` where an answer has another status."""
        if reply.status_code != status:
            raise Broken(f"answers {reply.status_code}, not {status}: {reply.text[:200]}")

    def read(self, reply: httpx.Response, model: type[Model], media_type: str = JSON) -> Model:
        """Return an answer as a model.

        Raises:
            Broken: it is none.
        """
        if media_type == JSON:
            self.expect(reply, 200)
        if (told := reply.headers.get("content-type", "").partition(";")[0].strip()) != media_type:
            raise Broken(f"the content type is {told or 'missing'}, not {media_type}")
        try:
            return model.model_validate_json(reply.content)
        except ValidationError as error:
            raise Broken(f"is no {model.__name__}: {invalid(error)}") from error
