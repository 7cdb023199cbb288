"""The live table of a run; outside a terminal a line for each task."""

from __future__ import annotations

from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from rich.table import Table

    from geo_risk.flow.session import TaskReport

_SHOWN = 15


class Progress:
    """Shows tasks as they start and end.

    Parameters
    ----------
    stream : where to, a terminal or not; None shows nothing.
    """

    def __init__(self, stream: IO[str] | None) -> None:
        self.stream = stream
        self.rows: dict[str, TaskReport] = {}
        self._live: Any = None

    def __enter__(self) -> Self:
        if self.stream is not None and self.stream.isatty():
            from rich.console import Console
            from rich.live import Live

            self._live = Live(console=Console(file=self.stream), refresh_per_second=4, transient=False)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def observe(self, report: TaskReport) -> None:
        """Show what became of a task."""
        self.rows[report.name] = report
        if self._live is not None:
            self._live.update(self._table())
        elif self.stream is not None and report.outcome not in {"running", "up to date", "failed"}:
            again = f" ({'; '.join(report.reasons)})" if report.reasons else ""
            self.stream.write(f"{report.outcome:>12}  {report.seconds:7.2f} s  {report.name}{again}\n")
            self.stream.flush()

    def _table(self) -> Table:
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None)
        table.add_column("task")
        table.add_column("outcome")
        table.add_column("seconds", justify="right")
        styles = {"done": "green", "failed": "red", "running": "yellow", "up to date": "dim"}
        for report in list(self.rows.values())[-_SHOWN:]:
            seconds = "" if report.outcome in ("running", "up to date") else f"{report.seconds:.1f}"
            table.add_row(Text(report.name), Text(report.outcome, style=styles.get(report.outcome, "")), seconds)
        over = sum(r.outcome != "running" for r in self.rows.values())
        table.caption = f"{over} tasks over"
        return table
