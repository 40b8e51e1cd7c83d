"""
A simulated subject and its noise ceilings
==========================================

Nothing on this page is a measurement. The cortex, its areas and its networks are those of a group atlas; what voxels
respond to, how strongly and with how much noise are assumptions. In return the truth is known, so that an estimate can
be checked.
"""

import matplotlib.pyplot as plt
import numpy as np

from counterpoint.brain import Subject, simulate_subject
from counterpoint.report.cortex import colours, hemisphere, picture, scale
from counterpoint.report.cortex_values import spread_out

data = simulate_subject(train=300, test=150, voxels=4000, space="fsaverage5", features="factors", sprites="procedural")
subject = Subject(data)
print(subject.describe())

# %%
# What is doubtful about it
# -------------------------
# ``check`` counts what is odd and refuses what would spoil a training. Here the second session is stored as int16 while
# the file says per cent; z-scores within sessions remove that, statistics over all trials would not.

print(subject.check() or "nothing")

spoilt = data.responses.copy()
spoilt[data.session == data.session.max()] *= 300
fields = {"session": data.session, "run": data.run, "split": data.split, "unit": "percent"}
for complaint in Subject.from_arrays(spoilt, data.stimulus_id, **fields).check():
    print("-", complaint)

# %%
# The ceiling on the flat map
# ---------------------------
# The share of variance, in per cent, that the mean of three showings could at best be explained to, estimated from the
# repeats of the 150 test pictures. It bounds the squared correlation. Dots are single voxels, of which half lie in the
# visual network; the back of the head is in the middle, the top of the brain up.

ceiling = subject.noise_ceiling()
halves = spread_out(ceiling, data.space.index, "fsaverage5")
how = scale(np.concatenate(halves))
figure, axes = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
for axis, side, half in zip(axes, ("left", "right"), halves, strict=True):
    flat = hemisphere("fsaverage5", "flat", side)
    image, extent = picture(flat, colours(flat, half, None, how), "flat", detail=2)
    axis.imshow(image, extent=extent)
    axis.set_axis_off()
    axis.set_title(side, fontsize=10)
key = plt.cm.ScalarMappable(plt.Normalize(how.low, how.high), how.colours)
figure.colorbar(key, ax=axes, shrink=0.7, label="noise ceiling (% of variance)")
plt.show()

# %%
# Networks differ, and the estimate can be checked
# ------------------------------------------------
# A real data set ends at the first of these columns. The second is what the simulation planted.

for label, name in data.network_names.items():
    inside = data.networks == label
    if inside.any():
        estimated, true = np.median(ceiling[inside]), np.median(data.truth["ceiling"][inside])
        print(f"{name:20} {inside.sum():5} voxels   estimated {estimated:5.1f} %   planted {true:5.1f} %")

# %%
# Where nothing is planted the estimate is not zero on average, since it is cut off at zero from below. Trusted voxels
# are therefore chosen by the ceiling of other data than the test set: ``--data.min_ceiling`` uses training repeats, or
# what came with the data.

figure, axis = plt.subplots(figsize=(4.6, 4.2), layout="constrained")
axis.plot(data.truth["ceiling"], ceiling, ".", markersize=2, color="#0b5fa5", alpha=0.4)
axis.plot([0, 100], [0, 100], color="#5a6574", linewidth=0.8)
axis.set(
    xlabel="planted ceiling (%)", ylabel="estimated from repeats (%)", xlim=(0, 100), ylim=(0, 100), aspect="equal"
)
axis.spines[["top", "right"]].set_visible(False)
plt.show()
error = ceiling - data.truth["ceiling"]
print(f"median error {np.median(error):+.1f} points, nine of ten voxels within {np.quantile(abs(error), 0.9):.0f}")
