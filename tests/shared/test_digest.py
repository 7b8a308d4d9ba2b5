from __future__ import annotations

import pytest

from seedcast.shared.digest import check_content_digest, content_digest
from seedcast.shared.errors import InvalidInput


def test_the_digest_is_that_of_the_standards_example() -> None:
    """RFC 9530, appendix B.1: the body is a JSON object and a line feed."""
    expected = "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"
    assert content_digest(b'{"hello": "world"}\n') == expected


def test_a_body_that_was_changed_on_its_way_is_refused_and_one_without_a_digest_is_not_checked() -> None:
    stated = content_digest(b'{"slots": 1}')
    check_content_digest(stated, b'{"slots": 1}')
    check_content_digest(None, b'{"slots": 9}')
    with pytest.raises(InvalidInput, match="body: was damaged on its way"):
        check_content_digest(stated, b'{"slots": 9}')
