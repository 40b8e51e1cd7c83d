"""fit: a recipe becomes a run folder. Everything that can be refused is refused before training starts."""

from __future__ import annotations

import logging
import os
import socket
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import yaml

from counterpoint.base.learner import Learner
from counterpoint.base.recipe import Recipe, lookup, override
from counterpoint.core.errors import CounterpointError
from counterpoint.core.files import write_atomic, write_json
from counterpoint.train.build import check_method
from counterpoint.train.callbacks.checkpoint import Checkpoints, Interrupted
from counterpoint.train.callbacks.log import MetricsLog, read
from counterpoint.train.callbacks.progress import ProgressLines
from counterpoint.train.console import Output, duration
from counterpoint.train.modalities import Earlier, Loaded, Reporting, modality_of
from counterpoint.train.model import recipe_from, recipe_values, save_model
from counterpoint.train.run import Clock, Run, new_run, now, open_run, resumable
from counterpoint.train.stamp import make_stamp, peak_memory_mb
from counterpoint.train.strategy import strategy_for

RUN_VARIABLE = "COUNTERPOINT_RUN"  # tells processes that Lightning starts for a strategy which folder is theirs


def fit(spec: str | Recipe = "", *, out: str | Path | None = None, resume: bool = False, overwrite: bool = False,
        init_from: str | Path | None = None, quiet: bool = False, metrics: Sequence[str] | None = None,
        changes: Mapping[str, Any] | None = None, claimed: Callable[[Run], None] | None = None) -> Run:
    """Train a recipe into a run folder.

    Parameters
    ----------
    spec : str or Recipe
        ``"NAME"``, ``"NAME.VARIANT"`` or a recipe; may be left out when an existing run is resumed.
    out : path, optional
        The run folder; by default the next number under ``runs/NAME``.
    resume : bool
        Go on exactly where a run stopped: the folder ``out``, or the newest unfinished run of the recipe.
    overwrite : bool
        Replace the run in ``out``.
    init_from : path, optional
        Start from the weights of another run (its encoder must fit); a new run all the same.
    quiet : bool
        Print nothing; train.log still has everything.
    metrics : sequence of str
        Scores of the encoder and its baselines at the end; those of the modality by default; empty: no evaluation.
    changes : mapping, optional
        Settings that differ from the recipe, dotted: ``{"method.temperature": 0.2, "epochs": 5}``.

    claimed : callable, optional
        Told of the run as soon as its folder is this run's own, also when it then fails.

    Returns
    -------
    Run
        The finished run.

    Raises
    ------
    CounterpointError
        Whatever was given and cannot work: names, settings, data, folder.
    """
    output = Output(quiet=quiet)
    if resume:
        recipe, run = _resumed(spec, out, changes or {})
    else:
        recipe = override(lookup(spec) if isinstance(spec, str) else spec, changes or {})
        check_method(recipe.name, recipe.method)
    modality = modality_of(recipe.name)
    loaded = modality.load(recipe)
    if not resume:
        run = _claim_folder(loaded.recipe, out, overwrite)
    output.log = run.path / "train.log"
    if claimed is not None and _is_main():
        claimed(run)
    with _accounted(run, output), output.capture_warnings():
        _describe(run, loaded, output, resume=resume)
        earlier = _earlier(run, init_from, resume=resume)
        if earlier is not None:
            loaded = modality.adopt(loaded, earlier)
        learner = modality.build(loaded)
        if earlier is not None and not resume:
            modality.initialise(learner, earlier.read(), earlier.place)
        clock = Clock(_seconds_before(run))
        _train(learner, run, loaded, output, clock, resume=resume)
        if learner.global_rank == 0:
            _finish(learner, run, loaded, output, clock, metrics=modality.METRICS if metrics is None else metrics)
    return run


def _resumed(spec: str | Recipe, out: str | Path | None, changes: Mapping[str, Any]) -> tuple[Recipe, Run]:
    wanted = (lookup(spec) if isinstance(spec, str) else spec) if spec else None
    if wanted is None and out is None:
        raise CounterpointError("--resume needs a recipe or a folder.", "", "counterpoint fit --resume --out RUN")
    run = resumable(out, wanted.name, wanted.variant) if wanted else resumable(out, "", "")
    status = run.status()
    if status["status"] == "done":
        raise CounterpointError(f"{run.path} is finished.", "", f"counterpoint evaluate {run.path}")
    if status["status"] == "running" and status.get("host") == socket.gethostname() \
            and status.get("pid") != os.getpid() and psutil.pid_exists(status.get("pid", -1)):
        raise CounterpointError(f"{run.path} is being trained by process {status['pid']}.", "",
                                f"kill {status['pid']}, then --resume")
    saved = recipe_from(yaml.safe_load((run.path / "recipe.yaml").read_text(encoding="utf-8")))
    asked = override(saved, changes)
    if asked != saved:
        old, new = recipe_values(saved), recipe_values(asked)
        differing = [f"{key}: {old[key]} -> {new[key]}" for key in old if old[key] != new[key]]
        raise CounterpointError(f"A resumed run keeps its settings; changed: {'; '.join(differing)}.", "",
                                "leave those flags out, or --init-from the run's model for a new run")
    return saved, run


def _claim_folder(recipe: Recipe, out: str | Path | None, overwrite: bool) -> Run:
    if os.environ.get(RUN_VARIABLE):
        return Run(Path(os.environ[RUN_VARIABLE]))
    if int(os.environ.get("RANK", "0")) > 0:
        if out is None:
            raise CounterpointError("Several processes were started and none knows the run folder.",
                                    "Give all of them the same one.", "--out RUN_FOLDER")
        return Run(Path(out).resolve())
    run = new_run(recipe.name, recipe.variant, out=None if out is None else Path(out), overwrite=overwrite)
    if str(recipe.devices) != "1":
        os.environ[RUN_VARIABLE] = str(run.path)
    return run


def _is_main() -> bool:
    return int(os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0"))) == 0


@contextmanager
def _accounted(run: Run, output: Output) -> Iterator[None]:
    """However the work ends, run.json says how."""
    try:
        yield
    except (Interrupted, KeyboardInterrupt):
        run.update(status="interrupted", ended=now())
        again = f"counterpoint fit --resume --out {run.path}"
        output.print(f"\ninterrupted; go on with: {again}" if run.last.is_file() else "\ninterrupted before the first "
                     "checkpoint")
        raise KeyboardInterrupt from None
    except BaseException as error:
        output.note(traceback.format_exc())
        try:
            run.update(status="failed", ended=now(), message=str(error))
        except CounterpointError:
            output.quiet = False
        raise
    finally:
        os.environ.pop(RUN_VARIABLE, None)


def _describe(run: Run, loaded: Loaded, output: Output, *, resume: bool) -> None:
    if not _is_main():
        return
    recipe, modality = loaded.recipe, modality_of(loaded.recipe.name)
    run.update(status="running", name=recipe.name, variant=recipe.variant, pid=os.getpid(),
               host=socket.gethostname(), **({} if resume else {"started": now(), "step": 0, "epoch": 0}))
    if not resume:
        write_atomic(run.path / "recipe.yaml", yaml.safe_dump(_plain(recipe_values(recipe)), sort_keys=False))
        write_json(run.path / "stamp.json", make_stamp(seed=recipe.seed, data=modality.data_stamp(loaded)))
    output.print(f"{recipe.name}.{recipe.variant} on {modality.headline(loaded)}, {recipe.epochs} epochs, batch "
                 f"{recipe.data.batch_size}, seed {recipe.seed} -> {run.path}")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _earlier(run: Run, init_from: str | Path | None, *, resume: bool) -> Earlier | None:
    """The weights that training goes on from: of this run's last checkpoint, or of another run."""
    if resume:
        return Earlier(str(run.last), partial(_checkpoint, run.last)) if run.last.is_file() else None
    if init_from is None:
        return None
    from safetensors.torch import load_file

    folder = Path(init_from) if (Path(init_from) / "model.safetensors").is_file() else open_run(init_from).model
    return Earlier(str(folder), partial(load_file, folder / "model.safetensors"))


def _checkpoint(path: Path) -> dict[str, Any]:
    import torch

    found: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
    return found


def _seconds_before(run: Run) -> float:
    rows = read(run.path / "metrics.jsonl")
    return float(rows[-1]["seconds"]) if rows else 0.0


def _train(learner: Learner, run: Run, loaded: Loaded, output: Output, clock: Clock, *, resume: bool) -> None:
    from lightning.pytorch import Trainer
    from torch import distributed

    recipe, modality = learner.settings, modality_of(learner.settings.name)
    for name in ("lightning.pytorch", "lightning.fabric", "lightning"):
        logging.getLogger(name).setLevel(logging.ERROR)
    progress, checkpoints = ProgressLines(output), Checkpoints(run)
    metrics = run.path / "metrics.jsonl"
    probe = modality.probe(loaded, Reporting(metrics, clock, checkpoints, progress, output.warn))
    trainer = Trainer(
        max_epochs=recipe.epochs, max_steps=recipe.max_steps or -1, accelerator=recipe.accelerator,
        devices=recipe.devices, strategy=strategy_for(learner), precision=recipe.precision,
        accumulate_grad_batches=recipe.accumulate, logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, num_sanity_val_steps=0, use_distributed_sampler=False,
        default_root_dir=run.path, log_every_n_steps=recipe.log_every,
        callbacks=[MetricsLog(metrics, every=recipe.log_every, clock=clock), progress, probe, checkpoints])
    if not resume:
        learner.solve(modality.training_data(loaded))
    learner.loader = lambda: modality.loader(  # made inside fit, where rank and world size are known
        loaded, rank=trainer.global_rank, world_size=trainer.world_size, plan=learner.batch_plan)
    trainer.fit(learner, ckpt_path=run.last if resume else None, weights_only=True)
    if distributed.is_available() and distributed.is_initialized():
        distributed.destroy_process_group()  # what follows, further training included, the first process does alone


def _finish(learner: Learner, run: Run, loaded: Loaded, output: Output, clock: Clock, *,
            metrics: Sequence[str]) -> None:
    trained, modality = clock.seconds(), modality_of(learner.settings.name)
    save_model(learner, run.model, modality.describe_model(learner, loaded))
    if metrics:
        modality.evaluate(learner, loaded, run, output, metrics=metrics)
    run.update(status="done", ended=now(), seconds_training=round(trained, 1), seconds=round(clock.seconds(), 1),
               peak_memory_mb=round(peak_memory_mb()), warnings=output.warnings)
    output.print(f"trained in {duration(trained)}, evaluated in {duration(clock.seconds() - trained)}, "
                 f"peak memory {peak_memory_mb() / 1024:.2f} GB")
