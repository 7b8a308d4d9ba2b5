"""The version that both sides of the wire have to speak."""

PROTOCOL_VERSION = 3
FRAME_MEDIA_TYPE = "application/vnd.seedcast.frame"

SLOTS_HEADER = "Seedcast-Slots"
"""Of a request with a unit's frame: over how many slots the worker may split it; one where it is missing."""

RETURN_HEADER = "Seedcast-Return"
"""Of an answer with a film: the return of the episode filmed."""

MEMORY_HEADER = "Seedcast-Memory-Bytes"
"""Of an answer: the resident memory of the worker and its slots together."""
