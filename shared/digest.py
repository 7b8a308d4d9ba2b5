"""The digest of a JSON body, in the header of RFC 9530 (https://www.rfc-editor.org/rfc/rfc9530, 2024).

Frames carry a checksum of their own; JSON has none, and a flipped bit turns a digit into another digit. A person
with curl sends no digest, and nothing is checked.
"""

from __future__ import annotations

import base64
import hashlib

from seedcast.shared.errors import InvalidInput

CONTENT_DIGEST = "Content-Digest"


def content_digest(body: bytes) -> str:
    """Return the header's value for ``body``."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def check_content_digest(stated: str | None, body: bytes) -> None:
    """Compare a body with the digest that came with it, if one did.

    Raises:
        InvalidInput: it is another body; the field is "body".
    """
    if stated is not None and stated != content_digest(body):
        raise InvalidInput.of("body", "was damaged on its way: its digest differs")
