"""What scripts/gpu_check asks the machine and the files that a run leaves."""

import json
import os
import pathlib
import platform
import re
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[1]


def output_of(*command):
    """What a command prints; nothing where it does not run."""
    try:
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=30, cwd=ROOT)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return result.stdout.strip() if result.returncode == 0 else ""


def first_line(*command):
    return output_of(*command).split("\n")[0] or None


def find_gpu():
    """(the GPU as a dictionary, or None; what was looked for and found)"""
    fields = ("name", "compute_cap", "memory.total", "driver_version")
    if not shutil.which("nvidia-smi"):
        return None, "nvidia-smi is not installed"
    line = first_line("nvidia-smi", "--query-gpu=" + ",".join(fields), "--format=csv,noheader")
    if line is None or line.count(",") != len(fields) - 1:
        return None, "nvidia-smi lists no GPU; it says: " + (first_line("nvidia-smi") or "nothing")
    return dict(zip(("name", "compute_capability", "memory", "driver"), line.split(", "))), ""


def find_nvcc():
    found = shutil.which("nvcc") or "/usr/local/cuda/bin/nvcc"
    return found if pathlib.Path(found).is_file() else None


def find_tool(name):
    """A program of the CUDA toolkit."""
    nvcc = find_nvcc()
    beside = pathlib.Path(os.path.realpath(nvcc)).parent / name if nvcc else pathlib.Path(name)
    return shutil.which(name) or (str(beside) if beside.is_file() else None)


def processor():
    cpuinfo = pathlib.Path("/proc/cpuinfo")
    found = re.search(r"model name\s*:\s*(.*)", cpuinfo.read_text() if cpuinfo.is_file() else "")
    return found.group(1) if found else platform.machine()


def cuda_version():
    found = re.search(r"release [\d.]+, V([\d.]+)", output_of(find_nvcc() or "nvcc", "--version"))
    return found.group(1) if found else None


def tensors_of(path):
    """Name -> (type, shape, bytes) of a safetensors file."""
    data = path.read_bytes()
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    header.pop("__metadata__", None)
    return {
        name: (at["dtype"], at["shape"], data[end + at["data_offsets"][0] : end + at["data_offsets"][1]])
        for name, at in header.items()
    }


def different_tensors(a, b):
    a, b = tensors_of(a), tensors_of(b)
    return sorted(name for name in a.keys() | b.keys() if a.get(name) != b.get(name))
