#!/usr/bin/env python3
"""Makes the embedded model: every step of the recipe, one after another.

  python make.py --miniature              all steps in minutes, with tiny sizes, to try the recipe
  python make.py                          version 0.3.0: about three hours of training on two CPU cores
  python make.py --plan shipped           only measures the bundle that is there, on the held-out holes
  python make.py --list                   the steps, and which of them are done
  python make.py --from decoder-0.3.0     this step and all after it, anew
  python make.py --only evaluate          this step alone, anew

A step is skipped when what it makes is there and was made from the same settings and the same steps before it.  A
step that was interrupted goes on from its checkpoint.  A step whose settings changed is made anew: what it left
is deleted first.  The code is not part of the comparison: after a change of the code, name the step with --from.

Everything is left in one work folder (``--work``): the data of all versions in ``data/``, one folder a version, the
configurations as they were used in ``config/``, one log a step in ``logs/``.  README.md tells what each step makes.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

RECIPE = Path(__file__).resolve().parent
BUNDLE = RECIPE.parent
PROJECT = BUNDLE.parent.parent
CONFIG = RECIPE / "config"
PLANS = {
    "cpu": (("0.1.0", "cpu.json"), ("0.2.0", "cpu-continue.json"), ("0.3.0", "cpu-graft.json")),
    "gpu": (("gpu", "gpu.json"),),
    "shipped": (("shipped", "cpu-graft.json"),),
}
SPLITS = ("heldout", "train1", "train2")
LAST_LINES = 20  # of a log, shown when a step fails


@dataclass(frozen=True)
class Step:
    """One step: ``commands`` run in the recipe's folder, and then ``outputs`` (paths in the work folder) are there.

    settings: what of the configuration the step depends on.  needs: the steps whose outputs it reads.  leftovers:
    patterns of further files that it leaves, which are deleted with the outputs when the step is made anew.
    """

    name: str
    what: str
    commands: list
    outputs: list
    needs: list = field(default_factory=list)
    settings: object = None
    leftovers: tuple = ()


def merged(base, change):
    """``base`` with the fields of ``change``; objects are merged field by field."""
    out = dict(base)
    for key, value in change.items():
        both = isinstance(value, dict) and isinstance(out.get(key), dict)
        out[key] = merged(out[key], value) if both else value
    return out


def configurations(plan, is_miniature):
    """{version: configuration} of a plan, in the order of the versions."""
    out = {}
    tiny = json.loads((CONFIG / "miniature.json").read_text()) if is_miniature else {}
    for version, file in PLANS[plan]:
        config = json.loads((CONFIG / file).read_text())
        out[version] = merged(merged(config, tiny.get("all", {})), tiny.get(version, {}))
    return out


class Recipe:
    """The steps of a plan in a work folder."""

    def __init__(self, work, plan, configs, workers, corpus):
        self.work, self.plan, self.configs, self.workers, self.corpus = work, plan, configs, workers, corpus
        self.data = work / "data"
        self.steps = list(self.shipped() if plan == "shipped" else self.trained())

    def config(self, version):
        return self.work / "config" / f"{version}.json"

    def module(self, name, *arguments):
        return [sys.executable, "-m", name, *map(str, arguments)]

    def parallel(self, name, *arguments):
        """A training script under as many single-threaded workers as there are cores."""
        if self.workers == 1:
            return self.module(name, *arguments)
        start = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(self.workers)]
        return [*start, "-m", name, *map(str, arguments)]

    def corpus_step(self, version, split):
        config = self.configs[version]
        grow = self.module("data.pack", "grow", self.corpus, "--out", self.data / "corpus.jsonl")
        fetch = self.module("data.corpus", "--data", self.data, "--config", self.config(version), *split)
        return Step(
            "corpus",
            "fetches the pinned packages with npm, keeps their TypeScript sources, drops copies",
            [grow if self.corpus else fetch],
            ["data/corpus.jsonl"],
            settings=[config.get("corpus"), json.loads((RECIPE / "corpus.json").read_text())["packages"], split, self.corpus],
        )

    def samples_step(self, version, names, needs, tokenizers=()):
        config = self.configs[version]
        common = ("--data", self.data, "--config", self.config(version), *tokenizers)
        return Step(
            "samples",
            "draws holes, retrieves chunks for them, stores all of it as token ids",
            [self.module("data.samples", *common, "--name", name) for name in names],
            [f"data/samples-{name}.npz" for name in names],
            needs,
            [config["samples"], config["prompt"]],
        )

    def measuring_steps(self, version, bundle, needs):
        """Rows on the held-out holes, and the block of the card that the program's statistics make of them."""
        holes = self.configs[version]["evaluation"]["holes"]
        rows = self.work / "held-out.jsonl"
        common = ("--data", self.data, "--config", self.config(version), "--bundle", bundle)
        yield Step(
            "evaluate",
            "completes held-out holes in five ways; one row for every hole",
            [self.module("evaluation.evaluate", *common, "--out", rows, "--count", holes, "--workers", self.workers)],
            ["held-out.jsonl"],
            needs,
            [holes],
            ("held-out.jsonl.part",),
        )
        script = PROJECT / "scripts/card-held-out.ts"
        yield Step(
            "card",
            "the block `held-out` of the card, as Markdown, by the program's statistics",
            [["npx", "--no-install", "--prefix", str(PROJECT), "tsx", str(script), str(rows), "--out", str(self.work / "held-out.md")]],
            ["held-out.md"],
            ["evaluate"],
        )

    def shipped(self):
        """Measures the bundle that this recipe belongs to; trains nothing."""
        yield self.corpus_step("shipped", ["--split", "heldout"])
        yield self.samples_step("shipped", ["heldout"], ["corpus"], ("--tokenizers", BUNDLE))
        hashes = [hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(BUNDLE.rglob("*.safetensors"))]
        evaluate, card = self.measuring_steps("shipped", BUNDLE, ["samples"])
        yield replace(evaluate, settings=[evaluate.settings, hashes])
        yield card

    def trained(self):
        """From the packages to a bundle and its measures."""
        first, last = next(iter(self.configs)), list(self.configs)[-1]
        config = self.configs[first]
        common = ("--data", self.data, "--config", self.config(first))
        yield self.corpus_step(first, [])
        yield Step(
            "tokenizer",
            "trains the byte pairs and writes both tokenizers",
            [self.module("data.tokenizer", *common)],
            ["data/tokenizers"],
            ["corpus"],
            [config["tokenizer_megabytes"], config["decoder"]["vocab_size"]],
        )
        yield self.samples_step(first, SPLITS, ["tokenizer"])
        yield Step(
            "copies",
            "measures of every sample how much of its missing line could be copied",
            [self.module("data.copies", "--data", self.data, "--name", name) for name in SPLITS],
            [f"data/copies-{name}.npy" for name in SPLITS],
            ["samples"],
        )
        before, curves = None, []
        for version in self.configs:
            yield from self.version(version, before, curves)
            before = version
        bundle = self.work / last / "bundle"
        evaluate, card = self.measuring_steps(last, bundle, [f"export-{last}"])
        yield evaluate
        if self.plan != "gpu":  # such a machine has no Node; the rows are carried away
            yield card
        yield from self.further_measures(last, bundle)

    def version(self, version, before, curves):
        """The steps of one version, which goes on from the bundle of the one before.

        curves: training curves of all parts that end up in the bundle; those of this version are added.
        """
        config, folder = self.configs[version], self.work / version
        minutes = config["minutes"]
        common = ("--data", self.data, "--work", folder, "--config", self.config(version))
        named = lambda part: f"{part}-{version}"  # noqa: E731
        needs, init = ["copies"], []
        if before:
            bundle = self.work / before / "bundle"
            keep = [] if minutes["projector"] else ["--keep-projector"]
            yield Step(
                named("start"),
                f"takes encoder and projector of version {before}",
                [self.module("training.start", "--data", self.data, "--work", folder, "--bundle", bundle, *keep)],
                [f"{version}/encoder.pt"] + ([f"{version}/projector.pt"] if keep else []),
                [f"export-{before}", "copies"],
            )
            needs, init = [named("start")], ["--init", bundle / "decoder/model.safetensors"]
        if "graft" in config:
            yield Step(
                named("graft"),
                "builds heads that copy into the decoder and trains them alone",
                [self.module("training.graft", *common, "--bundle", self.work / before / "bundle")],
                [f"{version}/grafted.safetensors", f"{version}/graft-curve.jsonl"],
                needs,
                [config["graft"], config["decoder"]],
            )
            needs, init = [named("graft")], ["--init", folder / "grafted.safetensors"]
            curves.append(folder / "graft-curve.jsonl")
        for part in ("decoder", "encoder", "projector"):
            if minutes[part] == 0:
                continue
            start = config["train_projector"].get("start") if part == "projector" else None
            if start:
                yield Step(
                    named("start-projector"),
                    "trains the projector towards what the decoder's first layer makes of a chunk",
                    [self.module("training.start_projector", *common)],
                    [f"{version}/projector-start.pt", f"{version}/start-vectors.pt"],
                    needs,
                    [start, config["encoder"], config["decoder"]],
                )
                needs = [named("start-projector")]
            more = init if part == "decoder" else []
            yield Step(
                named(part),
                f"trains the {part} for {minutes[part]} minutes",
                [self.parallel(f"training.train_{part}", *common, "--minutes", minutes[part], *more)],
                [f"{version}/{part}.pt", f"{version}/{part}-curve.jsonl"],
                needs,
                [minutes[part], config["encoder"], config["decoder"], config[f"train_{part}"], config["prompt"]],
            )
            needs = [named(part)]
            # The projector of a version is trained anew in a later one that trains it: its time then counts no more.
            later = list(self.configs.values())[list(self.configs).index(version) + 1 :]
            if part != "projector" or not any(c["minutes"]["projector"] for c in later):
                curves.append(folder / f"{part}-curve.jsonl")
        mixed = []
        if "mix" in config:
            share = config["mix"]["share"]
            yield Step(
                named("mix"),
                f"takes the mean of the decoders before and after: share {share} of the trained one",
                [self.module("training.mix", "--work", folder, "--bundle", self.work / before / "bundle", "--share", share)],
                [f"{version}/decoder-mixed.pt"],
                needs,
                share,
            )
            needs, mixed = [named("mix")], ["--decoder", folder / "decoder-mixed.pt"]
        yield Step(
            named("export"),
            "writes the bundle and checks it against the Hugging Face classes",
            [self.module("training.export", *common, "--out", folder / "bundle", "--version", version, *mixed, "--curves", *curves)],
            [f"{version}/bundle"],
            needs,
        )
        yield Step(
            named("curves"),
            "draws the training curves",
            [self.module("evaluation.curves", "--work", folder, "--out", self.work / f"curves-{version}.svg")],
            [f"curves-{version}.svg"],
            needs,
        )

    def further_measures(self, version, bundle):
        """The card's measures that stand outside its generated blocks, and the projectors of the ablations."""
        config, folder = self.configs[version], self.work / version
        holes, export = config["evaluation"]["bag_holes"], f"export-{version}"
        yield Step(
            "induction",
            "what code costs the decoder that stands in the prompt a second time (in the log)",
            [self.module("training.induction", "--data", self.data, "--bundle", bundle)],
            [],
            [export],
        )
        yield Step(
            "bag-gain",
            "what knowing the tokens of the retrieved chunks is worth (in the log)",
            [self.module("evaluation.bag_gain", "--data", self.data, "--bundle", bundle, "--count", holes)],
            [],
            [export],
            holes,
        )
        if "ablations" in config:
            common = ("--data", self.data, "--work", folder, "--config", self.config(version), "--workers", self.workers)
            steps = config["ablations"]["steps"]
            yield Step(
                "ablations",
                "trains the projectors of the ablations; `npm run check:ablations` measures them",
                [self.module("training.ablations", *common, "--out", self.work / "ablations", "--steps", steps)],
                ["ablations"],
                [export],
                [steps, config["train_projector"]],
                (f"{version}/ablation-*",),
            )

    def keys(self):
        """{step: hash of its settings and of the keys of the steps it needs}."""
        keys = {}
        for step in self.steps:
            parts = [step.name, step.settings, [keys[name] for name in step.needs]]
            keys[step.name] = hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()
        return keys

    def stamp(self, step):
        return self.work / "stamps" / f"{step.name}.json"

    def state(self, step, key):
        """``done``, ``begun`` (goes on from its checkpoint), ``changed`` (made with other settings) or ``to do``."""
        if not self.stamp(step).exists():
            return "to do"
        stamp = json.loads(self.stamp(step).read_text())
        if stamp["key"] != key:
            return "changed"
        is_there = all((self.work / path).exists() for path in step.outputs)
        return "done" if stamp["finished"] and is_there else "begun"

    def forget(self, step):
        """Deletes what the step left in the work folder."""
        left = [path for pattern in step.leftovers for path in self.work.glob(pattern)]
        for path in (*(self.work / output for output in step.outputs), *left):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        self.stamp(step).unlink(missing_ok=True)

    def run(self, step, key):
        """Runs the commands of a step, their output going to its log."""
        log = self.work / "logs" / f"{step.name}.log"
        for folder in (log.parent, self.stamp(step).parent, *((self.work / o).parent for o in step.outputs)):
            folder.mkdir(parents=True, exist_ok=True)
        self.stamp(step).write_text(json.dumps({"key": key, "finished": False}))
        print(f"{step.name:22} {step.what}", flush=True)
        began = time.monotonic()
        # Without it every process starts a thread a core, which wait for each other where other programs want the cores.
        env = {**os.environ, "OMP_NUM_THREADS": "1"} if self.workers == 1 else None
        with open(log, "a") as out:
            for command in step.commands:
                out.write(f"$ {' '.join(command)}\n")
                out.flush()
                status = subprocess.run(command, cwd=RECIPE, env=env, stdout=out, stderr=subprocess.STDOUT).returncode
                if status != 0:
                    lines = log.read_text().splitlines()[-LAST_LINES:]
                    raise SystemExit("\n".join([*lines, f"{step.name} failed with exit status {status}; the whole log is {log}"]))
        missing = [path for path in step.outputs if not (self.work / path).exists()]
        if missing:
            raise SystemExit(f"{step.name} ended without {', '.join(missing)}; its log is {log}")
        self.stamp(step).write_text(json.dumps({"key": key, "finished": True}))
        said = [line for line in log.read_text().splitlines() if not line.startswith("$ ")][-1:]
        print(f"{'':22} done in {time.monotonic() - began:.0f} s", *said[:1], sep=": ", flush=True)


def selected(recipe, args, keys):
    """The steps to run, in order; those that are to be made anew are forgotten first."""
    names = [step.name for step in recipe.steps]
    for name in filter(None, (args.start, args.only, args.until)):
        if name not in names:
            raise SystemExit(f"there is no step {name!r}; the steps are: {', '.join(names)}")
    if args.only:
        step = recipe.steps[names.index(args.only)]
        states = {s.name: recipe.state(s, keys[s.name]) for s in recipe.steps}
        waiting = [name for name in step.needs if states[name] != "done"]
        if waiting:
            raise SystemExit(f"{step.name} needs what these steps make: {', '.join(waiting)}; run them first")
        recipe.forget(step)
        return [step]
    steps = recipe.steps[: names.index(args.until) + 1] if args.until else recipe.steps
    if args.start:
        for step in recipe.steps[names.index(args.start) :]:
            recipe.forget(step)
    return steps


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, help="work folder (default: work/PLAN or work/miniature beside this file)")
    parser.add_argument("--plan", choices=tuple(PLANS), default="cpu")
    parser.add_argument("--miniature", action="store_true", help="tiny sizes and times: config/miniature.json")
    parser.add_argument("--list", action="store_true", help="print the steps and their states; run nothing")
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--from", dest="start", metavar="STEP", help="make this step and all after it anew")
    group.add_argument("--only", metavar="STEP", help="make this step alone anew")
    parser.add_argument("--until", metavar="STEP", help="end after this step")
    parser.add_argument("--corpus", type=Path, help="a packed corpus (data/pack.py) instead of packages from npm")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)), help="processes (default: cores); 1 also means one thread")
    args = parser.parse_args()
    if args.miniature and args.plan != "cpu":
        parser.error("--miniature is of the plan cpu")
    work = (args.work or RECIPE / "work" / ("miniature" if args.miniature else args.plan)).resolve()
    configs = configurations(args.plan, args.miniature)
    recipe = Recipe(work, args.plan, configs, args.workers, args.corpus and args.corpus.resolve())
    keys = recipe.keys()
    if args.list:
        for step in recipe.steps:
            print(f"{recipe.state(step, keys[step.name]):8} {step.name:22} {step.what}")
        return
    steps = selected(recipe, args, keys)
    for version, config in configs.items():
        recipe.config(version).parent.mkdir(parents=True, exist_ok=True)
        recipe.config(version).write_text(json.dumps(config, indent=2) + "\n")
    for step in steps:
        state = recipe.state(step, keys[step.name])
        if state == "done":
            print(f"{step.name:22} is done already", flush=True)
            continue
        if state == "changed":
            recipe.forget(step)
        recipe.run(step, keys[step.name])
    print(f"all is in {work}")


if __name__ == "__main__":
    main()
