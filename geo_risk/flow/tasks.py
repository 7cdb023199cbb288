"""Steps of a plan as pytask tasks: content-hashed files, hashed parameters, hashed code."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from geo_risk.flow.identity import code_sha256, leaves, path_sha256
from geo_risk.flow.plan import Step


@dataclass
class FileNode:
    """A file or folder whose state is the hash of its content; its time stamp does not count.

    It is named by its path relative to `root`, so that an output folder may be moved. (It has no attribute `path`:
    pytask would make the folders of such nodes, even for a plan.)
    """

    file: Path
    root: Path
    name: str = ""
    attributes: dict[Any, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.name = Path(os.path.relpath(self.file, self.root)).as_posix()

    @property
    def signature(self) -> str:
        """Return the identity of the node in the graph."""
        return hashlib.sha256(f"file {self.file}".encode()).hexdigest()

    def state(self) -> str | None:
        """Return the hash of the content, None where there is no file."""
        return path_sha256(self.file)

    def load(self, is_product: bool = False) -> Path:  # noqa: ARG002 - the signature is pytask's
        """Return the path."""
        return self.file

    def save(self, value: Any) -> None:
        """Refuse: tasks write through geo_risk.publish."""
        raise TypeError(value)


@dataclass
class ValueNode:
    """One plain value of a parameter; its state is its hash."""

    name: str
    digest: str
    attributes: dict[Any, Any] = field(default_factory=dict)

    @property
    def signature(self) -> str:
        """Return the identity of the node in the graph."""
        return hashlib.sha256(f"value {self.name}".encode()).hexdigest()

    def state(self) -> str | None:
        """Return the hash of the value."""
        return self.digest

    def load(self, is_product: bool = False) -> str:  # noqa: ARG002 - the signature is pytask's
        """Return the hash; the step has the value itself."""
        return self.digest

    def save(self, value: Any) -> None:
        """Refuse: parameters are read only."""
        raise TypeError(value)


@dataclass
class StepTask:
    """A step as pytask sees it.

    Attributes
    ----------
    position : its place in the plan. root : the folder that its files are named from.
    around : runs the call (retries, messages).
    """

    step: Step
    position: int
    root: Path
    around: Callable[[Step, Callable[[], None]], None]
    name: str = ""
    depends_on: dict[str, Any] = field(default_factory=dict)
    produces: dict[str, Any] = field(default_factory=dict)
    function: Callable[..., Any] = field(default=print)
    markers: list[Any] = field(default_factory=list)
    report_sections: list[tuple[str, str, str]] = field(default_factory=list)
    attributes: dict[Any, Any] = field(default_factory=dict)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        step = self.step
        self.name, self.function = step.name, step.function
        files = {k: v for k, v in step.reads.items() if v is not None}
        self.depends_on = {
            k: [FileNode(p, self.root) for p in v] if isinstance(v, list) else FileNode(v, self.root)
            for k, v in files.items()
        }
        for key, value in step.params.items():
            nodes = [ValueNode(f"{step.name}::{leaf}", digest) for leaf, digest in leaves(key, value)]
            self.depends_on[f"param {key}"] = nodes
        given = sorted(files)
        self.depends_on["given"] = ValueNode(
            f"{step.name}::given inputs", hashlib.sha256(repr(given).encode()).hexdigest()
        )
        self.produces = {k: FileNode(p, self.root) for k, p in step.writes.items()}

    @property
    def signature(self) -> str:
        """Return the identity of the task in the graph."""
        return hashlib.sha256(f"step {self.name}".encode()).hexdigest()

    def state(self) -> str | None:
        """Return the hash of the code behind the step."""
        function: Any = self.function
        return code_sha256(function)

    def execute(self, **_: Any) -> None:
        """Run the step."""
        began = time.perf_counter()
        for path in self.step.writes.values():
            path.parent.mkdir(parents=True, exist_ok=True)
        self.around(self.step, self._call)
        self.seconds = time.perf_counter() - began

    def _call(self) -> None:
        step = self.step
        step.function(**step.reads, **step.writes, **step.params)
