"""Office files (XLSX, DOCX) whose bytes follow from their content alone."""

from __future__ import annotations

import io
import re
import zipfile

_STAMP = (2000, 1, 1, 0, 0, 0)


def without_clock(content: bytes) -> bytes:
    """Return an XLSX or DOCX archive whose members carry a fixed time: the same content gives the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            data = source.read(name)
            if name == "docProps/core.xml":
                data = re.sub(rb"(<dcterms:(created|modified)[^>]*>)[^<]*", rb"\g<1>2000-01-01T00:00:00Z", data)
            entry = zipfile.ZipInfo(name, _STAMP)
            entry.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(entry, data)
    return out.getvalue()
