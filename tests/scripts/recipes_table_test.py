#!/usr/bin/env python3
"""How runs of both engines are paired and summed up in the recipes' tables, on made-up runs in a temporary folder."""

import json
import pathlib
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts" / "peers"))
import recipes_table  # noqa: E402

RECIPE = "covid-vgg16-224"
EPOCH = {"loss": 0.5, "val_loss": 0.6, "val_accuracy": 0.75}


def torch_file(folder, seed, accuracy, **others):
    run = {
        "recipe": RECIPE,
        "split_by": "random",
        "seed": seed,
        "split_seed": 1,
        "epochs": 1,
        "test": {"accuracy": accuracy, "loss": 0.5, "f1": [0.5, 0.25]},
        "classes": ["NORMAL", "COVID"],
        "history": [EPOCH],
        **others,
    }
    path = pathlib.Path(folder) / f"{len(list(pathlib.Path(folder).iterdir()))}.json"
    path.write_text(json.dumps(run))
    return path


def curie_folder(folder, seed, accuracy, weights=""):
    run = pathlib.Path(folder) / f"run{len(list(pathlib.Path(folder).iterdir()))}"
    run.mkdir()
    classes = {"Normal": {"f1": 0.5}, "COVID": {"f1": 0.25}}
    files = {
        "config": {"recipe": RECIPE, "seed": seed, "split_seed": 1, "split_by": "random", "augmentation": {}, "weights": weights},
        "metrics": {"epochs": 1, "test": {"accuracy": accuracy, "loss": 0.5, "classes": classes}},
        "history": {"epochs": [{"logs": list(EPOCH.items())}]},
    }
    for name, value in files.items():
        (run / f"{name}.json").write_text(json.dumps(value))
    return run


class RecipesTable(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.results = {"runs": {}, "baselines": []}

    def torch(self, seed, accuracy, **others):
        recipes_table.add(self.results, *recipes_table.torch_run(torch_file(self.folder, seed, accuracy, **others)))

    def repeated(self, seed, accuracy, early):
        differences = {"early": early, "loss": 2 * early, "val_loss": 3 * early}
        self.torch(seed, accuracy, randoms="curie", differences=differences)

    def curie(self, seed, accuracy, weights=""):
        recipes_table.add(self.results, *recipes_table.curie_run(curie_folder(self.folder, seed, accuracy, weights)))

    def accuracies(self, sharing):
        pairs = recipes_table.paired(self.results, RECIPE, "random", sharing)
        return [(torch["accuracy"], curie["accuracy"]) for torch, curie in pairs]

    def test_runs_are_paired_by_what_they_share(self):
        for seed in (1, 2):
            self.torch(seed, 0.5 + seed / 8)
            self.curie(seed, 0.25 + seed / 8)
        self.repeated(2, 0.7, 1e-6)
        self.curie(1, 0.6, "vgg16.safetensors")
        self.assertEqual(self.accuracies("randoms"), [(0.7, 0.5)])
        self.assertEqual(self.accuracies("backbone"), [(0.625, 0.6)])
        own = [recipes_table.runs_of(self.results, RECIPE, "random", engine) for engine in ("torch", "curie")]
        self.assertEqual([[run["accuracy"] for run in runs] for runs in own], [[0.625, 0.75], [0.375, 0.5]])

    def test_a_run_replaces_its_like_alone(self):
        self.torch(1, 0.9)
        self.repeated(1, 0.8, 1e-6)
        self.repeated(1, 0.7, 1e-6)
        self.assertEqual([run["accuracy"] for run in self.results["runs"][RECIPE]], [0.9, 0.7])

    def test_repeated_runs_in_a_sentence(self):
        for seed, torch, curie, early in ((1, 0.75, 0.75, 1e-6), (2, 0.75, 0.5, 4e-6)):
            self.repeated(seed, torch, early)
            self.curie(seed, curie)
        sentence = recipes_table.same_randoms("`it`", recipes_table.paired(self.results, RECIPE, "random", "randoms"))
        self.assertIn("1 of 2 end at Curie's very test accuracy; the mean of Curie's less PyTorch's is -0.125 ± 0.125.", sentence)
        self.assertIn("first five epochs differs by more than 4e-06 of it, later no training loss by more than 8e-06", sentence)

    def test_a_repetition_of_an_imported_backbone_is_refused(self):
        with self.assertRaisesRegex(SystemExit, "began with --weights"):
            self.torch(1, 0.9, randoms="curie", differences={}, imported=True)


if __name__ == "__main__":
    unittest.main()
