"""Skill of landslide warnings on demo counties that nothing was tuned on: pooled score, and the pooled reliability.

    python benchmarks/warning_skill.py FOLDER 401 402 403 404 405

For each seed the folder holds a county `cSEED` (made by `geo-risk sample` where it is not there) and the output
`outSEED` of the pipeline `warning` on it (run where it is not there). Radar data are not used.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from geo_risk.flow.steps.landslide_hindcast import reliability_of
from geo_risk.score.pooled import score_runs
from geo_risk.sources.layers import read_json

INPUTS = ("dem", "landcover", "geology", "soils", "faults", "admin", "rivers", "rainfall", "roads",
          "landslide_inventory", "past_slides")  # fmt: skip


def cli(*words: str) -> None:
    """Run geo-risk with this interpreter."""
    subprocess.run([sys.executable, "-m", "geo_risk.cli", *words], check=True)


def prepared(folder: Path, seed: str) -> tuple[Path, Path]:
    """Return the output and the truth of a seed, made where they are not there."""
    county, out = folder / f"c{seed}", folder / f"out{seed}"
    if not (county / "checksums.sha256").is_file():
        cli("sample", str(county), "--size", "500", "--seed", seed)
    if not (out / "manifest.json").is_file():
        yaml = YAML()
        config = yaml.load((county / "config.yaml").read_text(encoding="utf-8"))
        config["inputs"] = {k: v for k, v in config["inputs"].items() if k in INPUTS}
        config |= {"pipeline": "warning", "output": str(out.resolve())}
        with (county / "warning.yaml").open("w", encoding="utf-8") as file:
            yaml.dump(config, file)
        cli("run", str(county / "warning.yaml"))
    return out, county / "truth"


def main(folder: Path, seeds: list[str]) -> dict[str, Any]:
    """Return the pooled warning score, that of each seed, and the reliability diagram of all hindcasts together."""
    pairs = [prepared(folder, seed) for seed in seeds]
    facts = [read_json(out / ".work" / "between" / "landslide_hindcast.json") for out, _ in pairs]
    found = [r for r in map(reliability_of, facts) if r is not None]
    together = found[0]
    for more in found[1:]:
        together = together + more
    each = {seed: score_runs([pair]).to_dict()["warning"] for seed, pair in zip(seeds, pairs, strict=True)}
    pooled = score_runs(pairs).to_dict()
    return {"pooled": pooled["warning"], "details": pooled["details"]["warning"], "each": each,
            "reliability": together.diagram()}  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), sys.argv[2:]), indent=1))
