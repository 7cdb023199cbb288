"""A real PostgreSQL with PostGIS for the tests: a cluster of its own in a folder, on a socket, ended with them."""

import contextlib
import os
import pwd
import shutil
import subprocess
from pathlib import Path

_PLACES = (
    sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True) if Path("/usr/lib/postgresql").is_dir() else []
)
NEEDED = "apt-get install postgresql-15 postgresql-15-postgis-3 (any version that has PostGIS will do)"


def binaries():
    """Return the folder of initdb and pg_ctl of the newest PostgreSQL that has PostGIS; None without one."""
    for folder in _PLACES:
        control = Path("/usr/share/postgresql") / folder.parent.name / "extension" / "postgis.control"
        if control.is_file() and (folder / "initdb").is_file():
            return folder
    return None


class Cluster:
    """A server of one's own; `url(schema)` is the address of a register in it."""

    def __init__(self, folder):
        self.folder, self.bin = Path(folder), binaries()
        self.data, self.socket = self.folder / "data", self.folder / "s"
        self.as_root = os.geteuid() == 0
        self.user = "postgres" if self.as_root else pwd.getpwuid(os.geteuid()).pw_name
        self.port = 54329

    def _run(self, *words):
        command = [str(w) for w in words]
        if self.as_root:
            command = ["runuser", "-u", "postgres", "--", *command]
        subprocess.run(command, check=True, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=120)

    def start(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o711)
        self.socket.mkdir()
        if self.as_root:
            for place in (self.folder, self.socket):
                shutil.chown(place, "postgres", "postgres")
        self._run(
            self.bin / "initdb",
            "-D",
            self.data,
            "-A",
            "trust",
            "-U",
            "geo_risk",
            "-E",
            "UTF8",
            "--locale",
            "C.UTF-8",
            "--no-sync",
        )
        options = f"-k {self.socket} -p {self.port} -c listen_addresses= -c max_connections=30 -c shared_buffers=32MB"
        self._run(self.bin / "pg_ctl", "-D", self.data, "-l", self.folder / "log", "-w", "-o", options, "start")

    def stop(self):
        with contextlib.suppress(subprocess.CalledProcessError):
            self._run(self.bin / "pg_ctl", "-D", self.data, "-w", "-m", "immediate", "stop")

    def restart_after_crash(self):
        """End the server as a power cut would, and start it again."""
        self.stop()
        options = f"-k {self.socket} -p {self.port} -c listen_addresses= -c max_connections=30"
        self._run(self.bin / "pg_ctl", "-D", self.data, "-l", self.folder / "log", "-w", "-o", options, "start")

    def url(self, schema):
        return f"postgresql://geo_risk@localhost:{self.port}/postgres?schema={schema}&host={self.socket}"
