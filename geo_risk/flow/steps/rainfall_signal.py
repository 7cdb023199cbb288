"""Step of the rainstorm signals that the analysed rain reached."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from geo_risk.flow.plan import Plan


def signals(plan: Plan) -> None:
    """Add the step that writes rainstorm_signal (work folder) and counts its cells."""
    needs: dict[str, Any] = {f"rain_{h}h": plan.layer(f"rain_{h}h") for h in (12, 6, 3)}
    plan.add(
        "rainfall.signals", write_signals, reads=needs,
        writes={"out": plan.layer("rainstorm_signal"), "facts": plan.facts("rainfall_signals")},
    )  # fmt: skip


def write_signals(*, rain_12h: Path, rain_6h: Path, rain_3h: Path, out: Path, facts: Path) -> None:
    """Write the rainstorm signal that was reached, and the cells of each."""
    import dask

    from geo_risk.hazards.rainfall.signals import rainstorm_signal
    from geo_risk.products.wording import note
    from geo_risk.publish.frames import write_json
    from geo_risk.publish.raster import write_layer
    from geo_risk.sources.layers import open_layer

    layer = rainstorm_signal({12: open_layer(rain_12h), 6: open_layer(rain_6h), 3: open_layer(rain_3h)})
    write_layer(layer, out)
    layer = open_layer(out)
    names = ("unknown", "none", "blue", "yellow", "orange", "red")
    numbers = dask.compute(*((layer == k).sum() for k in range(-1, 5)))
    counts = {name: int(n) for name, n in zip(names, numbers, strict=True)}
    highest = next((n for n in reversed(names[1:]) if counts[n]), "unknown")
    zh = {"unknown": "未知", "none": "无", "blue": "蓝色", "yellow": "黄色", "orange": "橙色", "red": "红色"}
    said = note(
        "warning" if counts["unknown"] else "info",
        f"Rainstorm signals reached by the analysed rain: highest {highest}; red on {counts['red']}, orange on "
        f"{counts['orange']}, yellow on {counts['yellow']}, blue on {counts['blue']} cells, unknown on "
        f"{counts['unknown']}. They grade the rain, not the ground.",
        f"分析时段雨量达到的暴雨预警信号标准：最高 {zh[highest]}；红 {counts['red']}、橙 {counts['orange']}、"
        f"黄 {counts['yellow']}、蓝 {counts['blue']} 格，未知 {counts['unknown']} 格。仅反映降雨，不代表地质灾害等级。",
    )
    write_json({"notes": [said], "counts": counts, "quarantine": []}, facts)
