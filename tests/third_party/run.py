#!/usr/bin/env python
"""Runs packages made for Keras 2 under the name `keras` that gpukeras lends itself, and says what came of it.

    python tests/third_party/run.py                     all of them; needs a package index
    python tests/third_party/run.py keras-bert anago    some
    python tests/third_party/run.py --markdown          the table of docs/compatibility.md

Each package (see `third_party_packages.py`) is fetched with pip into a temporary folder, without its
dependencies, so that no other Keras comes along; its own tests run there, or a program of the folder `programs`.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE))

from third_party_packages import PACKAGES  # noqa: E402

OWN_TESTS = "its tests"


class FetchError(Exception):
    """The package index did not give a package."""


@dataclass
class Outcome:
    """What running one package gave.

    Attributes:
        passed, skipped: how many tests; a program counts as one.
        expected: failed tests and why they had to.
        broken: failed tests nobody expected, or what else went wrong, with the first line of the error.
        gone: tests expected to fail that passed or did not run.
        seconds: how long it ran.
    """

    passed: int = 0
    skipped: int = 0
    expected: dict = field(default_factory=dict)
    broken: dict = field(default_factory=dict)
    gone: list = field(default_factory=list)
    seconds: float = 0.0

    @property
    def good(self):
        """Whether something ran and everything went as expected."""
        return bool(self.passed) and not self.broken and not self.gone

    def words(self):
        """The result in a few words, as the table has it."""
        parts = [f"{self.passed} passed"]
        failed = len(self.expected) + len(self.broken)
        parts += [f"{failed} failed"] if failed else []
        parts += [f"{self.skipped} skipped"] if self.skipped else []
        return ", ".join(parts)


def _command(*arguments, cwd=None, env=None, timeout=600):
    """(exit status, output) of a process; 124 when it took too long."""
    try:
        done = subprocess.run(
            arguments, cwd=cwd, env=env, timeout=timeout, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
    except subprocess.TimeoutExpired as error:
        text = error.stdout or b""
        return 124, text.decode(errors="replace") if isinstance(text, bytes) else text
    return done.returncode, done.stdout


def _pip(*arguments):
    status, output = _command(sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments)
    if status:
        lines = [line for line in output.splitlines() if "ERROR" in line or "error:" in line] or output.splitlines()
        raise FetchError(lines[-1].strip() if lines else f"pip ended with status {status}")


def fetch(package, folder):
    """Installs what a package needs beside gpukeras, and unpacks its source when its own tests are to run.

    Arguments:
        package: Package.
        folder: Path, existing.

    Returns:
        (folder of the installed modules, folder to run in).

    Raises:
        FetchError: when the package index does not give one of them.
    """
    site, work = folder / "site", folder / "work"
    work.mkdir()
    wanted = [*package.needs] if package.program is None else [package.requirement, *package.needs]
    if wanted:
        _pip("install", "--quiet", "--no-deps", "--no-compile", "--target", str(site), *wanted)
    if package.program is not None:
        return site, work
    _pip("download", "--quiet", "--no-deps", "--no-binary", package.name, "--dest", str(folder), package.requirement)
    archive = next(folder.glob("*.tar.gz"))
    with tarfile.open(archive) as tar:
        tar.extractall(work, filter="data")
    return site, next(work.iterdir())


def environment(package, folder, site, work):
    """The variables a package runs with: this checkout, what was fetched, a home of its own.

    Arguments:
        package: Package.
        folder: Path for the start-up file and the home.
        site: Path of the installed modules.
        work: Path the package runs in.

    Returns:
        dict.
    """
    start, home = folder / "start", folder / "home"
    for path in (start, home):
        path.mkdir(exist_ok=True)
    (start / "sitecustomize.py").write_text(package.shim)
    dropped = ("KERAS_HOME", "KERAS_BACKEND", "TF_KERAS", "PYTHONWARNINGS", "PYTEST_ADDOPTS", "GPUKERAS_LONG_TESTS")
    env = {k: v for k, v in os.environ.items() if k not in dropped and not k.startswith("PYTEST_XDIST")}
    env["PYTHONPATH"] = os.pathsep.join(map(str, (start, ROOT, work, site)))
    return env | {"HOME": str(home), "MPLBACKEND": "agg", "PYTHONDONTWRITEBYTECODE": "1", **dict(package.env)}


def command(package, report):
    """The command line that runs a package.

    Arguments:
        package: Package.
        report: Path of the report its tests write.

    Returns:
        list of str.
    """
    run = [sys.executable, "-m", "gpukeras"]
    if package.program is not None:
        return [*run, str(HERE / "programs" / package.program)]
    left_out = [f"--ignore={path}" for path in package.ignored] + [f"--deselect={test}" for test in package.left_out]
    options = ["-p", "no:cacheprovider", "-q", "--tb=short", "-o", "addopts=", f"--junitxml={report}"]
    return [*run, "-m", "pytest", *options, *left_out, *package.options, *package.tests]


def read_report(path):
    """What a report of pytest says.

    Arguments:
        path: Path of the XML file.

    Returns:
        ({test: None or first line of the error}, number of skipped tests); a test is named
        'folder.module.Class::test', a module that could not be imported by its name alone.
    """
    results, skipped = {}, 0
    for case in ET.parse(path).getroot().iter("testcase"):
        name = "::".join(filter(None, (case.get("classname"), case.get("name"))))
        bad = next((c for c in case if c.tag in ("failure", "error")), None)
        if bad is not None:
            words = bad.get("message") or ""
            if words in ("", "collection failure"):
                words = (bad.text or "failed").strip().splitlines()[-1]
            results[name] = words.strip().splitlines()[0]
        elif case.find("skipped") is not None:
            skipped += 1
        else:
            results.setdefault(name, None)
    return results, skipped


def judge(package, results, skipped=0):
    """Compares results with what is expected of a package.

    Arguments:
        package: Package.
        results: dict, test to None or the error.
        skipped: int.

    Returns:
        Outcome.
    """
    outcome = Outcome(skipped=skipped)
    met = set()
    for test, error in results.items():
        reason = next((key for key in package.expected if test.endswith(key)), None)
        if error is None:
            outcome.passed += 1
        elif reason is None:
            outcome.broken[test] = error
        else:
            outcome.expected[test] = package.expected[reason]
            met.add(reason)
    outcome.gone = [key for key in package.expected if key not in met]
    if not results:
        outcome.broken["everything"] = "no test ran"
    return outcome


def run(package, folder):
    """Fetches and runs one package.

    Arguments:
        package: Package.
        folder: Path, existing and empty.

    Returns:
        Outcome.

    Raises:
        FetchError: when the package index does not give it.
    """
    site, work = fetch(package, folder)
    report = folder / "report.xml"
    began = time.monotonic()
    env = environment(package, folder, site, work)
    status, output = _command(*command(package, report), cwd=work, env=env, timeout=package.timeout)
    (folder / "output.txt").write_text(output)
    last = next((line for line in reversed(output.splitlines()) if line.strip()), "")
    if package.program is not None:
        outcome = judge(package, {package.program: last or "failed" if status else None})
    elif report.exists():
        outcome = judge(package, *read_report(report))
    else:
        outcome = Outcome(broken={"everything": f"took more than {package.timeout} s" if status == 124 else last})
    outcome.seconds = time.monotonic() - began
    return outcome


def remarks(package, outcome):
    """What a reader of the table is to know: what had to fail and why, what was left out, what was lent."""
    parts = []
    for reason in dict.fromkeys(package.expected.values()):
        count = sum(r == reason for r in outcome.expected.values())
        parts.append(f"{count} fail: {reason}")
    for reason in dict.fromkeys([*package.left_out.values(), *package.ignored.values()]):
        parts.append(f"left out: {reason}")
    if package.shim:
        parts.append(package.shim_reason)
    if package.remark:
        parts.append(package.remark)
    return "; ".join(parts)


def markdown(rows):
    """The table of docs/compatibility.md.

    Arguments:
        rows: list of (Package, Outcome).

    Returns:
        str.
    """
    lines = ["| package | what it is | what ran | result | remarks |", "| --- | --- | --- | --- | --- |"]
    for package, outcome in rows:
        what = OWN_TESTS if package.program is None else f"`programs/{package.program}`"
        name = f"{package.name} {package.version}"
        lines.append(f"| {name} | {package.about} | {what} | {outcome.words()} | {remarks(package, outcome)} |")
    return "\n".join(lines)


def _one(package, keep):
    folder = Path(tempfile.mkdtemp(prefix="gpukeras-third-"))
    try:
        outcome = run(package, folder)
    except FetchError as error:
        outcome = Outcome(broken={"fetching it": str(error)})
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
    lines = [f"{'ok ' if outcome.good else 'BAD'} {package.requirement}: {outcome.words()}, {outcome.seconds:.0f} s"]
    lines += [f"      {test}: {error}" for test, error in outcome.broken.items()]
    lines += [f"      {test} was to fail and did not" for test in outcome.gone]
    lines += [f"      see {folder}"] if keep else []
    print("\n".join(lines), flush=True)
    return package, outcome


def main(arguments=None):
    """Runs the packages that are named, or all.

    Arguments:
        arguments: list of str; None takes the process's own.

    Returns:
        The exit status, int: 1 when a package did not do as expected.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="PACKAGE", help="default: all")
    parser.add_argument("--list", action="store_true", help="print the packages and end")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown at the end")
    parser.add_argument("--json", type=Path, help="file to write the outcomes to")
    parser.add_argument("--jobs", type=int, default=1, help="packages at the same time; default: 1")
    parser.add_argument("--keep", action="store_true", help="leave the folders, with output.txt in each")
    args = parser.parse_args(arguments)
    unknown = set(args.names) - {p.name for p in PACKAGES}
    if unknown:
        parser.error(f"not in the table: {', '.join(sorted(unknown))}; --list prints what is")
    chosen = [p for p in PACKAGES if not args.names or p.name in args.names]
    if args.list:
        print("\n".join(f"{p.requirement:36} {p.program or OWN_TESTS}" for p in chosen))
        return 0
    with ThreadPoolExecutor(args.jobs) as pool:
        rows = list(pool.map(lambda p: _one(p, args.keep), chosen))
    bad = [p.name for p, outcome in rows if not outcome.good]
    if args.json:
        args.json.write_text(json.dumps({p.requirement: vars(o) for p, o in rows}, indent=1))
    if args.markdown:
        print(markdown(rows))
    print(f"{len(rows) - len(bad)} of {len(rows)} packages as expected" + (f"; not: {', '.join(bad)}" if bad else ""))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
