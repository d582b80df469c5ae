"""What is built to be measured."""

import os
import pathlib
import shutil
import subprocess
import sys

from benchmarks.report import ROOT

# A quick run leaves out optimisation across crates, which takes longer than all that it measures, and what debuggers read.
QUICK_PROFILE = ('lto="off"', "codegen-units=16", "debug=false")
QUICK = tuple(word for setting in QUICK_PROFILE for word in ("--config", f"profile.release.{setting}"))


def ehl(options):
    """The binary that users have."""
    target = os.environ.get("CARGO_TARGET_DIR", str(ROOT / "target"))
    cargo("build", "--release", "--target-dir", target, options=options)
    return str(pathlib.Path(target).resolve() / "release" / "ehl")


def bench(name, *arguments, options, is_optimised=True, **environment):
    """Runs one of cli/benches; gives what it printed. One that measures the kernel or memory need not be optimised."""
    profile = () if is_optimised or options.quick else ("--profile", "dev")
    return cargo("bench", *profile, "--bench", name, "--", *arguments, options=options, **environment)


def cargo(command, *words, options, **environment):
    words = [*QUICK, *words] if options.quick else words
    command = ["cargo", command, "--quiet", "--locked", "--package", "ehl", *words]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, env={**os.environ, **environment}).stdout


def has_cargo(what):
    found = shutil.which("cargo") is not None
    if not found:
        print(f"note: {what} left out: no cargo to build what measures them", file=sys.stderr)
    return found
