"""`get_file`: from a server that misbehaves, interrupted, by several processes at once; archives and the cache."""

import hashlib
import io
import os
import signal
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import zipfile

import pytest

from gpukeras.utils import data_utils, download_transfer, get_file
from gpukeras.utils.data_utils import _hash_file, validate_file
from tests.utils.file_server import FileServer

CONTENT = b"Float like a butterfly, sting like a bee." * 5000
SHA = hashlib.sha256(CONTENT).hexdigest()
MD5 = hashlib.md5(CONTENT).hexdigest()
LENGTH = len(CONTENT)


@pytest.fixture(autouse=True)
def directly(monkeypatch):
    """No proxy between a test and its server."""
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def server():
    with FileServer({"a": CONTENT}).running() as running:
        yield running


@pytest.fixture
def fetch(tmp_path, server):
    """Fetches the file `a` into a cache of the test's own, and checks that it is whole."""

    def get(**settings):
        path = get_file("a.txt", server.url + "a", cache_dir=str(tmp_path), **settings)
        assert path == str(tmp_path / "datasets" / "a.txt")
        with open(path, "rb") as f:
            assert f.read() == CONTENT
        assert os.listdir(tmp_path / "datasets") == ["a.txt"]

    return get


def url(path):
    return "file://" + str(path)


class TestTransfer:
    def test_fetches_once(self, server, fetch, capsys):
        fetch()
        fetch()
        assert len(server.requests) == 1
        out = capsys.readouterr().out
        assert out.startswith(f"Downloading data from {server.url}a\n") and f"{LENGTH}/{LENGTH} [====" in out

    def test_goes_on_at_once_where_it_was_cut_off(self, server, fetch):
        server.cuts = [1000, 500, 0, 7000]
        with pytest.raises(OSError, match=f"ended after 1500 of {LENGTH} bytes; call again to fetch the rest"):
            fetch()  # a try that brings nothing is the last one
        fetch()
        ranges = [wanted for _, wanted in server.requests]
        assert ranges == [None, "bytes=1000-", "bytes=1500-", "bytes=1500-", "bytes=8500-"]

    def test_only_some_tries(self, server, fetch, tmp_path):
        server.cuts = [1000] * 20
        with pytest.raises(OSError, match=f"ended after 6000 of {LENGTH} bytes"):
            fetch()
        assert not (tmp_path / "datasets" / "a.txt").exists()
        server.cuts = []
        fetch(file_hash=SHA)

    @pytest.mark.parametrize("how", [{"ranges": False}, {"tag": None}, {"tag": 'W/"1"'}])
    def test_a_server_that_cannot_go_on(self, server, fetch, how, tmp_path):
        for name, value in how.items():
            setattr(server, name, value)
        server.cuts = [1000]
        with pytest.raises(OSError, match=f"ended after 1000 of {LENGTH} bytes; call again to fetch it"):
            fetch()
        assert not (tmp_path / "datasets" / "a.txt").exists()
        fetch()
        assert server.requests == [("a", None)] * 2

    @pytest.mark.parametrize("ranges", ["ignored", "wrong"])
    def test_a_server_that_sends_another_part(self, server, fetch, ranges):
        server.ranges, server.cuts = ranges, [1000]
        fetch(file_hash=SHA)

    def test_a_server_that_keeps_sending_wrong_parts(self, server, fetch):
        server.ranges, server.cuts = "wrong", [1000, 10**9] * 10
        with pytest.raises(OSError, match="does not send the part"):
            fetch()

    def test_chunks(self, server, fetch, tmp_path):
        server.length, server.cuts, server.ranges = "chunks", [100_000], False
        with pytest.raises(OSError, match="ended after .* bytes .*IncompleteRead"):
            fetch()
        assert not (tmp_path / "datasets" / "a.txt").exists()
        fetch()

    def test_chunks_go_on(self, server, fetch):
        server.length, server.cuts = "chunks", [100_000]
        fetch()
        assert len(server.requests) == 2

    def test_cut_off_without_any_length_shows_in_the_hash(self, server, fetch, tmp_path):
        server.length, server.cuts = None, [1000]
        with pytest.raises(ValueError, match="not kept"):
            fetch(file_hash=SHA)
        assert os.listdir(tmp_path / "datasets") == []
        fetch(file_hash=SHA)

    def test_another_file_meanwhile(self, server, fetch):
        server.ranges, server.cuts = True, [1000, 0]
        server.files["a"] = CONTENT[::-1]
        with pytest.raises(OSError, match="ended after 1000"):
            fetch()
        server.files["a"], server.tag = CONTENT, '"v2"'
        fetch()

    def test_another_file_under_the_same_tag_shows_in_the_hash(self, server, fetch):
        server.cuts = [1000, 0]
        server.files["a"] = CONTENT[::-1]
        with pytest.raises(OSError, match="ended after 1000"):
            fetch(file_hash=SHA)
        server.files["a"] = CONTENT
        fetch(file_hash=SHA)
        assert [wanted for _, wanted in server.requests[2:]] == ["bytes=1000-", None]

    def test_another_address_starts_anew(self, server, tmp_path):
        server.files["b"] = CONTENT[::-1]
        server.cuts = [1000, 0]
        with pytest.raises(OSError, match="ended after"):
            get_file("x", server.url + "b", cache_dir=str(tmp_path))
        with open(get_file("x", server.url + "a", cache_dir=str(tmp_path)), "rb") as f:
            assert f.read() == CONTENT

    def test_everything_there_but_the_name(self, server, fetch, tmp_path):
        """As a kill between the last byte and the renaming leaves it."""
        server.cuts = [1000, 0]
        with pytest.raises(OSError, match="ended after"):
            fetch()
        (tmp_path / "datasets" / "a.txt.part").write_bytes(CONTENT)
        fetch()

    def test_rubbish_left_behind(self, fetch, tmp_path, server):
        (tmp_path / "datasets").mkdir()
        for name, content in (("a.txt.part", b"rubbish"), ("a.txt.part.json", b"[1]"), ("a.txt.lock", b"")):
            (tmp_path / "datasets" / name).write_bytes(content)
        fetch()
        assert server.requests == [("a", None)]

    def test_silence(self, server, fetch, monkeypatch):
        monkeypatch.setattr(download_transfer, "_SILENCE", 0.1)
        server.pause = 0.5
        with pytest.raises(OSError, match="ended after 0 of .*timed out"):
            fetch()

    def test_unreachable(self, server, tmp_path):
        def get(origin):
            get_file("a.txt", origin, cache_dir=str(tmp_path))

        with pytest.raises(OSError, match="URL fetch failure on .*missing: 404"):
            get(server.url + "missing")
        with pytest.raises(OSError, match="URL fetch failure on file"):
            get(url(tmp_path / "nothing"))
        with pytest.raises(OSError, match="URL fetch failure on http://127.0.0.1:9/a: .*refused"):
            get("http://127.0.0.1:9/a")
        assert os.listdir(tmp_path / "datasets") == []

    def test_no_answer_of_its_kind(self, tmp_path):
        import socket

        with socket.create_server(("127.0.0.1", 0)) as listening:

            def answer():
                connection, _ = listening.accept()
                with connection:
                    connection.recv(1000)
                    connection.sendall(b"220 mail.example.org ready\r\n")

            thread = threading.Thread(target=answer)
            thread.start()
            with pytest.raises(OSError, match="URL fetch failure .*BadStatusLine"):
                get_file("a", f"http://127.0.0.1:{listening.getsockname()[1]}/a", cache_dir=str(tmp_path))
            thread.join()

    def test_an_empty_file(self, server, tmp_path):
        server.files["empty"] = b""
        assert os.path.getsize(get_file("e", server.url + "empty", cache_dir=str(tmp_path))) == 0


class TestHashes:
    @pytest.mark.parametrize("settings", [{"file_hash": "0" * 64}, {"file_hash": "0" * 32}, {"md5_hash": "0" * 32}])
    def test_wrong(self, settings, server, fetch, tmp_path):
        (wanted,) = settings.values()
        found = SHA if len(wanted) == 64 else MD5
        with pytest.raises(ValueError, match=f"has the (md5|sha256) sum {found}, expected {wanted}"):
            fetch(**settings)
        assert os.listdir(tmp_path / "datasets") == []
        fetch()

    @pytest.mark.parametrize("settings", [{"file_hash": SHA.upper()}, {"file_hash": MD5}, {"md5_hash": MD5}])
    def test_right(self, settings, fetch):
        fetch(**settings)

    def test_spoilt_file_is_fetched_again(self, fetch, tmp_path, capsys):
        fetch(file_hash=SHA)
        with open(tmp_path / "datasets" / "a.txt", "ab") as f:
            f.write(b"x")
        fetch(file_hash=SHA)
        assert capsys.readouterr().out.count(f"its sha256 sum is not {SHA}") == 1

    def test_spoilt_file_stays_when_there_is_no_better(self, fetch, tmp_path, server):
        """The old file keeps its name, and is refused again by the next call."""
        (tmp_path / "datasets").mkdir()
        (tmp_path / "datasets" / "a.txt").write_bytes(b"old")
        del server.files["a"]
        for _ in range(2):
            with pytest.raises(OSError, match="404"):
                fetch(file_hash=SHA)
        assert (tmp_path / "datasets" / "a.txt").read_bytes() == b"old"

    def test_validate_file(self, tmp_path):
        path = tmp_path / "f"
        path.write_bytes(CONTENT)
        assert _hash_file(path) == SHA and _hash_file(path, algorithm="md5") == MD5
        assert validate_file(path, SHA) and validate_file(path, MD5) and validate_file(path, SHA, "sha256", 100)
        assert not validate_file(path, MD5[::-1])


PROGRAM = """
import sys
from gpukeras.utils import get_file
origin, cache, file_hash = sys.argv[1:]
print(get_file("a.txt", origin, cache_dir=cache, file_hash=file_hash))
"""


def start(*arguments, program=PROGRAM):
    return subprocess.Popen([sys.executable, "-c", program, *arguments], stdout=subprocess.PIPE, text=True)


def finish(process):
    try:
        return process.communicate(timeout=60)[0]
    finally:
        process.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="no file locks: every process downloads for itself")
class TestProcesses:
    def test_one_of_several_downloads(self, server, tmp_path):
        server.go_on.clear()
        processes = [start(server.url + "a", str(tmp_path), SHA) for _ in range(4)]
        first_lines = sorted(process.stdout.readline().split()[0] for process in processes)
        assert first_lines == ["Downloading", "Waiting", "Waiting", "Waiting"]
        server.go_on.set()
        path = tmp_path / "datasets" / "a.txt"
        assert all(finish(process).splitlines()[-1] == str(path) for process in processes)
        assert path.read_bytes() == CONTENT
        assert os.listdir(tmp_path / "datasets") == ["a.txt"]
        assert server.requests == [("a", None)]

    def test_one_of_several_threads_downloads(self, server, tmp_path):
        server.pause = 0.05
        arguments = dict(fname="a.txt", origin=server.url + "a", cache_dir=tmp_path, file_hash=SHA)
        threads = [threading.Thread(target=get_file, kwargs=arguments) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert server.requests == [("a", None)]
        assert os.listdir(tmp_path / "datasets") == ["a.txt"]

    def test_a_killed_download_is_continued_by_whoever_waits(self, server, tmp_path):
        server.go_on.clear()
        first = start(server.url + "a", str(tmp_path), SHA)
        part = tmp_path / "datasets" / "a.txt.part"
        deadline = time.monotonic() + 60
        while not (part.exists() and part.stat().st_size > 50_000) and time.monotonic() < deadline:
            time.sleep(0.01)
        second = start(server.url + "a", str(tmp_path), SHA)
        assert second.stdout.readline().startswith("Waiting for another process")
        first.send_signal(signal.SIGKILL)
        finish(first)
        server.go_on.set()
        finish(second)
        assert (tmp_path / "datasets" / "a.txt").read_bytes() == CONTENT
        assert os.listdir(tmp_path / "datasets") == ["a.txt"]
        assert len(server.requests) == 2 and server.requests[1][1].startswith("bytes=")

    def test_without_locks_each_downloads_for_itself(self, server, fetch, monkeypatch, tmp_path):
        import fcntl

        def refuse(handle, how):
            raise OSError(37, "No locks available")

        monkeypatch.setattr(fcntl, "flock", refuse)
        (tmp_path / "datasets").mkdir()
        (tmp_path / "datasets" / "a.txt.part").write_bytes(b"of another process")
        server.cuts = [1000, 0]
        with pytest.raises(OSError, match="ended after"):
            fetch()
        assert sorted(os.listdir(tmp_path / "datasets")) == ["a.txt.lock", "a.txt.part"]
        get_file("a.txt", server.url + "a", cache_dir=str(tmp_path), file_hash=SHA)
        assert (tmp_path / "datasets" / "a.txt.part").read_bytes() == b"of another process"

    def test_several_unpack(self, tmp_path, server):
        server.files["d.tar.gz"] = packed({f"d/{i}": CONTENT[:1000] for i in range(300)})
        server.pause = 0.2
        program = """
import os, sys
from gpukeras.utils import get_file
folder = get_file("d", sys.argv[1], untar=True, cache_dir=sys.argv[2])
print(len(os.listdir(folder)))
"""
        running = [start(server.url + "d.tar.gz", str(tmp_path), program=program) for _ in range(3)]
        assert [finish(p).splitlines()[-1] for p in running] == ["300"] * 3
        assert sorted(os.listdir(tmp_path / "datasets")) == ["d", "d.tar.gz"]
        assert len(server.requests) == 1


def packed(members, mode="w:gz"):
    """Bytes of a tar archive; a member is bytes, or a changed `TarInfo`."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name, content in members.items():
            if isinstance(content, tarfile.TarInfo):
                archive.addfile(content)
                continue
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def zipped(members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def link(name, target, kind=tarfile.SYMTYPE):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


class TestArchives:
    @pytest.fixture
    def unpack(self, server, tmp_path):
        """Fetches and unpacks an archive with the given bytes; returns the path and the folder's names."""

        def get(content, fname="got", **settings):
            server.files["archive"] = content
            path = get_file(fname, server.url + "archive", cache_dir=str(tmp_path / "c"), **settings)
            return path, sorted(os.listdir(tmp_path / "c" / "datasets"))

        return get

    @pytest.mark.parametrize("content", [packed({"in.txt": CONTENT}, "w"), packed({"in.txt": CONTENT}, "w:xz")])
    @pytest.mark.parametrize("archive_format", ["auto", "tar", ["zip", "tar"]])
    def test_tar(self, unpack, tmp_path, content, archive_format):
        path, names = unpack(content, extract=True, archive_format=archive_format)
        assert path == str(tmp_path / "c" / "datasets" / "got") and names == ["got", "in.txt"]
        assert (tmp_path / "c" / "datasets" / "in.txt").read_bytes() == CONTENT

    def test_zip(self, unpack, tmp_path):
        _, names = unpack(zipped({"d/in.txt": CONTENT, "e": b""}), extract=True)
        assert names == ["d", "e", "got"]
        assert (tmp_path / "c" / "datasets" / "d" / "in.txt").read_bytes() == CONTENT

    def test_no_archive_or_not_of_the_format(self, unpack):
        assert unpack(CONTENT, extract=True)[1] == ["got"]
        content = packed({"in.txt": CONTENT})
        assert unpack(content, "b", extract=True, archive_format="zip")[1] == ["b", "got"]
        assert unpack(content, "b", extract=True, archive_format=None)[1] == ["b", "got"]
        with pytest.raises(ValueError, match="Unknown archive format 'rar'"):
            unpack(content, "b", extract=True, archive_format=["tar", "rar"])

    def test_unpacks_over_what_is_there(self, unpack, tmp_path):
        unpack(packed({"d/x": b"1", "d/y": b"1"}), extract=True)
        (tmp_path / "c" / "datasets" / "d" / "own").write_text("kept")
        (tmp_path / "c" / "datasets" / "d" / "x").write_text("spoilt")
        unpack(b"not asked for", extract=True)
        assert {p.name: p.read_text() for p in (tmp_path / "c" / "datasets" / "d").iterdir()} == {
            "x": "1",
            "y": "1",
            "own": "kept",
        }

    def test_untar(self, unpack, server, tmp_path):
        path, names = unpack(packed({"d/x": b"x", "beside": b""}), "d", untar=True)
        assert path == str(tmp_path / "c" / "datasets" / "d") and names == ["beside", "d", "d.tar.gz"]
        assert os.listdir(path) == ["x"]
        os.remove(path + ".tar.gz")
        assert unpack(b"", "d", untar=True)[0] == path and len(server.requests) == 1

    def test_new_archive_replaces_the_old_folder(self, unpack, tmp_path):
        unpack(packed({"d/x": b"old"}), "d", untar=True)
        new = packed({"d/x": b"new"})
        path, _ = unpack(new, "d", untar=True, file_hash=hashlib.sha256(new).hexdigest())
        assert (tmp_path / "c" / "datasets" / "d" / "x").read_bytes() == b"new"

    def test_folder_appears_whole(self, unpack, tmp_path, monkeypatch):
        """Interrupted between the members, nothing is there; the rest of an earlier try is cleared away."""
        content = packed({f"d/{i}": CONTENT for i in range(3)})
        (tmp_path / "c" / "datasets" / "d.tar.gz.1-2.unpack" / "d").mkdir(parents=True)
        make = tarfile.TarFile.makefile

        def interrupted(archive, member, path):
            if member.name.endswith("2"):
                raise KeyboardInterrupt
            make(archive, member, path)

        with monkeypatch.context() as patched:
            patched.setattr(tarfile.TarFile, "makefile", interrupted)
            with pytest.raises(KeyboardInterrupt):
                unpack(content, "d", untar=True)
        assert os.listdir(tmp_path / "c" / "datasets") == ["d.tar.gz"]
        path, _ = unpack(content, "d", untar=True)
        assert sorted(os.listdir(path)) == ["0", "1", "2"]

    @pytest.mark.parametrize(
        "content",
        [
            packed({"../escaped": b"x"}),
            packed({"d/../../escaped": b"x"}),
            packed({"/escaped": b"x"}),
            packed({"s": link("s", "/etc")}),
            packed({"s": link("s", "../.."), "s/escaped": b"x"}),
            packed({"d/s": link("d/s", "../../c")}),
            packed({"s": link("s", "../../secret", tarfile.LNKTYPE)}),
            packed({"p": link("p", "", tarfile.FIFOTYPE)}),
            zipped({"../escaped": b"x"}),
            zipped({"/escaped": b"x"}),
            zipped({"d\\..\\..\\escaped": b"x"}),
        ],
        ids=[
            "up",
            "down-up",
            "root",
            "link",
            "through-link",
            "link-up",
            "hard-link",
            "pipe",
            "zip",
            "zip-root",
            "zip\\",
        ],
    )
    def test_outside(self, unpack, tmp_path, content):
        (tmp_path / "secret").write_text("secret")
        for _ in range(2):
            with pytest.raises(ValueError, match="lies outside the folder|no file, folder or link"):
                unpack(content, "d", extract=True)
            assert os.listdir(tmp_path / "c" / "datasets") == []
        assert sorted(os.listdir(tmp_path)) == ["c", "secret"]

    def test_links_inside_are_fine(self, unpack, tmp_path):
        _, names = unpack(packed({"d/x": b"x", "d/y": link("d/y", "x"), "z": link("z", "d")}), extract=True)
        assert names == ["d", "got", "z"]
        assert (tmp_path / "c" / "datasets" / "z" / "y").read_bytes() == b"x"

    def test_broken(self, unpack, tmp_path):
        good = packed({f"d/{i}": os.urandom(9000) for i in range(9)})
        damaged = bytearray(good)
        damaged[len(good) // 2] ^= 255
        for content in (good[:-20_000], good[:-4], bytes(damaged)):
            with pytest.raises(OSError, match="not a whole tar archive"):
                unpack(content, "d", untar=True)
            assert os.listdir(tmp_path / "c" / "datasets") == []
        with pytest.raises(OSError, match="is no tar archive"):
            unpack(b"<html>Please log in</html>", "d", untar=True)
        zip_ = bytearray(zipped({"x": CONTENT}))
        zip_[5000] ^= 255
        with pytest.raises(OSError, match="not a whole zip archive"):
            unpack(bytes(zip_), "d", extract=True)
        assert os.listdir(tmp_path / "c" / "datasets") == []
        assert len(os.listdir(unpack(good, "d", untar=True)[0])) == 9

    def test_own_broken_file_is_not_removed(self, tmp_path):
        path = tmp_path / "mine.tar"
        path.write_bytes(packed({"x": CONTENT})[:-10])
        with pytest.raises(OSError, match="not a whole tar archive"):
            get_file(str(path), url(tmp_path / "nowhere"), extract=True)
        assert path.exists()

    def test_data_utils_has_it(self, tmp_path):
        (tmp_path / "a.tar").write_bytes(packed({"x": b"x"}))
        assert data_utils._extract_archive(tmp_path / "a.tar", tmp_path, "tar")
        assert not data_utils._extract_archive(tmp_path / "x", tmp_path)


class TestCache:
    def test_home(self, tmp_path, monkeypatch):
        (tmp_path / "f").write_text("f")
        monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
        assert get_file("g", url(tmp_path / "f")) == str(tmp_path / "home" / "datasets" / "g")
        monkeypatch.delenv("KERAS_HOME")
        monkeypatch.setenv("HOME", str(tmp_path / "user"))
        assert get_file("g", url(tmp_path / "f")) == str(tmp_path / "user" / ".keras" / "datasets" / "g")

    def test_own_folders(self, tmp_path, monkeypatch):
        (tmp_path / "f").write_text("f")
        path = get_file("g", url(tmp_path / "f"), cache_dir=tmp_path / "c", cache_subdir="s/t")
        assert path == str(tmp_path / "c" / "s" / "t" / "g")
        assert get_file("u/v", url(tmp_path / "f"), cache_dir=tmp_path / "c", cache_subdir="").endswith("c/u/v")
        assert get_file(tmp_path / "h", url(tmp_path / "f")) == str(tmp_path / "h")
        monkeypatch.setenv("HOME", str(tmp_path / "user"))
        assert get_file("g", url(tmp_path / "f"), cache_dir="~/c") == str(tmp_path / "user" / "c" / "datasets" / "g")

    @pytest.mark.parametrize("why", ["no folder", "not writable"])
    def test_home_that_cannot_be_written_to(self, tmp_path, monkeypatch, why):
        (tmp_path / "f").write_text("f")
        monkeypatch.delenv("KERAS_HOME")
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
        if why == "no folder":
            monkeypatch.setenv("HOME", str(tmp_path / "f"))
        else:
            # The superuser may write anywhere, so the answer is made up.
            home = tmp_path / "home"
            monkeypatch.setenv("HOME", str(home))
            access = os.access
            monkeypatch.setattr(
                os, "access", lambda path, mode: not str(path).startswith(str(home)) and access(path, mode)
            )
        assert get_file("g", url(tmp_path / "f")) == str(tmp_path / "tmp" / ".keras" / "datasets" / "g")
