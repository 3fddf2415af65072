#!/usr/bin/env python3
"""Times one training step of covid-cnn-64 (or another recipe) on a GPU in Curie and in PyTorch, in turns in one run.

  scripts/peers/gpu_step.py [--curie build/apps/curie] [--recipe NAME] [--rounds 3] [--steps 100] [--out FILE] [--no-compile]
  scripts/peers/gpu_step.py --dry-run     on the CPU, a tiny batch, Curie emulated: shows that the script works, measures nothing

PyTorch's contestants, from what people write first to the best that is known:
  eager, float32            TF32 switched off, contiguous
  eager, TF32               PyTorch's convolutions as they are by default
  channels_last, autocast   bfloat16 autocast, channels_last, fused optimizer
  CUDA graph, ...           the same step captured whole and replayed, in TF32 and under autocast
  compiled, ...             torch.compile of the loss, then the step captured whole
Curie's: --math exact and tf32, each with Curie's kernels and with cuDNN's where the build has them, and bf16.

A step is zero_grad, forward with dropout, loss, backward and the optimizer. PyTorch's batch lies on the GPU all the time;
Curie's is copied from the host in every step, as in training. A round runs every contestant once, from the second one on
beginning with another each time; a contestant's figure is the median of its rounds. PyTorch's rounds are means over the steps, waiting at
the end only; Curie's are medians of steps, each waited for.
"""

import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts" / "peers"))
WARM_UP_STEPS = 10
DRY_BATCH, DRY_STEPS, DRY_ROUNDS = 2, 1, 1


class Unavailable(Exception):
    """A contestant that cannot run here, and why."""


# -- PyTorch ------------------------------------------------------------------------------------------------------------


class TorchPeer:
    def __init__(self, name, args, tf32, channels_last=False, autocast=False, graph=False, compiled=False):
        self.name, self.args = name, args
        self.tf32, self.channels_last, self.autocast = tf32, channels_last, autocast
        self.graph, self.compiled = graph, compiled
        self.replay = None

    def prepare(self):
        import torch

        import covid_torch
        import recipes_torch

        device = "cpu" if self.args.dry_run else "cuda"
        torch.manual_seed(1)
        if self.args.recipe == "covid-cnn-64":
            model, batch, shape, classes = covid_torch.CovidCnn64(), 256, (1, 64, 64), 2
            forward = lambda x: model(x, torch.nn.functional.dropout).unsqueeze(1)  # noqa: E731
            loss_of = recipes_torch.binary_loss
        else:
            recipe = recipes_torch.RECIPES[self.args.recipe]
            model, batch, classes = recipe.build(), recipe.batch_size, recipe.classes
            shape = (recipe.channels, recipe.size, recipe.size)
            forward, loss_of = model, recipe.loss
        batch = DRY_BATCH if self.args.dry_run else self.args.batch_size or batch
        layout = torch.channels_last if self.channels_last else torch.contiguous_format
        model.to(device=device, memory_format=layout)
        x = torch.rand(batch, *shape, device=device).contiguous(memory_format=layout)
        y = torch.randint(0, classes, (batch,), device=device)
        options = {} if self.args.dry_run else {"capturable": self.graph, "fused": self.channels_last or self.graph}
        optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-3, **options)

        def loss():
            with torch.autocast(device, torch.bfloat16, enabled=self.autocast):
                logits = forward(x)
            return loss_of(logits.float(), y)

        if self.compiled and not self.args.dry_run:
            loss = torch.compile(loss)

        def step():
            optimizer.zero_grad(set_to_none=True)
            loss().backward()
            optimizer.step()

        self.torch, self.step = torch, step
        self.set_precision()
        start = time.monotonic()
        if self.graph and not self.args.dry_run:
            self.replay = self.captured(step)
        else:
            for _ in range(1 if self.args.dry_run else WARM_UP_STEPS):
                step()
            self.replay = step
        self.wait()
        return {"batch_size": batch, "prepared_s": round(time.monotonic() - start, 1)}

    def captured(self, step):
        """The step as one CUDA graph, warmed up on a stream of its own as PyTorch asks."""
        torch = self.torch
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP_STEPS):
                step()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            step()
        return graph.replay

    def set_precision(self):
        if not self.args.dry_run:
            self.torch.backends.cudnn.allow_tf32 = self.tf32
            self.torch.backends.cuda.matmul.allow_tf32 = self.tf32
            self.torch.backends.cudnn.benchmark = True

    def wait(self):
        if not self.args.dry_run:
            self.torch.cuda.synchronize()

    def measure(self, steps):
        self.set_precision()
        self.replay()
        self.wait()
        start = time.perf_counter()
        for _ in range(steps):
            self.replay()
        self.wait()
        return (time.perf_counter() - start) / steps * 1e3


def torch_peers(args):
    best = {"channels_last": True, "graph": True}
    peers = [
        TorchPeer("PyTorch, eager, float32", args, tf32=False),
        TorchPeer("PyTorch, eager, TF32", args, tf32=True),
        TorchPeer("PyTorch, channels_last, autocast", args, tf32=True, channels_last=True, autocast=True),
        TorchPeer("PyTorch, CUDA graph, TF32", args, tf32=True, **best),
        TorchPeer("PyTorch, CUDA graph, autocast", args, tf32=True, autocast=True, **best),
    ]
    if not args.no_compile:
        peers += [
            TorchPeer("PyTorch, compiled, TF32", args, tf32=True, compiled=True, **best),
            TorchPeer("PyTorch, compiled, autocast", args, tf32=True, autocast=True, compiled=True, **best),
        ]
    return peers


# -- Curie --------------------------------------------------------------------------------------------------------------


class CuriePeer:
    def __init__(self, args, math, kernels):
        self.name = f"Curie, {math}" + ("" if kernels == "curie" else f", {kernels}")
        self.args = args
        device = "emulated" if args.dry_run else "cuda"
        self.command = [args.curie, "bench-step", "--recipe", args.recipe, "--device", device, "--math", math]
        self.command += ["--kernels", kernels, "--json"]
        batch = DRY_BATCH if args.dry_run else args.batch_size
        if batch:
            self.command += ["--batch-size", batch]

    def run(self, steps):
        command = [str(word) for word in (*self.command, "--steps", steps)]
        try:
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        except OSError as error:
            raise Unavailable(str(error)) from error
        if done.returncode != 0:
            raise Unavailable(done.stderr.strip()[-300:])
        return json.loads(done.stdout[done.stdout.index("{") :])

    def prepare(self):
        answer = self.run(1)
        return {"batch_size": answer["batch_size"], "device": answer["device"]}

    def measure(self, steps):
        return self.run(steps)["median_ms"]


# -- the comparison -----------------------------------------------------------------------------------------------------


class Comparison:
    """Prepares contestants, measures them, and writes what there is after each, so that little is lost when time is up."""

    def __init__(self, args, about):
        self.args = args
        self.peers = []
        self.result = {**about, "about": {}, "unavailable": {}, "rounds_ms": {}, "median_ms": {}}

    def add(self, peer):
        """Its first round follows at once. One that cannot run here is noted with the reason."""
        print(f"preparing {peer.name}", file=sys.stderr, flush=True)
        try:
            self.result["about"][peer.name] = peer.prepare()
            self.measure(peer)
            self.peers.append(peer)
        except (Unavailable, ImportError, RuntimeError, AssertionError, ValueError, TypeError) as error:
            self.result["unavailable"][peer.name] = f"{type(error).__name__}: {error}"[:300]
            print(f"  not here: {error}"[:300], file=sys.stderr)
            self.write()

    def measure(self, peer):
        times = self.result["rounds_ms"].setdefault(peer.name, [])
        times.append(round(peer.measure(self.args.steps), 4))
        self.result["median_ms"][peer.name] = statistics.median(times)
        self.write()

    def further_rounds(self):
        for number in range(1, self.args.rounds):
            turn = number % max(len(self.peers), 1)
            for peer in self.peers[turn:] + self.peers[:turn]:
                self.measure(peer)

    def write(self):
        if self.args.out:
            self.args.out.parent.mkdir(parents=True, exist_ok=True)
            self.args.out.write_text(json.dumps(self.result, indent=1) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--curie", type=pathlib.Path, default=ROOT / "build" / "apps" / "curie")
    parser.add_argument("--recipe", default="covid-cnn-64")
    parser.add_argument("--batch-size", type=int, default=0, help="default: the recipe's")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--no-compile", action="store_true", help="without torch.compile, which takes a minute")
    parser.add_argument("--out", type=pathlib.Path, metavar="FILE", help="the JSON file; default: stdout only")
    parser.add_argument("--dry-run", action="store_true")
    args = parser.parse_args()
    if args.dry_run:
        args.rounds, args.steps = DRY_ROUNDS, DRY_STEPS
    try:
        import torch
    except ImportError:
        torch = None
    if not args.dry_run and (torch is None or not torch.cuda.is_available()):
        sys.exit("gpu_step.py: " + ("PyTorch is not installed" if torch is None else "PyTorch finds no GPU") + "; --dry-run")

    comparison = Comparison(
        args,
        {
            "recipe": args.recipe,
            "dry_run": args.dry_run,
            "torch": torch.__version__ if torch else None,
            "gpu": None if args.dry_run else torch.cuda.get_device_name(),
            "machine": platform.machine(),
            "cores": len(os.sched_getaffinity(0)),
            "steps": args.steps,
        },
    )
    curie = [CuriePeer(args, math, kernels) for math in ("exact", "tf32", "bf16") for kernels in ("curie", "cudnn")]
    curie.append(CuriePeer(args, "winograd", "curie"))
    for peer in curie + torch_peers(args):
        comparison.add(peer)
    comparison.further_rounds()
    result = comparison.result
    print(json.dumps(result, indent=1))
    if not any(name.startswith("Curie") for name in result["median_ms"]):
        sys.exit("gpu_step.py: Curie did not run: " + json.dumps(result["unavailable"]))


if __name__ == "__main__":
    main()
