"""What tests/gpu/run.sh makes of results: counts, failures, the day's report."""

from tests.gpu import prove


def result(test, outcome, seconds=0.1, text=""):
    return {"test": test, "outcome": outcome, "seconds": seconds, "text": text}


def test_counts_and_failures():
    results = [
        {"outcome": "selected", "count": 3},
        result("a", "passed", 2.0),
        result("b", "skipped", text="Skipped: one GPU only"),
        result("c", "failed", text="E   assert 1 == 2"),
    ]
    text, good = prove.describe(results, [], 12.0)
    assert not good
    assert text.startswith("1 passed, 1 failed, 1 skipped, in 12 s.")
    assert "- skipped 1: Skipped: one GPU only" in text and "### c\n\n```\nE   assert 1 == 2\n```" in text


def test_what_counts_as_well():
    some = [{"outcome": "selected", "count": 1}, result("a", "passed")]
    assert prove.describe(some, [], 1.0)[1]
    assert not prove.describe([{"outcome": "selected", "count": 2}, *some[1:]], [], 1.0)[1], "out of time"
    text, good = prove.describe(some, ["Segmentation fault"], 1.0)
    assert not good and "A process broke off" in text
    assert not prove.describe([{"outcome": "selected", "count": 1}, result("a", "skipped")], [], 1.0)[1], "nothing ran"


def test_parts_of_a_day_come_together(tmp_path):
    path = tmp_path / "gpu" / "day.md"
    prove.write(path, "The day", {"Machine": "H", "Tests": "1 failed\n\n### x\n\n```\nE\n```"})
    prove.write(path, "The day", {"Machine": "H", "Benchmarks": "| a |"})
    prove.write(path, "The day", {"Tests": "2 passed"})
    assert path.read_text() == "# The day\n\n## Machine\n\nH\n\n## Tests\n\n2 passed\n\n## Benchmarks\n\n| a |\n"


def test_sources_of_the_extension_are_those_of_cmake():
    from tests.gpu import build_native

    plain, each, sets = build_native.described()
    for source in (*plain, *each):
        assert (build_native.ROOT / source).is_file(), source
    assert set(sets) == {"base", "avx2", "avx512"} and "-mavx2" in sets["avx2"]
