"""Copies of the artifacts in a bucket, or wherever else a URL of fsspec leads: gs://bucket/folder, file:///folder.

The data folder stays what counts. A copy that fails is tried again with the next round, and training never waits.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from fsspec import AbstractFileSystem, get_filesystem_class
from fsspec.core import url_to_fs
from fsspec.utils import get_protocol

from seedcast.services.master.storage.artifacts import Artifact, Artifacts
from seedcast.shared.errors import NotFound, StartupError

INTERVAL_SECONDS = 10.0

log = logging.getLogger(__name__)


class Bucket:
    """Files below a URL, as EXPERIMENT/NAME.

    Raises:
        StartupError: no file system goes by such a URL here.
    """

    def __init__(self, url: str) -> None:
        try:
            get_filesystem_class(get_protocol(url))
        except (ImportError, ValueError) as error:
            raise StartupError(f"SEEDCAST_ARTIFACTS: {url!r} cannot be used: {error}") from error
        self._url = url
        self._copied: dict[str, Artifact] = {}

    def copy(self, experiments: Path) -> list[str]:
        """Copy what is new or has changed in the folders below ``experiments``; return the paths copied.

        Raises:
            Exception: the file system's own. What was copied until then need not be copied again.
        """
        _, root = self._place
        copied = []
        for folder in sorted(path for path in experiments.iterdir() if path.is_dir()):
            artifacts = Artifacts(folder)
            for artifact in artifacts.list():
                path = f"{root}/{folder.name}/{artifact.name}"
                if self._copied.get(path) == artifact:
                    continue
                if path in self._copied or not self._is_there(path, artifact):
                    self._write(path, artifacts, artifact)
                    copied.append(path)
                self._copied[path] = artifact
        return copied

    @cached_property
    def _place(self) -> tuple[AbstractFileSystem, str]:
        """The file system and the path on it. Made when first used: to find out who we are may take a while."""
        place: tuple[AbstractFileSystem, str] = url_to_fs(self._url)
        return place

    def _is_there(self, path: str, artifact: Artifact) -> bool:
        """Say whether an earlier master has copied a file as it is now."""
        files, _ = self._place
        try:
            same_size = files.info(path)["size"] == artifact.bytes
            written: datetime = files.modified(path)
        except (FileNotFoundError, NotImplementedError):
            return False
        if written.tzinfo is None:
            written = written.replace(tzinfo=UTC)
        return same_size and written > artifact.modified_at

    def _write(self, path: str, artifacts: Artifacts, artifact: Artifact) -> None:
        try:
            content = b"".join(artifacts.open(artifact.name).chunks())
        except NotFound:  # thinned out meanwhile
            return
        files, _ = self._place
        files.makedirs(path.rpartition("/")[0], exist_ok=True)
        files.pipe_file(path, content)


class Mirror:
    """Keeps a bucket up to date with the data folder."""

    def __init__(self, bucket: Bucket, experiments: Path) -> None:
        self._bucket, self._experiments = bucket, experiments
        self._trouble = ""

    async def run(self) -> None:
        """Copy every ten seconds, until cancelled."""
        while True:
            await self.round()
            await asyncio.sleep(INTERVAL_SECONDS)

    async def round(self) -> None:
        """Copy what there is to copy; what goes wrong is logged once, until it changes."""
        trouble = ""
        try:
            await asyncio.to_thread(self._bucket.copy, self._experiments)
        except Exception as error:  # each file system has errors of its own
            trouble = f"{type(error).__name__}: {error}"
        if trouble and trouble != self._trouble:
            log.warning("artifacts could not be copied, which is tried again: %s", trouble)
        elif self._trouble and not trouble:
            log.info("artifacts are copied again")
        self._trouble = trouble
