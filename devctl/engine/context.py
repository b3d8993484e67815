"""What an image is built from: the files of the context that .dockerignore lets through, the Dockerfile, the settings.

Its digest tells whether a build would make anything else; its archive is what the engine gets.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import IO, cast

from devctl.core.container import Build
from devctl.engine import dockerfile
from devctl.engine.dockerfile import Instruction
from devctl.errors import DevctlError

_FOREIGN_NAME = ".dockerfile.devctl"
"""What a Dockerfile outside its context is called in the archive."""
_NEVER_SENT = ("**/.devctl",)
"""The state of stacks: it changes with every start, and holds data that belong into no image."""
_PIECE = 1 << 20


class BuildContext:
    """The sources of one image, read when they are first needed."""

    def __init__(self, build: Build) -> None:
        self.build = build
        self.folder = Path(build.context)
        self.dockerfile = Path(os.path.normpath(self.folder / build.dockerfile))

    @cached_property
    def text(self) -> str:
        """The Dockerfile; DevctlError where there is none."""
        if not self.folder.is_dir():
            raise DevctlError("the context of the build is no folder", where=str(self.folder), next="See `context`.")
        try:
            return self.dockerfile.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8"
            raise DevctlError(
                f"the Dockerfile cannot be read: {reason}", where=str(self.dockerfile),
                next="`dockerfile` names it, seen from `context`.",
            ) from error  # fmt: skip

    @cached_property
    def steps(self) -> list[Instruction]:
        """The instructions of the Dockerfile."""
        return dockerfile.instructions(self.text)

    @property
    def bases(self) -> list[str]:
        """The images that it builds on."""
        return dockerfile.bases(self.steps, self.build.args)

    @property
    def name_inside(self) -> str:
        """What the Dockerfile is called in the archive."""
        if self.dockerfile.is_relative_to(self.folder):
            return str(self.dockerfile.relative_to(self.folder))
        return _FOREIGN_NAME

    @cached_property
    def files(self) -> list[str]:
        """The names of what is sent, as `docker build` chooses it."""
        from docker.utils.build import exclude_paths

        return sorted(exclude_paths(str(self.folder), self._ignored(), self.name_inside))

    def digest(self, bases: Sequence[str]) -> str:
        """Return what identifies the image to be; `bases` are the ids of the images that it builds on."""
        settings = [self.text, self.build.target, self.build.network, sorted(self.build.args.items()), list(bases)]
        digest = hashlib.sha256(json.dumps(settings).encode())
        for name in self.files:
            for piece in self._pieces(name):
                digest.update(piece)
        return digest.hexdigest()

    def archive(self) -> IO[bytes]:
        """Return the context as the engine takes it."""
        from docker.utils.build import create_archive

        extra = [(_FOREIGN_NAME, self.text)] if self.name_inside == _FOREIGN_NAME else []
        try:
            return cast(IO[bytes], create_archive(str(self.folder), self.files, extra_files=extra))
        except OSError as error:
            raise DevctlError(f"the context of the build cannot be read: {error}", where=str(self.folder)) from error

    def _ignored(self) -> list[str]:
        """Return the patterns of the ignore file: the Dockerfile's own, else that of the context; and devctl's own."""
        return [*self._ignore_file(), *_NEVER_SENT]

    def _ignore_file(self) -> list[str]:
        for path in (Path(f"{self.dockerfile}.dockerignore"), self.folder / ".dockerignore"):
            if path.is_file():
                lines = (line.strip() for line in path.read_text("utf-8", "replace").splitlines())
                return [line for line in lines if line and not line.startswith("#")]
        return []

    def _pieces(self, name: str) -> Iterator[bytes]:
        """Yield what tells one state of a file from another: its name, mode and content; of a link, where it leads."""
        path = self.folder / name
        try:
            mode = path.lstat().st_mode
            yield f"\0{name}\0{stat.S_IFMT(mode)}\0{stat.S_IMODE(mode)}\0".encode("utf-8", "surrogateescape")
            if stat.S_ISLNK(mode):
                yield os.fsencode(path.readlink())
            elif stat.S_ISREG(mode):
                with path.open("rb") as file:
                    while piece := file.read(_PIECE):
                        yield piece
        except OSError as error:
            raise DevctlError(
                f"cannot be read: {error.strerror}", where=str(path), next="See .dockerignore."
            ) from error
