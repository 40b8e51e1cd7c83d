"""Contrastive losses side by side: cost in multiples of their bare matrix products, and extra memory.

    python benchmarks/losses.py --sizes 1024x128 8192x128 --only nt_xent clip
    python benchmarks/losses.py --json losses.json

Each row runs in a process of its own. The floor is three ``torch.mm`` of the batch x batch x dim product (one
forward, two backward) in blocks of 1024 rows, timed in turn with the loss in the same process. Both are CPU time,
so neighbours on the machine distort the ratio little. Memory is the rise of the peak resident set over what the
process held before the first call, with inputs in place. float32, unit rows, forward and backward.
Losses over two stacked views ("2B") make four times the similarities: their own floor is 4.
lightly, open_clip and pytorch-metric-learning take part where they are installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Loss = Callable[[Any, Any], Any]


def ours(name: str, **keywords: Any) -> Callable[[float], Loss]:
    """One of Counterpoint's objectives of two arguments."""

    def make(temperature: float) -> Loss:
        import counterpoint.objectives as objectives

        function = getattr(objectives, name)
        return lambda a, b: function(a, b, temperature=temperature, **keywords)

    return make


def ours_sup_con(temperature: float) -> Loss:
    """Two views, ten samples a class."""
    import torch

    from counterpoint.objectives import sup_con_loss

    def loss(a: Any, b: Any) -> Any:
        return sup_con_loss(torch.stack([a, b]), torch.arange(len(a)) // 10, temperature=temperature)

    return loss


def plain(both: bool) -> Callable[[float], Loss]:
    """The few lines everybody writes, over one whole matrix."""

    def make(temperature: float) -> Loss:
        import torch
        from torch.nn.functional import cross_entropy

        def loss(a: Any, b: Any) -> Any:
            logits, target = a @ b.T / temperature, torch.arange(len(a))
            if not both:
                return cross_entropy(logits, target)
            return (cross_entropy(logits, target) + cross_entropy(logits.T, target)) / 2

        return loss

    return make


def lightly_nt_xent(temperature: float) -> Loss:
    """lightly's NTXentLoss."""
    from lightly.loss import NTXentLoss

    return NTXentLoss(temperature=temperature)


def open_clip_loss(temperature: float) -> Loss:
    """open_clip's ClipLoss."""
    from open_clip.loss import ClipLoss

    loss = ClipLoss()
    return lambda a, b: loss(a, b, 1.0 / temperature)


def open_clip_siglip(temperature: float) -> Loss:
    """open_clip's SigLipLoss."""
    from open_clip.loss import SigLipLoss

    loss = SigLipLoss()
    return lambda a, b: loss(a, b, 1.0 / temperature, logit_bias=-10.0)


def metric_learning(temperature: float) -> Loss:
    """pytorch-metric-learning's two-view loss on SupConLoss (its NTXentLoss is cubic in the batch)."""
    from pytorch_metric_learning.losses import SelfSupervisedLoss, SupConLoss

    return SelfSupervisedLoss(SupConLoss(temperature=temperature))


CASES: dict[str, tuple[str, str, Callable[[float], Loss]]] = {
    "info_nce": ("counterpoint", "B x B, one way", ours("info_nce")),
    "clip": ("counterpoint", "B x B, both ways", ours("clip")),
    "siglip": ("counterpoint", "B x B, sigmoid", ours("siglip")),
    "nt_xent": ("counterpoint", "2B x 2B", ours("nt_xent")),
    "dcl": ("counterpoint", "2B x 2B", ours("dcl_loss")),
    "sup_con": ("counterpoint", "2B x 2B", ours_sup_con),
    "plain_one_way": ("torch", "B x B, one way", plain(both=False)),
    "plain_both_ways": ("torch", "B x B, both ways", plain(both=True)),
    "open_clip_clip": ("open_clip", "B x B, both ways", open_clip_loss),
    "open_clip_siglip": ("open_clip", "B x B, sigmoid", open_clip_siglip),
    "lightly_nt_xent": ("lightly", "2B x 2B", lightly_nt_xent),
    "metric_learning_sup_con": ("pytorch_metric_learning", "2B x 2B", metric_learning),
}
"""name -> (package, what it computes, maker)."""


def resident(field: str) -> float:
    """VmRSS or VmHWM of this process in MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    raise SystemExit("memory is read from /proc: Linux only")


def floor_seconds(a: Any, b: Any) -> float:
    """CPU time of three products of the whole matrix, block by block."""
    import torch

    start = time.process_time()
    for rows in a.detach().split(1024):
        tile = torch.mm(rows, b.detach().T)
        torch.mm(tile, b.detach())
        torch.mm(tile.T, rows)
    return time.process_time() - start


def measure(name: str, batch: int, dim: int, options: argparse.Namespace) -> dict[str, Any]:
    """One row of the table, in this process."""
    import torch
    from torch.nn.functional import normalize

    torch.set_num_threads(options.threads)
    loss, generator = CASES[name][2](options.temperature), torch.Generator().manual_seed(0)
    a, b = (normalize(torch.randn(batch, dim, generator=generator), dim=1).requires_grad_() for _ in range(2))
    loss(a[:64].detach().requires_grad_(), b[:64].detach().requires_grad_()).backward()
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew from here
    before, times, floors, extra, value = resident("VmRSS"), [], [], 0.0, 0.0
    for _ in range(options.repeats + 1):
        a.grad = b.grad = None
        start = time.process_time()
        result = loss(a, b)
        result.backward()
        times.append(time.process_time() - start)
        value = float(result.detach())
        del result
        extra = extra or resident("VmHWM") - before  # of the first call alone: the floor comes after it
        floors.append(floor_seconds(a, b))
    seconds, floor = min(times[1:] or times), min(floors)
    return {"ratio": seconds / floor, "seconds": seconds, "floor": floor, "extra_mb": extra, "value": value}


def run_case(name: str, size: str, options: argparse.Namespace) -> dict[str, Any]:
    """The same in a fresh process; what went wrong is a row too."""
    package, kind, _ = CASES[name]
    row = {"loss": name, "package": package, "kind": kind, "size": size}
    if importlib.util.find_spec(package) is None:
        return row | {"error": "not installed"}
    command = [sys.executable, __file__, "--case", name, "--sizes", size, "--repeats", str(options.repeats)]
    command += ["--temperature", str(options.temperature), "--threads", str(options.threads)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        message = done.stderr.strip().splitlines()
        return row | {"error": message[-1] if message else f"ended with {done.returncode}"}
    return row | json.loads(done.stdout.splitlines()[-1])


def show(row: dict[str, Any]) -> None:
    """One line."""
    head = f"{row['size']:>10}  {row['loss']:<24} {row['kind']:<17}"
    if "error" in row:
        print(f"{head} {row['error'][:60]}", flush=True)
    else:
        print(f"{head} {row['ratio']:7.2f} x floor  {row['extra_mb']:8.0f} MB  {row['seconds']:8.3f} s", flush=True)


def main() -> None:
    """Read the options, run the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", default=["1024x128", "4096x128", "8192x128"], metavar="BxD")
    parser.add_argument("--only", nargs="+", choices=list(CASES), default=list(CASES))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--temperature", type=float, default=0.1)
    parser.add_argument("--json", type=Path, help="also write the rows here")
    parser.add_argument("--case", choices=list(CASES), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        batch, dim = (int(part) for part in options.sizes[0].split("x"))
        print(json.dumps(measure(options.case, batch, dim, options)))
        return
    rows = []
    for size in options.sizes:
        for name in options.only:
            rows.append(run_case(name, size, options))
            show(rows[-1])
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
