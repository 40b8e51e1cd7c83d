"""
A small training, from recipe to report
=======================================

``fit`` turns a recipe into a run folder: weights, every number with its protocol, figures and one offline page. The
same in a terminal: ``counterpoint fit simclr.tiny --data digits --epochs 3``.
"""

import json
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import counterpoint as cp

folder = Path(tempfile.mkdtemp())
run = cp.fit(
    "simclr.tiny",
    out=folder / "run",
    quiet=True,
    **{
        "data.source": "digits",
        "data.options": {},
        "data.size": 16,
        "data.limit": 1000,
        "epochs": 4,
        "probe_every": 1,
        "log_every": 1,
    },
)
print("\n".join(sorted(str(path.relative_to(run.path)) for path in run.path.iterdir())))

# %%
# Scores beside their baselines
# -----------------------------
# Nothing is a good score by itself. The untrained network has the same seed, so it is what the run started from.

evaluation = json.loads((run.path / "evaluation.json").read_text())
for row in evaluation["scores"]:
    print(
        f"{row['metric']:14} {row['model']:10} {row['value']:.3f}  [{row['low']:.3f}, {row['high']:.3f}]  "
        f"{row['protocol']}, n = {row['n']}"
    )

# %%
# How it went
# -----------
# ``metrics.jsonl`` has one line per logged step.

lines = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]
steps = [row for row in lines if row["kind"] == "step"]
figure, axes = plt.subplots(figsize=(6, 3), layout="constrained")
axes.plot([row["step"] for row in steps], [row["loss"] for row in steps], color="#0b5fa5")
axes.set(xlabel="optimiser step", ylabel="loss (NT-Xent)")
axes.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# The figures of the report
# -------------------------
# The report is one page, ``report.html``; its figures also lie beside it as SVG.

print(f"report.html: {(run.path / 'report.html').stat().st_size / 1e6:.2f} MB")
print("\n".join(sorted(path.name for path in (run.path / "figures").glob("*.svg"))))

# %%
# Use the model
# -------------
# Arrays in, arrays out.

model = cp.load(run.path)
pictures = np.random.default_rng(0).integers(0, 256, (5, 1, 16, 16), dtype=np.uint8)
print(model.embed(pictures).shape)
