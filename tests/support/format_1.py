"""A register of format 1 as the version that knew it wrote it: objects, zones, a merge, an undo, a run, proposals.

The two files are dumps of what that version made (SQLite `.dump`, `pg_dump --inserts`), comments and settings apart.
HP-000001 takes HP-000005; HP-000002 is dormant, HP-000003 in the loop, HP-000004 cancelled; `last_seen` of the first
two was typed; P-000001 (more people) and P-000004 (with a `last_seen`) are open.
"""

import sqlite3
import subprocess
from pathlib import Path

_HERE = Path(__file__).parent


def write_file(path):
    """Write the register of format 1 to a file."""
    with sqlite3.connect(path) as connection:
        connection.executescript((_HERE / "register_format_1.sql").read_text(encoding="utf-8"))
    connection.close()
    return f"sqlite:///{path}"


def write_schema(cluster, schema):
    """Write the register of format 1 to a schema of a server."""
    text = (_HERE / "register_format_1_postgis.sql").read_text(encoding="utf-8").replace("format_1", schema)
    words = [cluster.bin / "psql", "-h", cluster.socket, "-p", cluster.port, "-U", "geo_risk", "-d", "postgres",
             "-q", "-v", "ON_ERROR_STOP=1"]  # fmt: skip
    text = "CREATE EXTENSION IF NOT EXISTS postgis WITH SCHEMA public;\n" + text
    subprocess.run([str(w) for w in words], input=text, text=True, check=True, capture_output=True, timeout=60)
    return cluster.url(schema)
