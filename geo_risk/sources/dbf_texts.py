"""Which encoding the texts of a shapefile have."""

from __future__ import annotations

import codecs
import re

_NAMES = {"936": "gb18030", "gbk": "gb18030", "gb2312": "gb18030", "54936": "gb18030", "65001": "utf-8",
          "utf8": "utf-8", "88591": "iso-8859-1"}  # fmt: skip


def named_codec(cpg: str) -> str | None:
    """Return the codec that a .cpg file names, such as "ANSI 936" or "1252"; None where it names none, such as "OEM".

    GBK and GB2312 are parts of GB18030, which is taken for both.
    """
    name = re.sub(r"^(?:ansi|cp|windows|ms|ldid/?)[\s_-]*(?=\d)", "", cpg.strip().lower())
    for found in (_NAMES.get(re.sub(r"[\s_-]", "", name)), f"cp{name}" if name.isdigit() else name):
        try:
            if found:
                return codecs.lookup(found).name
        except LookupError:
            continue
    return None
