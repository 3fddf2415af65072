#!/usr/bin/env python3
"""What scripts make of a GPU's measurements, on files of made-up figures in a temporary folder."""

import json
import pathlib
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "scripts" / "peers")]
import bench_summary  # noqa: E402
import gpu_tables  # noqa: E402


def row(primitive, shape, kernels, time, arithmetic="exact"):
    return {"name": f"gpu/{primitive}/{shape}/{arithmetic}/{kernels}/manual_time", "real_time": time}


# The libraries take twice and half of Curie's time at convolutions, and less at dense layers.
ROWS = [
    row("conv2d_forward", "small", "curie", 10.0), row("conv2d_forward", "small", "cudnn", 20.0),
    row("conv2d_forward", "large", "curie", 10.0), row("conv2d_forward", "large", "cudnn", 5.0),
    row("dense_forward", "small", "curie", 10.0), row("dense_forward", "small", "cudnn", 4.0),
    row("conv2d_backward_input", "small", "curie", 6.0), row("conv2d_backward_input", "small", "cudnn", 24.0),
    row("conv2d_backward_input", "small", "cudnn-fastest", 3.0),
    row("conv2d_backward_input", "small", "curie", 1.0, "winograd"),
    row("conv_pool_forward", "small", "curie", 3.0),
    {**row("dense_forward", "large", "curie", 0.0), "error_occurred": True, "error_message": "wrong result: y"},
]  # fmt: skip
TEXT = json.dumps({"context": {}, "benchmarks": ROWS}, indent=2)


class GpuTables(unittest.TestCase):
    def folder(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        return pathlib.Path(folder.name)

    def measured(self):
        folder = self.folder()
        check = {
            "gpu": {"name": "NVIDIA X-1", "driver": "600"},
            "cuda": "13.0",
            "commit": "abc",
            "steps": [
                {
                    "name": "peers",
                    "figures": {
                        "recipe": "covid-cnn-64",
                        "torch": "2.9",
                        "about": {"Curie, exact": {"batch_size": 256}},
                        "median_ms": {"PyTorch, eager": 3.0, "Curie, exact": 1.0},
                    },
                }
            ],
        }
        (folder / "gpu_check_nvidia_x_1.json").write_text(json.dumps(check))
        (folder / "gpu_kernels_nvidia_x_1.json").write_text(TEXT)
        return folder

    def test_a_file_that_was_cut_off_counts_as_far_as_it_goes(self):
        self.assertEqual(len(bench_summary.rows_of(TEXT)), len(ROWS))
        self.assertEqual(len(bench_summary.rows_of(TEXT[: TEXT.rindex("real_time")])), len(ROWS) - 1)
        self.assertEqual(bench_summary.rows_of('{"context": {'), [])

    def test_pairs_are_averaged_geometrically_and_wrong_rows_are_told(self):
        result = bench_summary.summary(ROWS)
        self.assertEqual(result["rows"], len(ROWS) - 1)
        self.assertEqual([wrong["why"] for wrong in result["wrong"]], ["wrong result: y"])
        convolution = result["libraries_over_curie"]["conv2d_forward, exact"]
        self.assertEqual(convolution["geometric_mean"], 1.0)
        self.assertEqual((convolution["least"], convolution["most"]), (["large", 0.5], ["small", 2.0]))
        gradient = result["libraries_over_curie"]["conv2d_backward_input, exact"]
        self.assertEqual(gradient["geometric_mean"], 0.5)  # beside the fastest of the libraries' rows
        by_transforms = result["libraries_over_curie"]["conv2d_backward_input, winograd"]
        self.assertEqual(by_transforms["geometric_mean"], 3.0)
        self.assertNotIn("conv_pool_forward, exact", result["libraries_over_curie"])

    def test_without_a_measurement_the_tables_say_so_and_auto_names_nothing(self):
        folder = self.folder()
        self.assertEqual(gpu_tables.step_table(folder), [gpu_tables.NOT_MEASURED])
        self.assertEqual(gpu_tables.kernel_table(folder), [gpu_tables.NOT_MEASURED])
        self.assertIn("std::array<Measurement, 0>", gpu_tables.measured_header(folder))

    def test_dry_runs_are_no_measurements(self):
        folder = self.measured()
        path = folder / "gpu_check_nvidia_x_1.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "dry_run": True}))
        self.assertEqual(gpu_tables.step_table(folder), [gpu_tables.NOT_MEASURED])

    def test_steps_are_listed_by_time(self):
        lines = gpu_tables.step_table(self.measured())
        self.assertIn("NVIDIA X-1", lines[0])
        self.assertEqual(lines[-2], "| Curie, exact | 1.000 | 256,000 | 1.00 |")
        self.assertEqual(lines[-1], "| PyTorch, eager | 3.000 | 85,333 | 3.00 |")

    def test_auto_takes_the_libraries_where_their_mean_is_shorter(self):
        header = gpu_tables.measured_header(self.measured())
        self.assertIn("NVIDIA X-1", header)
        self.assertIn(".convolution = false, .pooling = false, .batch_norm = false, .dense = true", header)
        self.assertEqual(header.count("kMeasurements"), 1)


if __name__ == "__main__":
    unittest.main()
