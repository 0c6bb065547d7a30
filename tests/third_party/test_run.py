"""The runner of third-party packages: table, commands, verdicts; with GPUKERAS_LONG_TESTS=1 the packages themselves."""

import importlib.util
import os
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent


def _runner():
    spec = importlib.util.spec_from_file_location("gpukeras_third_party_run", HERE / "run.py")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


run = _runner()
PACKAGES = run.PACKAGES
Package = type(PACKAGES[0])

REAL = {"keras", "tensorflow", "tensorflow-gpu", "tf-keras", "keras-nightly", "theano"}

REPORT = """<testsuites><testsuite>
<testcase classname="tests.test_a.TestA" name="test_good"/>
<testcase classname="tests.test_a.TestA" name="test_bad"><failure message="ValueError: no&#10;more"/></testcase>
<testcase classname="tests.test_a.TestA" name="test_no"><skipped message="not here"/></testcase>
<testcase classname="" name="tests.test_b"><error message="collection failure">Traceback
E   ImportError: no</error></testcase>
</testsuite></testsuites>"""


def package(**more):
    return Package("some", "1.0", "something", **more)


class TestTable:
    def test_packages_of_many_kinds_each_once(self):
        names = [p.name.lower() for p in PACKAGES]
        assert len(names) == len(set(names)) >= 16
        assert sum(p.program is None for p in PACKAGES) >= 8

    @pytest.mark.parametrize("p", PACKAGES, ids=lambda p: p.name)
    def test_entry(self, p):
        assert p.version[0].isdigit() and p.about
        fetched = [p.name, *(need.split("==")[0] for need in p.needs)]
        assert not REAL & {name.lower() for name in fetched}, "another Keras would come along"
        reasons = [*p.expected.values(), *p.ignored.values(), *p.left_out.values()]
        assert all(reason.strip() for reason in reasons)
        assert bool(p.shim) == bool(p.shim_reason)
        compile(p.shim, "shim", "exec")
        if p.program is not None:
            assert (HERE / "programs" / p.program).is_file() and not p.expected

    def test_every_program_belongs_to_a_package(self):
        assert {p.program for p in PACKAGES} - {None} == {f.name for f in (HERE / "programs").glob("*.py")}

    def test_programs_check_something(self):
        for program in (HERE / "programs").glob("*.py"):
            assert "assert" in program.read_text(), program


class TestCommand:
    def test_tests_run_under_the_alias(self, tmp_path):
        line = run.command(package(ignored={"tests/a.py": "x"}, left_out={"b::c": "y"}, tests=("t",)), tmp_path / "r")
        assert line[:5] == [sys.executable, "-m", "gpukeras", "-m", "pytest"] and line[-1] == "t"
        assert "--ignore=tests/a.py" in line and "--deselect=b::c" in line and f"--junitxml={tmp_path / 'r'}" in line

    def test_program(self, tmp_path):
        line = run.command(package(program="anago_tagger.py"), tmp_path)
        assert line == [sys.executable, "-m", "gpukeras", str(HERE / "programs" / "anago_tagger.py")]

    def test_environment_holds_this_checkout_and_a_home_of_its_own(self, tmp_path, monkeypatch):
        monkeypatch.setenv("KERAS_HOME", "/elsewhere")
        monkeypatch.setenv("PYTEST_ADDOPTS", "-x")
        p = package(shim="import os\nos.environ['LENT'] = '1'\n", shim_reason="lent", env=(("MORE", "2"),))
        env = run.environment(p, tmp_path, tmp_path / "site", tmp_path / "work")
        assert env["MORE"] == "2" and env["HOME"] == str(tmp_path / "home")
        assert not {"KERAS_HOME", "PYTEST_ADDOPTS"} & set(env)
        first, *rest = env["PYTHONPATH"].split(os.pathsep)
        assert rest == [str(run.ROOT), str(tmp_path / "work"), str(tmp_path / "site")]
        status, output = run._command(
            sys.executable,
            "-c",
            "import os, keras; print(os.environ['LENT'], keras.__name__)",
            env=env | {"GPUKERAS_AS_KERAS": ""},
        )
        assert status == 1 and "No module named 'keras'" in output  # the name is lent to nobody who does not ask
        status, output = run._command(
            sys.executable,
            "-m",
            "gpukeras",
            "-c",
            "import keras, os; print(os.environ['LENT'], keras.__name__)",
            env=env,
        )
        assert (status, output.split()) == (0, ["1", "gpukeras"])

    def test_a_command_that_takes_too_long(self):
        assert run._command(sys.executable, "-c", "import time; time.sleep(9)", timeout=0.5)[0] == 124


class TestVerdict:
    def test_report(self, tmp_path):
        (tmp_path / "r.xml").write_text(REPORT)
        results, skipped = run.read_report(tmp_path / "r.xml")
        assert skipped == 1
        assert results == {
            "tests.test_a.TestA::test_good": None,
            "tests.test_a.TestA::test_bad": "ValueError: no",
            "tests.test_b": "E   ImportError: no",
        }

    def test_good_only_when_all_that_failed_had_to(self):
        results = {"T::test_a": None, "T::test_b": "ValueError"}
        assert run.judge(package(), {"T::test_a": None}).good
        bad = run.judge(package(), results)
        assert not bad.good and bad.broken == {"T::test_b": "ValueError"}
        as_said = run.judge(package(expected={"::test_b": "its file is missing"}), results, skipped=2)
        assert as_said.good and as_said.words() == "1 passed, 1 failed, 2 skipped"

    def test_a_test_that_was_to_fail_must_fail(self):
        outcome = run.judge(package(expected={"::test_a": "never works"}), {"T::test_a": None})
        assert not outcome.good and outcome.gone == ["::test_a"]

    def test_nothing_ran(self):
        assert not run.judge(package(), {}).good
        assert not run.judge(package(), {}, skipped=3).good

    def test_table(self):
        p = package(expected={"::b": "why not", "::c": "why not"}, ignored={"t.py": "needs a ship"}, remark="nice")
        text = run.markdown([(p, run.judge(p, {"T::a": None, "T::b": "x", "T::c": "y"}))])
        assert text.splitlines()[-1] == (
            "| some 1.0 | something | its tests | 1 passed, 2 failed | 2 fail: why not; left out: needs a ship; nice |"
        )

    def test_program_with_an_error(self, tmp_path, monkeypatch):
        monkeypatch.setattr(run, "fetch", lambda p, folder: (folder, folder))
        monkeypatch.setattr(run, "command", lambda p, report: [sys.executable, "-c", "raise ValueError('lost')"])
        outcome = run.run(package(program="p.py"), tmp_path)
        assert not outcome.good and outcome.broken == {"p.py": "ValueError: lost"}
        assert "lost" in (tmp_path / "output.txt").read_text()

    def test_unknown_name(self, capsys):
        with pytest.raises(SystemExit):
            run.main(["no-such-package"])
        assert "not in the table: no-such-package" in capsys.readouterr().err

    def test_a_package_that_cannot_be_had_is_no_success(self, monkeypatch, capsys):
        def nothing(p, folder):
            raise run.FetchError("no route")

        monkeypatch.setattr(run, "run", nothing)
        assert run.main([PACKAGES[0].name]) == 1
        assert "fetching it: no route" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("p", PACKAGES, ids=lambda p: p.name)
def test_package(p, tmp_path):
    if not os.environ.get("GPUKERAS_LONG_TESTS"):
        pytest.skip("fetches and runs packages for half an hour; GPUKERAS_LONG_TESTS=1 does it")
    try:
        outcome = run.run(p, tmp_path)
    except run.FetchError as error:
        pytest.skip(f"the package index does not give {p.requirement}: {error}")
    assert outcome.good, (outcome.broken, outcome.gone)
