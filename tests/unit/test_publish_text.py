import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo_risk import publish
from geo_risk.core.errors import ConfigError
from geo_risk.core.names import RASTERS, STAGES_H
from geo_risk.core.schemas import SCHEMAS
from geo_risk.publish import i18n, legend, map_layers
from geo_risk.publish.map_assets import header
from geo_risk.publish.raster_names import raster_label

HERE = Path(publish.__file__).parent
SOURCES = [*HERE.glob("*.py"), *(HERE / "templates").glob("*.js"), *(HERE / "templates").glob("*.html")]


@pytest.mark.parametrize("language", i18n.LANGUAGES)
def test_every_column_choice_level_and_layer_has_a_label(language):
    known = i18n.labels(language)
    wanted = {f"column.{c}" for s in SCHEMAS.values() for c in s.columns}
    wanted |= {f"value.{v}" for s in SCHEMAS.values() for choices in s.choices.values() for v in choices}
    wanted |= {f"{family}.{k}" for family in ("level", "warning") for k in range(-1, 5)}
    wanted |= {f"layer.{name}" for name in SCHEMAS}
    wanted |= {c.label for s in map_layers.SPECS for c in s.classes.values()}
    wanted |= {legend.raster_style(n).label for n in (*legend.MAP_RASTERS, "velocity_asc")}
    wanted |= {text for n in legend.MAP_RASTERS for text, _ in legend.raster_style(n).classes.values()}
    assert wanted - set(known) == set()
    assert [k for k, v in known.items() if not v.strip()] == []


@pytest.mark.parametrize("language", i18n.LANGUAGES)
def test_every_published_raster_says_what_it_is(language):
    track = ("velocity", "velocity_std", "hotspot_z", "annual_amplitude", "annual_amplitude_std", "acceleration",
             "acceleration_std", "step_20221227", "step_std_20221227", "series_class", "series_acceleration",
             "series_acceleration_std", "break_date")  # fmt: skip
    for name in (*RASTERS, *(f"{n}_T113-asc" for n in track), "east_up_series"):
        said = raster_label(name, language)
        assert said, name
        assert "{" not in said, name
    assert "T113-asc" in raster_label("step_20221227_T113-asc", language)
    assert "20221227" in raster_label("step_20221227_T113-asc", language)
    assert "72" in raster_label("warning_72h", language)
    assert raster_label("velocity_up", language) != raster_label("velocity_asc", language)
    assert raster_label("no_such_raster", language) == ""


def test_every_key_used_in_code_and_templates_is_in_the_table():
    known = set(i18n.labels("en"))
    families = "ui|tab|report|card|list|group"
    used = set()
    for path in SOURCES:
        used |= set(re.findall(rf"[\"']((?:{families})\.[a-z_]+)[\"']", path.read_text(encoding="utf-8")))
    assert len(used) > 60
    assert {k for k in used if not k.endswith((".html", ".css"))} - known == set()


def test_no_label_is_left_unused():
    text = "".join(p.read_text(encoding="utf-8") for p in SOURCES)
    keys = [k for k in i18n.labels("en") if k.split(".")[0] in ("ui", "group", "card", "report")]
    dynamic = (
        "report.figures_",
        "report.gap_",
        "report.people_",
        "report.top_",
        "report.rainfall_",
        "report.landslide_",
        "report.rule_",
        "card.title_",
        "card.form_",
        "card.phone_",
    )
    plain = {"report.method", "report.citation", "report.validity", "report.input_key", "report.file", "report.step",
             "report.product", "report.count", "report.parameter", "report.value", "report.id", "report.reason",
             "group.rasters", "group.vectors", "group.base", "report.evacuation"}  # fmt: skip
    unused = [k for k in keys if k not in text and not k.startswith(dynamic) and k not in plain]
    assert unused == []


def test_languages_have_the_same_placeholders():
    zh, en = i18n.labels("zh"), i18n.labels("en")
    assert zh.keys() == en.keys()
    for key in zh:
        assert sorted(re.findall(r"\{\w+\}", zh[key])) == sorted(re.findall(r"\{\w+\}", en[key])), key


def test_english_labels_have_no_chinese():
    bad = {k: v for k, v in i18n.labels("en").items() if re.search(r"[\u4e00-\u9fff]", v)}
    assert set(bad) == {"ui.language"}


def test_unknown_language_and_key_are_refused():
    with pytest.raises(ConfigError, match="zh or en"):
        i18n.labels("fr")
    with pytest.raises(KeyError):
        i18n.label("ui.nothing", "zh")


def test_choices_join_in_the_language():
    assert i18n.value_label("landslide,flood", "zh") == "滑坡、洪涝"
    assert i18n.value_label("landslide, flood", "en") == "landslide, flood"
    assert i18n.value_label("something else", "zh") == "something else"
    assert i18n.level_label("warning_6h", -1, "en") == "unknown or no forecast"
    assert i18n.level_label("risk_level", 4, "zh") == "极高"


@pytest.mark.parametrize(
    ("given_", "shown"),
    [
        ("2024-07-25T08:00:00+00:00", "2024-07-25 16:00"),
        ("2024-07-25T18:30:00Z", "2024-07-26 02:30"),
        ("2024-07-25", "2024-07-25"),
        ("2024-07-25T08:00:00", "2024-07-25T08:00:00"),
        ("<b>", "<b>"),
    ],
)
def test_times_with_a_zone_are_shown_as_local_time(given_, shown):
    assert i18n.local_time(given_) == shown


def test_reasonscome_in_the_language_where_the_row_has_them():
    row = {"reasons": "r", "reasons_zh": "理由"}
    assert i18n.reasons_of(row, "zh") == "理由"
    assert i18n.reasons_of(row, "en") == "r"


@given(st.floats(1e-6, 1e6))
def test_centred_range_holds_the_data_and_is_symmetric(value):
    import numpy as np

    style = legend.raster_style("velocity_up")
    low, high = legend.ramp_range(np.array([-value, value / 3]), style)
    assert low == -high
    assert high >= value * 0.95
    assert high <= value * 2.1


def test_range_without_data_is_zero_to_one():
    import numpy as np

    assert legend.ramp_range(np.array([np.nan]), legend.raster_style("depth_max_m")) == (0, 1)
    with pytest.raises(KeyError):
        legend.raster_style("hand_m")


def test_levels_differ_in_lightness_for_the_colour_blind():
    light = [
        sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), legend.rgb(v), strict=True))
        for v in legend.LEVEL_COLORS.values()
    ]
    yellow, orange, red = light[1:]
    assert yellow - orange > 30
    assert orange - red > 60


def test_assets_ask_for_nothing_and_vendored_files_are_those_listed():
    import hashlib

    text = header()
    assert "url(images" not in text
    assert "sourceMappingURL" not in text
    assert text.count("</script>") == text.count("<script>") == 6
    listed = dict(re.findall(r"([0-9a-f]{64})  (\S+)", (HERE / "vendor" / "README.md").read_text())[::-1])
    assert len(listed) == 2
    for digest, name in listed.items():
        assert hashlib.sha256((HERE / "vendor" / name).read_bytes()).hexdigest() == digest


def test_stages_are_the_five_of_the_contract():
    assert STAGES_H == (72, 24, 6, 3, 1)
