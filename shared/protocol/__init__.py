"""What the master and a worker say to each other.

A worker keeps nothing between units. The same request and result exist as a binary frame (`to_frame`,
`from_frame`) and as JSON (`UnitJson`, `to_json`), so that a person can curl a worker. A unit's members come as
rows of parameters or as what makes them (`members`), whichever is smaller.
"""

from seedcast.shared.protocol.catalogue import EnvironmentCatalogue, OfferedEnvironment
from seedcast.shared.protocol.info import WorkerInfo
from seedcast.shared.protocol.result import Failure, FailureKind, ResultHeader, UnitResult
from seedcast.shared.protocol.unit import RewardShaping, Unit, UnitHeader, UnitJson
from seedcast.shared.protocol.version import (
    FRAME_MEDIA_TYPE,
    MEMORY_HEADER,
    PROTOCOL_VERSION,
    RETURN_HEADER,
    SLOTS_HEADER,
)

__all__ = [
    "FRAME_MEDIA_TYPE",
    "MEMORY_HEADER",
    "PROTOCOL_VERSION",
    "RETURN_HEADER",
    "SLOTS_HEADER",
    "EnvironmentCatalogue",
    "Failure",
    "FailureKind",
    "OfferedEnvironment",
    "ResultHeader",
    "RewardShaping",
    "Unit",
    "UnitHeader",
    "UnitJson",
    "UnitResult",
    "WorkerInfo",
]
