#!/usr/bin/env python3
"""Writes tests/data/metrics.json: what scikit-learn 1.2 makes of small label and score lists.

Usage: scripts/goldens/metrics.py [OUTPUT]. Needs scikit-learn 1.2 and numpy.
"""

import json
import pathlib
import sys
import warnings

import numpy as np
from sklearn.calibration import calibration_curve
from sklearn.linear_model import RidgeClassifier
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    brier_score_loss,
    classification_report,
    confusion_matrix,
    f1_score,
    matthews_corrcoef,
    precision_recall_curve,
    precision_score,
    recall_score,
    roc_auc_score,
    roc_curve,
    top_k_accuracy_score,
)

warnings.filterwarnings("ignore")


def runs(lengths):
    """[(value, times), ...] -> flat list, so that large supports stay small in the file."""
    return [value for value, times in lengths for _ in range(times)]


def from_matrix(matrix):
    """Labels whose confusion matrix is `matrix`, as run-length pairs."""
    truth, predicted = [], []
    for i, row in enumerate(matrix):
        for j, count in enumerate(row):
            if count:
                truth.append([i, count])
                predicted.append([j, count])
    return truth, predicted


def scores(values):
    return {"precision": values["precision"], "recall": values["recall"], "f1": values["f1-score"]}


def report_case(title, matrix, names, digits=2):
    truth, predicted = from_matrix(matrix)
    y, p = runs(truth), runs(predicted)
    options = {"digits": digits}
    if names:
        options.update(labels=list(range(len(names))), target_names=names)
    numbers = classification_report(y, p, output_dict=True, **options)
    rows = names or [str(label) for label in sorted(set(y) | set(p))]
    return {
        "title": title,
        "truth": truth,
        "predicted": predicted,
        "names": names,
        "digits": digits,
        "text": classification_report(y, p, **options),
        "classes": [dict(scores(numbers[row]), support=int(numbers[row]["support"])) for row in rows],
        "macro": scores(numbers["macro avg"]),
        "weighted": scores(numbers["weighted avg"]),
        "accuracy": float(np.mean(np.equal(y, p))),
        "confusion": confusion_matrix(y, p, labels=list(range(len(names))) if names else None).tolist(),
        "balanced_accuracy": balanced_accuracy_score(y, p),
        "matthews": matthews_corrcoef(y, p),
    }


def report_cases():
    pneumonia = ["NORMAL", "PNEUMONIA BACTERIA", "PNEUMONIA VIRUS"]
    radiography = ["COVID", "Lung_Opacity", "Normal", "Viral Pneumonia"]
    random = np.random.RandomState(7)
    yield report_case("two classes at the size of the COVID test set", [[1981, 58], [43, 680]], ["Normal", "COVID"])
    yield report_case("two classes at the size of the training set", [[5689, 18], [4, 5703]], ["Normal", "COVID"])
    yield report_case("three classes, a name wider than the heading", [[4, 1, 1], [1, 3, 0], [1, 0, 2]], pneumonia)
    yield report_case("four classes", [[500, 20, 20, 2], [31, 800, 70, 0], [12, 88, 1420, 9], [1, 1, 7, 193]], radiography)
    yield report_case("digits for names", [[1, 0], [1, 1]], [])
    yield report_case("digits for names, one of three labels never occurs", [[3, 0, 1], [0, 0, 0], [1, 0, 2]], [])
    yield report_case("one label only", [[5]], [])
    yield report_case("a class that is never predicted", [[1, 0], [2, 0]], ["Normal", "COVID"])
    yield report_case("a class without samples that is predicted", [[3, 2], [0, 0]], ["Normal", "COVID"])
    yield report_case("a class that occurs nowhere", [[3, 1, 0], [2, 4, 0], [0, 0, 0]], pneumonia)
    yield report_case("nothing right", [[0, 3], [4, 0]], ["Normal", "COVID"])
    yield report_case("large supports", [[1234567, 1], [2, 98765]], ["a", "b"])
    yield report_case("names that are not ASCII", [[7, 1], [2, 5]], ["Lungenentzündung", "健康な肺の写真の名前が長い"])
    yield report_case("four digits", [[1981, 58], [43, 680]], ["Normal", "COVID"], digits=4)
    yield report_case("more digits than letters", [[19, 5], [4, 6]], ["Normal", "COVID"], digits=17)
    yield report_case("no digits", [[19, 5], [4, 6]], ["Normal", "COVID"], digits=0)
    yield report_case("scores that end in a tie", [[7, 1], [9, 7]], ["Normal", "COVID"], digits=3)
    yield report_case("ten classes", random.randint(0, 40, (10, 10)).tolist(), [f"class {i}" for i in range(10)])


def roc_case(title, truth, values, positive=1):
    truth = np.asarray(truth)
    values = np.asarray(values, np.float32)
    case = {
        "title": title,
        "truth": truth.tolist(),
        "scores": values.astype(float).tolist(),
        "positive": positive,
        "auc": roc_auc_score(truth == positive, values),
    }
    for key, drop in (("corners", True), ("all", False)):
        x, y, thresholds = roc_curve(truth, values.astype(float), pos_label=positive, drop_intermediate=drop)
        case[key] = {"x": x.tolist(), "y": y.tolist(), "thresholds": thresholds.tolist()}
    precision, recall, thresholds = precision_recall_curve(truth, values.astype(float), pos_label=positive)
    case["precision_recall"] = {
        "precision": precision.tolist(),
        "recall": recall.tolist(),
        "thresholds": thresholds.tolist(),
        "average": average_precision_score(truth == positive, values.astype(float)),
    }
    return case


def roc_cases():
    random = np.random.RandomState(3)
    yield roc_case("scikit-learn's example", [0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    yield roc_case("perfect", [0, 0, 0, 1, 1], [0.1, 0.2, 0.3, 0.7, 0.9])
    yield roc_case("the wrong way round", [1, 1, 0, 0], [0.1, 0.2, 0.3, 0.7])
    yield roc_case("one score for all", [0, 1, 1, 0, 1], [0.5] * 5)
    yield roc_case("collinear through ties", [1, 0, 1, 0, 1, 0], [0.9, 0.9, 0.6, 0.6, 0.3, 0.3])
    yield roc_case("unequal steps on one line are kept", [1, 0, 1, 1, 0, 0], [0.9, 0.9, 0.6, 0.6, 0.6, 0.6])
    truth = random.randint(0, 2, 300)
    yield roc_case("random, many ties", truth, np.round(np.clip(0.35 * truth + random.rand(300) * 0.65, 0, 1), 2))
    truth = random.randint(0, 2, 200)
    yield roc_case("random, no ties, logits", truth, truth * 1.5 + random.randn(200))
    truth = random.randint(0, 3, 150)
    yield roc_case("one class against two others", truth, random.rand(150) + 0.4 * (truth == 2), positive=2)


def probabilities(random, truth, classes, strength):
    """Float32 rows that sum to about 1 and lean towards the truth; rounded, so that some tie and some lie on bin edges."""
    logits = random.randn(len(truth), classes) + strength * np.eye(classes)[truth]
    rows = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return np.round(rows, 2).astype(np.float32)


def calibration(holds, beliefs, bins):
    """Uniform bins with samples, and the expected calibration error over them."""
    share, mean = calibration_curve(holds, beliefs, n_bins=bins, strategy="uniform")
    places = np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], beliefs)
    samples = np.bincount(places, minlength=bins)
    samples = samples[samples > 0]
    return {
        "bins": bins,
        "share": share.tolist(),
        "mean": mean.tolist(),
        "samples": samples.tolist(),
        "expected_error": float(np.sum(samples / samples.sum() * np.abs(share - mean))),
    }


def bootstrap(truth, statistic, draws=4000, confidence=0.95):
    """Stratified percentile intervals, with NumPy's own random numbers: Curie's agree up to chance."""
    random = np.random.RandomState(11)
    groups = [np.flatnonzero(truth == label) for label in np.unique(truth)]
    values = [statistic(np.concatenate([random.choice(group, len(group)) for group in groups])) for _ in range(draws)]
    return np.percentile(values, [50 - 50 * confidence, 50 + 50 * confidence], axis=0).T.tolist()


def two_class_case(title, truth, p, positive):
    predicted = (p > 0.5).astype(int)
    belief = p.astype(float) if positive == 1 else 1 - p.astype(float)
    y = (truth == positive).astype(int)

    def statistic(i):
        return [np.mean(truth[i] == predicted[i]), roc_auc_score(y[i], belief[i]), average_precision_score(y[i], belief[i])]

    return {
        "title": title,
        "classes": 2,
        "positive": positive,
        "truth": truth.tolist(),
        "predicted": predicted.tolist(),
        "probabilities": np.round(p.astype(float), 2).tolist(),  # the same float32 when read
        "figures": {
            "accuracy": float(np.mean(truth == predicted)),
            "balanced_accuracy": balanced_accuracy_score(truth, predicted),
            "sensitivity": recall_score(truth, predicted, pos_label=positive),
            "specificity": recall_score(truth, predicted, pos_label=1 - positive),
            "precision": precision_score(truth, predicted, pos_label=positive),
            "f1": f1_score(truth, predicted, pos_label=positive),
            "roc_auc": roc_auc_score(y, belief),
            "pr_auc": average_precision_score(y, belief),
            "matthews": matthews_corrcoef(truth, predicted),
            "brier": brier_score_loss(truth, p.astype(float)),
            "calibration_error": calibration(truth, p.astype(float), 10)["expected_error"],
        },
        "calibration": [calibration(truth, p.astype(float), bins) for bins in (1, 5, 10, 16)],
        "intervals": dict(zip(("accuracy", "roc_auc", "pr_auc"), bootstrap(truth, statistic))),
    }


def many_class_case(title, truth, p):
    classes = p.shape[1]
    predicted = p.argmax(1)
    rows = p.astype(float)
    onehot = np.eye(classes, dtype=int)[truth]
    beliefs, holds = rows[np.arange(len(truth)), predicted], (predicted == truth).astype(int)
    specificity = [np.mean(predicted[truth != k] != k) for k in range(classes)]
    return {
        "title": title,
        "classes": classes,
        "positive": 0,
        "truth": truth.tolist(),
        "predicted": predicted.tolist(),
        "probabilities": np.round(rows.ravel(), 2).tolist(),
        "figures": {
            "accuracy": float(np.mean(truth == predicted)),
            "top_2_accuracy": top_k_accuracy_score(truth, rows, k=2),
            "balanced_accuracy": balanced_accuracy_score(truth, predicted),
            "macro_precision": precision_score(truth, predicted, average="macro"),
            "macro_specificity": float(np.mean(specificity)),
            "macro_f1": f1_score(truth, predicted, average="macro"),
            "roc_auc": roc_auc_score(onehot, rows, average="macro"),
            "pr_auc": average_precision_score(onehot, rows, average="macro"),
            "matthews": matthews_corrcoef(truth, predicted),
            "brier": float(np.mean(np.sum((rows - onehot) ** 2, axis=1))),
            "calibration_error": calibration(holds, beliefs, 10)["expected_error"],
        },
        "top_k": [top_k_accuracy_score(truth, rows, k=k) for k in range(1, classes)] + [1.0],
    }


def figure_cases():
    random = np.random.RandomState(5)
    truth = (random.rand(120) < 0.3).astype(int)
    p = probabilities(random, truth, 2, 1.2)[:, 1]
    yield two_class_case("two classes", truth, p, 1)
    yield two_class_case("two classes, the other one positive", truth, p, 0)
    truth = random.randint(0, 3, 90)
    yield many_class_case("three classes", truth, probabilities(random, truth, 3, 1.0))
    truth = random.randint(0, 4, 80)
    yield many_class_case("four classes, ties", truth, np.round(probabilities(random, truth, 4, 1.5), 1))


def ridge_cases():
    random = np.random.RandomState(9)
    for title, samples, features, classes, alpha in (
        ("more samples than features", 30, 5, 3, 1.0),
        ("more features than samples", 8, 20, 3, 0.5),
        ("two classes", 25, 4, 2, 10.0),
    ):
        x = np.round(random.rand(samples + 4, features), 2).astype(np.float32)
        y = np.arange(samples) % classes
        x[:samples] += y[:, None].astype(np.float32) * np.float32(0.25)
        x = np.round(x, 2)
        fitted = RidgeClassifier(alpha=alpha, solver="cholesky").fit(x[:samples].astype(float), y)
        scores = fitted.decision_function(x[samples:].astype(float))
        if classes == 2:  # scikit-learn keeps the second class's column only
            scores = np.stack([-scores, scores], 1)
        yield {
            "title": title,
            "features": features,
            "classes": classes,
            "alpha": alpha,
            "rows": np.round(x[:samples].astype(float), 2).ravel().tolist(),
            "labels": y.tolist(),
            "test": np.round(x[samples:].astype(float), 2).tolist(),
            "scores": scores.tolist(),
        }


def main():
    default = pathlib.Path(__file__).resolve().parents[2] / "tests/data/metrics.json"
    output = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default
    document = {
        "reports": list(report_cases()),
        "roc": list(roc_cases()),
        "figures": list(figure_cases()),
        "ridge": list(ridge_cases()),
    }
    output.write_text(json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
