"""The warning bulletin as a DOCX to edit and print, with the same sections as the page."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from geo_risk import __version__
from geo_risk.publish.atomic import write_bytes
from geo_risk.publish.bulletin import BulletinContent, bulletin_sections, issued_text
from geo_risk.publish.escape import clean_text
from geo_risk.publish.i18n import label
from geo_risk.publish.office import without_clock

_FONT = "Noto Sans CJK SC"
_HEAD_FILL = "17303D"
_PAGE_CM = 26.7
"""A4 landscape less its margins."""


def write_docx(content: BulletinContent, path: Path) -> None:
    """Publish the bulletin as DOCX on A4 landscape; the same bytes for the same content.

    Every text is a run of plain text: a name that looks like a field code or XML stays a name.
    """
    import docx
    from docx.enum.section import WD_ORIENT
    from docx.shared import Cm, Pt

    document = docx.Document()
    style = document.styles["Normal"]
    style.font.name, style.font.size = _FONT, Pt(9)
    _east_asian(style.element, _FONT)
    section = document.sections[0]
    section.orientation = WD_ORIENT.LANDSCAPE
    section.page_width, section.page_height = Cm(29.7), Cm(21.0)
    section.left_margin = section.right_margin = Cm(1.5)
    section.top_margin = section.bottom_margin = Cm(1.5)
    _heading(document, f"{content.name} {label('bulletin.title', content.language)}", size=16)
    document.add_paragraph(clean_text(f"{label('bulletin.issued', content.language)} {issued_text(content)} · "
                                      f"geo_risk {__version__}"))  # fmt: skip
    document.add_paragraph(clean_text(label("bulletin.draft", content.language)))
    for part in bulletin_sections(content):
        _heading(document, part["title"], size=12)
        for text in part["texts"]:
            document.add_paragraph(clean_text(text))
        if part["table"] is not None:
            _table(document, part["table"])
    core = document.core_properties
    core.author = core.last_modified_by = "geo_risk"
    core.created = core.modified = datetime(2000, 1, 1, tzinfo=UTC).replace(tzinfo=None)
    raw = io.BytesIO()
    document.save(raw)
    write_bytes(path, without_clock(raw.getvalue()))


def _heading(document: Any, text: str, *, size: int) -> None:
    from docx.shared import Pt

    run = document.add_paragraph().add_run(clean_text(text))
    run.bold, run.font.size = True, Pt(size)


def _table(document: Any, table: dict[str, Any]) -> None:
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.shared import Cm

    made = document.add_table(rows=1, cols=len(table["head"]))
    made.style, made.autofit = "Table Grid", False
    for cell, text in zip(made.rows[0].cells, table["head"], strict=True):
        _put(cell, text, color="FFFFFF", bold=True)
        _fill(cell, _HEAD_FILL)
    _repeat(made.rows[0])
    widths = _widths(table)
    for row in table["rows"]:
        cells = made.add_row().cells
        for i, (cell, value) in enumerate(zip(cells, row, strict=True)):
            _put(cell, value["text"], color=value.get("ink", "#000000").removeprefix("#"), bold="chip" in value)
            if "chip" in value:
                _fill(cell, value["chip"].removeprefix("#"))
            if table["numeric"][i]:
                cell.paragraphs[0].alignment = WD_ALIGN_PARAGRAPH.RIGHT
    for column, width in zip(made.columns, widths, strict=True):
        column.width = Cm(width)
    for row in made.rows:
        for cell, width in zip(row.cells, widths, strict=True):
            cell.width = Cm(width)


def _widths(table: dict[str, Any]) -> list[float]:
    """Return the widths of the columns [cm]: by their longest text, long ones wrap."""
    texts = [[h, *(row[i]["text"] for row in table["rows"])] for i, h in enumerate(table["head"])]
    longest = [max(sum(2 if ord(c) > 0x2E7F else 1 for c in t) for t in column) for column in texts]
    weights = [min(max(n, 6), 60) for n in longest]
    return [_PAGE_CM * w / sum(weights) for w in weights]


def _put(cell: Any, text: str, *, color: str, bold: bool) -> None:
    from docx.shared import Pt, RGBColor

    run = cell.paragraphs[0].add_run(clean_text(text))
    run.bold, run.font.size, run.font.color.rgb = bold, Pt(8), RGBColor.from_string(color.upper())


def _fill(cell: Any, color: str) -> None:
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    shade = OxmlElement("w:shd")
    for name, value in (("val", "clear"), ("color", "auto"), ("fill", color.upper())):
        shade.set(qn(f"w:{name}"), value)
    cell._tc.get_or_add_tcPr().append(shade)


def _repeat(row: Any) -> None:
    """Repeat the heading on every page."""
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    mark = OxmlElement("w:tblHeader")
    mark.set(qn("w:val"), "true")
    row._tr.get_or_add_trPr().append(mark)


def _east_asian(element: Any, font: str) -> None:
    from docx.oxml.ns import qn

    element.rPr.rFonts.set(qn("w:eastAsia"), font)
