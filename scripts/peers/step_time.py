#!/usr/bin/python3
"""Times one training step of covid-cnn-64 in Curie and in PyTorch, in turns on the same machine, and prints the ratios.

  scripts/peers/step_time.py [--curie build/apps/curie] [--rounds 5] [--steps 10] [--out step_time.json] [--check]

Contestants: Curie (`curie bench-step`), PyTorch in channels_last with oneDNN, and the same with jemalloc preloaded, which
spares PyTorch most of its page faults. A step is zero_grad, forward with dropout, binary cross-entropy, backward and Adam,
on a batch that is already in memory. PyTorch gets what a careful user would write: its own dropout and Adam, and a flatten
that costs nothing in channels_last.

A round runs every contestant once, beginning with another one each time, so that a slow minute of the machine meets all of
them; each PyTorch process lives through all rounds. A contestant's figure is the median of its rounds' medians. `foreign`
is the processor time (in cores) that other processes took meanwhile: with much of it, take the ratios rather than the times.
"""

import argparse
import json
import os
import pathlib
import platform
import resource
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGETS = {"torch": 3.0, "torch+jemalloc": 2.0}  # Curie is to be this many times faster
WARM_UP_STEPS = 3


# -- the PyTorch process ------------------------------------------------------------------------------------------------


def serve(threads, batch_size):
    """Reads a number of steps from each line of stdin, answers with a line of JSON."""
    import torch
    import torch.nn.functional as functional

    import covid_torch

    torch.manual_seed(1)
    torch.set_num_threads(threads)
    model = covid_torch.CovidCnn64().to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-7)
    x = torch.rand(batch_size, 1, 64, 64).contiguous(memory_format=torch.channels_last)
    y = torch.randint(0, 2, (batch_size,)).float()

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = functional.binary_cross_entropy_with_logits(model(x, functional.dropout), y)
        loss.backward()
        optimizer.step()

    def used():
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return usage.ru_utime + usage.ru_stime

    for _ in range(WARM_UP_STEPS):
        step()
    print(json.dumps({"torch": torch.__version__, "onednn": torch.backends.mkldnn.is_available()}), flush=True)
    for line in sys.stdin:
        step()
        times, before = [], used()
        for _ in range(int(line)):
            start = time.perf_counter()
            step()
            times.append((time.perf_counter() - start) * 1e3)
        print(json.dumps({"times_ms": times, "cpu_s": used() - before}), flush=True)


class TorchPeer:
    def __init__(self, name, args, preload):
        environment = dict(os.environ)
        if preload:
            environment["LD_PRELOAD"] = preload
        else:
            environment.pop("LD_PRELOAD", None)
        command = [sys.executable, __file__, "--serve", "--threads", str(args.threads), "--batch-size", str(args.batch_size)]
        self.name = name
        self.process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.about = self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name}: the PyTorch process ended with status {self.process.wait()}")
        return json.loads(line)

    def measure(self, steps):
        self.process.stdin.write(f"{steps}\n")
        self.process.stdin.flush()
        answer = self.answer()
        return statistics.median(answer["times_ms"]), min(answer["times_ms"]), answer["cpu_s"]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class CuriePeer:
    name = "curie"

    def __init__(self, args):
        self.command = [args.curie, "bench-step", "--recipe", "covid-cnn-64", "--batch-size", str(args.batch_size)]
        if args.threads_given:
            self.command += ["--threads", str(args.threads)]
        self.about = {}

    def measure(self, steps):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([*self.command, "--steps", str(steps), "--json"], stdout=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(self.command)}: status {done.returncode}")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.about = json.loads(done.stdout)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return self.about["median_ms"], self.about["min_ms"], cpu

    def close(self):
        pass


# -- the comparison -----------------------------------------------------------------------------------------------------


def find_jemalloc():
    for pattern in ("lib/*/libjemalloc.so.2", "lib64/libjemalloc.so.2", "lib/libjemalloc.so.2"):
        for path in pathlib.Path("/usr").glob(pattern):
            return str(path)
    return None


def busy_seconds():
    """Processor seconds the whole machine has spent working since it started; None where the kernel does not say."""
    try:
        with open("/proc/stat", encoding="ascii") as file:
            values = [int(value) for value in file.readline().split()[1:9]]
    except OSError:
        return None
    idle = values[3] + values[4]
    return (sum(values) - idle) / os.sysconf("SC_CLK_TCK")


def processor_name():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def run_rounds(peers, rounds, steps):
    samples = {peer.name: [] for peer in peers}
    for index in range(rounds):
        for offset in range(len(peers)):
            peer = peers[(index + offset) % len(peers)]
            time.sleep(0.2)  # lets the previous contestant's waiting threads fall asleep
            busy, start = busy_seconds(), time.perf_counter()
            median, least, cpu = peer.measure(steps)
            wall = time.perf_counter() - start
            foreign = None if busy is None else max(0.0, (busy_seconds() - busy - cpu) / wall)
            samples[peer.name].append({"median_ms": median, "min_ms": least, "foreign_cores": foreign})
            print(f"round {index + 1}/{rounds}  {peer.name:<16} {median:9.1f} ms", file=sys.stderr, flush=True)
    return samples


def summarise(samples):
    summary = {}
    for name, rounds in samples.items():
        foreign = [r["foreign_cores"] for r in rounds if r["foreign_cores"] is not None]
        summary[name] = {
            "median_ms": statistics.median(r["median_ms"] for r in rounds),
            "min_ms": min(r["min_ms"] for r in rounds),
            "foreign_cores": statistics.median(foreign) if foreign else None,
        }
    for name, figures in summary.items():
        figures["ratio"] = figures["median_ms"] / summary["curie"]["median_ms"]
        figures["ratio_of_best"] = figures["min_ms"] / summary["curie"]["min_ms"]
        if name in TARGETS:
            figures["target"] = TARGETS[name]
            figures["met"] = figures["ratio"] >= TARGETS[name]
    return summary


def print_table(summary, batch_size):
    print(f"{'':<16} {'median ms':>10} {'best ms':>10} {'images/s':>10} {'x curie':>9} {'of best':>9} {'foreign':>8}  target")
    for name, figures in summary.items():
        foreign = "" if figures["foreign_cores"] is None else f"{figures['foreign_cores']:.2f}"
        target = f"{figures['target']:.1f} {'met' if figures['met'] else 'MISSED'}" if "target" in figures else ""
        print(
            f"{name:<16} {figures['median_ms']:>10.1f} {figures['min_ms']:>10.1f} "
            f"{batch_size / figures['median_ms'] * 1e3:>10.0f} {figures['ratio']:>9.2f} {figures['ratio_of_best']:>9.2f} "
            f"{foreign:>8}  {target}".rstrip()
        )


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--curie", default=str(ROOT / "build" / "apps" / "curie"), help="the curie program")
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--steps", type=int, default=10, help="timed steps of each contestant in a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, help="threads of every contestant (default: all cores)")
    parser.add_argument("--out", help="JSON file to write")
    parser.add_argument("--check", action="store_true", help="exit with status 1 when a target is missed")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.threads_given = args.threads is not None
    args.threads = args.threads or len(os.sched_getaffinity(0))
    return args


def main():
    args = parse_arguments()
    if args.serve:
        serve(args.threads, args.batch_size)
        return 0
    if not os.access(args.curie, os.X_OK):
        raise SystemExit(f"{args.curie}: no such program; build it (scripts/quickstart does) or name it with --curie")
    peers = [CuriePeer(args), TorchPeer("torch", args, None)]
    jemalloc = find_jemalloc()
    if jemalloc:
        peers.append(TorchPeer("torch+jemalloc", args, jemalloc))
    else:
        print("without torch+jemalloc: libjemalloc.so.2 is not installed (scripts/setup --peers)", file=sys.stderr)
    samples = run_rounds(peers, args.rounds, args.steps)
    for peer in peers:
        peer.close()
    summary = summarise(samples)
    print_table(summary, args.batch_size)
    result = {
        "recipe": "covid-cnn-64",
        "batch_size": args.batch_size,
        "threads": args.threads,
        "steps": args.steps,
        "processor": processor_name(),
        "summary": summary,
        "rounds": samples,
        "about": {peer.name: peer.about for peer in peers},
    }
    if args.out:
        pathlib.Path(args.out).parent.mkdir(parents=True, exist_ok=True)
        pathlib.Path(args.out).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    missed = [name for name, figures in summary.items() if not figures.get("met", True)]
    return 1 if args.check and missed else 0


if __name__ == "__main__":
    sys.exit(main())
