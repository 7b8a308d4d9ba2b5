"""Problem documents and their types."""

from __future__ import annotations

from pathlib import Path

from seedcast.services.master.fleet.worker_client import NoReply
from seedcast.shared import errors
from seedcast.shared.errors import InvalidInput, NotFound, SeedcastError
from seedcast.shared.problem_types import page
from seedcast.shared.problems import problem_type


def test_the_page_of_errors_is_the_one_that_is_made() -> None:
    assert Path("docs/errors.md").read_text() == page(), "python -m seedcast.shared.problem_types > docs/errors.md"


def test_types_are_stable_names() -> None:
    assert problem_type(InvalidInput) == "urn:seedcast:problem:invalid-input"
    assert problem_type(NotFound) == "urn:seedcast:problem:not-found"
    assert problem_type(SeedcastError) == "urn:seedcast:problem:internal-error"


def test_an_error_of_another_module_has_the_type_of_its_kind() -> None:
    assert problem_type(NoReply) == problem_type(SeedcastError)


def test_every_kind_of_error_has_a_type_of_its_own() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, SeedcastError)]
    assert len({problem_type(kind) for kind in kinds}) == len(kinds)
