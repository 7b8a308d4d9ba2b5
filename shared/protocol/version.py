"""The version that both sides of the wire have to speak."""

PROTOCOL_VERSION = 2
FRAME_MEDIA_TYPE = "application/vnd.seedcast.frame"
