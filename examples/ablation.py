#!/usr/bin/env python3
"""The last measurements of runs OUT/ARM/SEED as a Markdown table: PSNR in dB, mean ± standard
deviation over the seeds; of the luma, for noise of RGB. Below the first arm's figures the others'
differences from them, seed by seed. Runs that have not ended are named and left out.

usage: ablation.py OUT "SEED..." ARM...
"""

import json
import math
import statistics
import sys
from pathlib import Path


def last(run):
    """Task -> PSNR at the end of a run; none where it has no end."""
    if not (run / "final.safetensors").exists():
        return None
    lines = (run / "log.jsonl").read_text().splitlines()
    entries = [json.loads(line) for line in lines if line.startswith('{"kind":"validation"')]
    if not entries:
        return None
    figures = {}
    for score in entries[-1]["tasks"]:
        figure = score["psnr_rgb" if score["task"].startswith("denoise") else "psnr_y"]
        # Where nothing is wrong, PSNR is infinite, which is null in the log.
        figures[score["task"]] = math.inf if figure is None else figure
    return figures


def cell(values, sign=""):
    several = len(values) > 1 and all(map(math.isfinite, values))
    deviation = f" ± {statistics.stdev(values):.2f}" if several else ""
    return f"{statistics.mean(values):{sign}.2f}{deviation}"


if len(sys.argv) < 4:
    sys.exit(__doc__)
out, seeds, arms = Path(sys.argv[1]), sys.argv[2].split(), sys.argv[3:]
runs = {arm: {seed: last(out / arm / seed) for seed in seeds} for arm in arms}
unfinished = [str(out / arm / seed) for arm in arms for seed in seeds if runs[arm][seed] is None]
if unfinished:
    print("not finished:", ", ".join(unfinished), file=sys.stderr)
runs = {arm: {seed: run for seed, run in runs[arm].items() if run is not None} for arm in arms}
first = runs[arms[0]]
if not first:
    sys.exit(f"no run of {out / arms[0]} is finished")
tasks = list(next(iter(first.values())))

print("| run | seeds |", " | ".join(tasks), "|")
print("|---|---|" + "---|" * len(tasks))
for arm in arms:
    seeds = [seed for seed in runs[arm] if seed in first]
    if not seeds:
        continue
    cells = [cell([runs[arm][seed][task] for seed in seeds]) for task in tasks]
    if arm != arms[0]:
        gains = [[runs[arm][seed][task] - first[seed][task] for seed in seeds] for task in tasks]
        cells = [f"{value} ({cell(gain, '+')})" for value, gain in zip(cells, gains)]
    print(f"| {arm} | {len(seeds)} |", " | ".join(cells), "|")
