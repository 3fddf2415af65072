"""The tables and the header that scripts/update_results makes from what scripts/gpu_check measured on GPUs.

bench/results/gpu_check_GPU.json holds the steps of a check, `peers` among them; gpu_kernels_GPU.json what curie_bench wrote.
"""

import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
import bench_summary  # noqa: E402

RESULTS = ROOT / "bench" / "results"
MEASURED_HEADER = ROOT / "src" / "cuda" / "cudnn" / "measured.h"
NOT_MEASURED = "Nothing has been measured on a GPU yet; `scripts/gpu_check` does it on a machine that has one."
# VendorPrimitives' members, and the benchmark's primitives that decide about each.
MEMBERS = {
    "convolution": "conv2d_",
    "pooling": "max_pool_inference",
    "batch_norm": "batch_norm_",
    "dense": "dense_",
}


def file_name(gpu):
    """What stands for a GPU in the names of files."""
    return re.sub(r"\W+", "_", gpu.lower())


def checks(results=RESULTS):
    """The results of checks that were made on a GPU."""
    read = [json.loads(path.read_text()) for path in sorted(results.glob("gpu_check_*.json"))]
    return [check for check in read if check.get("gpu") and not check.get("dry_run")]


def step_table(results=RESULTS):
    lines = []
    for check in checks(results):
        figures = next((step.get("figures") for step in check["steps"] if step["name"] == "peers"), None)
        if not figures:
            continue
        times = sorted(figures["median_ms"].items(), key=lambda item: item[1])
        batch = next(iter(figures["about"].values()))["batch_size"]
        own = min(time for name, time in times if name.startswith("Curie"))
        lines += [
            f"One training step of `{figures['recipe']}`, batch {batch}, on {check['gpu']['name']} (driver "
            f"{check['gpu']['driver']}, CUDA {check['cuda']}), against PyTorch {figures['torch']}; one interleaved run at "
            f"{check['commit']}.",
            "",
            "| | ms a step | images/s | time / Curie's best |",
            "|---|---|---|---|",
            *(f"| {name} | {time:.3f} | {batch / time * 1e3:,.0f} | {time / own:.2f} |" for name, time in times),
            "",
        ]
    return lines[:-1] or [NOT_MEASURED]


def kernel_files(results=RESULTS):
    """Name of the GPU -> rows."""
    found = {}
    for check in checks(results):
        name = check["gpu"]["name"]
        path = results / f"gpu_kernels_{file_name(name)}.json"
        if path.is_file():
            found[name] = bench_summary.rows_of(path.read_text())
    return found


def kernel_table(results=RESULTS):
    lines = []
    for name, rows in kernel_files(results).items():
        result = bench_summary.summary(rows)
        if result["libraries_over_curie"]:
            lines += [f"{name}: the libraries' time over Curie's on the recipes' shapes; above 1 Curie is the quicker one.", ""]
            lines += [*bench_summary.table(result), ""]
    return lines[:-1] or [NOT_MEASURED]


def faster(rows):
    """Members of VendorPrimitives -> whether the libraries' geometric mean over shapes and arithmetics is the shorter one."""
    ratios = {member: [] for member in MEMBERS}
    for (primitive, _), by_shape in bench_summary.pairs(rows, libraries=("cudnn",)).items():
        for member, prefix in MEMBERS.items():
            if primitive.startswith(prefix):
                ratios[member] += by_shape.values()
    return {member: bool(of) and bench_summary.geometric_mean(of) < 1.0 for member, of in ratios.items()}


def measured_header(results=RESULTS):
    """The text of src/cuda/cudnn/measured.h."""
    entries = []
    for name, rows in kernel_files(results).items():
        members = ", ".join(f".{member} = {str(wins).lower()}" for member, wins in faster(rows).items())
        entries.append(f"    {{\"{name}\",\n     {{{members}}}}},")
    if entries:
        table = [f"inline constexpr std::array<Measurement, {len(entries)}> kMeasurements{{{{", *entries, "}};"]
    else:
        table = ["inline constexpr std::array<Measurement, 0> kMeasurements{};"]
    old = MEASURED_HEADER.read_text()
    before, rest = old.split("inline constexpr", 1)
    return before + "\n".join(table) + rest[rest.index(";") + 1 :]
