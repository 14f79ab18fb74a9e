#!/usr/bin/env python3
"""The last measurements of runs OUT/ARM/SEED as a Markdown table: PSNR in dB, mean ± standard
deviation over the seeds; of the luma, for noise of RGB. Below the first arm's figures the others'
differences from them, seed by seed.

usage: ablation.py OUT ARM...
"""

import json
import statistics
import sys
from pathlib import Path


def last(log):
    """Task -> PSNR at the end of a run."""
    entries = [json.loads(line) for line in log.read_text().splitlines() if line.startswith('{"kind":"validation"')]
    return {
        score["task"]: score["psnr_rgb" if score["task"].startswith("denoise") else "psnr_y"]
        for score in entries[-1]["tasks"]
    }


def cell(values, sign=""):
    deviation = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):{sign}.2f}{deviation}"


if len(sys.argv) < 3:
    sys.exit(__doc__)
out, arms = Path(sys.argv[1]), sys.argv[2:]
runs = {arm: {log.parent.name: last(log) for log in sorted((out / arm).glob("*/log.jsonl"))} for arm in arms}
first = runs[arms[0]]
tasks = list(next(iter(first.values())))

print("| run | seeds |", " | ".join(tasks), "|")
print("|---|---|" + "---|" * len(tasks))
for arm in arms:
    seeds = [seed for seed in runs[arm] if seed in first]
    cells = [cell([runs[arm][seed][task] for seed in seeds]) for task in tasks]
    if arm != arms[0]:
        gains = [[runs[arm][seed][task] - first[seed][task] for seed in seeds] for task in tasks]
        cells = [f"{value} ({cell(gain, '+')})" for value, gain in zip(cells, gains)]
    print(f"| {arm} | {len(seeds)} |", " | ".join(cells), "|")
