#!/usr/bin/env python3
"""Sums up the rows of a GPU that curie_bench has written: how Curie's kernels stand beside cuDNN's and cuBLASLt's.

  scripts/bench_summary.py FILE.json

For each primitive and arithmetic: the geometric mean over the recipes' shapes of the libraries' time over Curie's (above 1:
Curie is the quicker one), the smallest and the largest with their shapes. A file that ends in the middle of a row, because
time was up, counts as far as it goes.
"""

import json
import math
import pathlib
import sys


def rows_of(text):
    """The complete rows of Google Benchmark's JSON."""
    try:
        return json.loads(text)["benchmarks"]
    except json.JSONDecodeError:
        start = text.find('"benchmarks": [')
        if start < 0:
            return []
    decoder, rows = json.JSONDecoder(), []
    at = start + len('"benchmarks": [')
    while True:
        at = next((i for i in range(at, len(text)) if text[i] not in " \n,\r\t"), len(text))
        try:
            row, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError:
            return rows
        rows.append(row)


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values))


def pairs(rows, libraries=("cudnn", "cudnn-fastest")):
    """(primitive, arithmetic) -> {shape: libraries' best time / Curie's}, where both are there. Winograd's method is float32:
    it stands beside what the libraries do with `exact`, which may be that method too."""
    times = {}
    for row in rows:
        parts = row["name"].split("/")
        if parts[0] == "gpu" and not row.get("error_occurred") and row["real_time"] > 0:
            _, primitive, shape, arithmetic, kernels = parts[:5]
            times.setdefault((primitive, arithmetic), {}).setdefault(shape, {})[kernels] = row["real_time"]
    found = {}
    for key, shapes in times.items():
        primitive, arithmetic = key
        of_libraries = times.get((primitive, "exact"), {}) if arithmetic == "winograd" else shapes
        ratios = {}
        for shape, by_maker in shapes.items():
            theirs = [time for name, time in of_libraries.get(shape, {}).items() if name in libraries]
            if theirs and "curie" in by_maker:
                ratios[shape] = min(theirs) / by_maker["curie"]
        if ratios:
            found[key] = ratios
    return found


def summary(rows):
    gpu = [row for row in rows if row["name"].startswith("gpu/")]
    wrong = [{"row": row["name"], "why": row["error_message"]} for row in gpu if row.get("error_occurred")]
    beside = {}
    for (primitive, arithmetic), ratios in sorted(pairs(gpu).items()):
        least, most = min(ratios, key=ratios.get), max(ratios, key=ratios.get)
        beside[f"{primitive}, {arithmetic}"] = {
            "geometric_mean": round(geometric_mean(ratios.values()), 3),
            "shapes": len(ratios),
            "least": [least, round(ratios[least], 3)],
            "most": [most, round(ratios[most], 3)],
        }
    return {"rows": len(gpu) - len(wrong), "wrong": wrong, "libraries_over_curie": beside}


def table(result):
    """Lines of a table in Markdown."""
    lines = ["| primitive, arithmetic | shapes | geometric mean | least | most |", "|---|---|---|---|---|"]
    for name, row in result["libraries_over_curie"].items():
        ends = [f"{value:.2f} ({shape})" for shape, value in (row["least"], row["most"])]
        lines.append(f"| `{name}` | {row['shapes']} | {row['geometric_mean']:.2f} | {ends[0]} | {ends[1]} |")
    return lines


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__.strip())
    result = summary(rows_of(pathlib.Path(sys.argv[1]).read_text()))
    if result["libraries_over_curie"]:
        print("The libraries' time over Curie's; above 1 Curie is quicker.\n")
        print("\n".join(table(result)))
    else:
        print("no row of a library stands beside one of Curie's")
    print(f"\n{result['rows']} rows, {len(result['wrong'])} wrong")
    for row in result["wrong"]:
        print(f"  {row['row']}: {row['why']}")
    sys.exit(1 if result["wrong"] or not result["rows"] else 0)


if __name__ == "__main__":
    main()
