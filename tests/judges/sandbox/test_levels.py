"""What a namespace shows of the machine's files, and what is left of a folder."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from iterun.errors import UnavailableError
from iterun.judges.sandbox import levels, open_sandbox, process
from iterun.judges.sandbox.folder import fresh_folder
from iterun.judges.sandbox.levels import Level, view
from iterun.judges.sandbox.opening import why_not
from iterun.judges.sandbox.users import FIRST, MANY, unused_user

REPOSITORY = Path(__file__).parents[3]
LOOK = """
import os
for top in ({home!r}, {repository!r}, {folder!r}, "/tmp", "/work", "/etc"):
    for path, folders, files in os.walk(top):
        if path in ({package!r}, {python!r}):
            folders.clear()
        else:
            print(*(os.path.join(path, file) for file in files), sep="\\n")
"""


@pytest.mark.parametrize("level", ["bwrap", "unshare"])
def test_a_namespace_shows_no_file_but_the_interpreters(level: Level, tmp_path: Path) -> None:
    if reason := why_not(level):
        pytest.skip(reason)
    (tmp_path / "there").touch()
    names = {"home": Path.home(), "repository": REPOSITORY, "folder": tmp_path}
    names |= {"package": sys.prefix, "python": os.path.realpath(sys.base_prefix)}
    code = LOOK.format(**{name: str(path) for name, path in names.items()})

    result = open_sandbox(level=level, timeout=60).run_python(code)

    assert result.status == "pass", result
    assert set(result.stdout.split()) <= {"/etc/ld.so.cache"}


@pytest.mark.parametrize("level", ["bwrap", "unshare"])
def test_iterun_itself_is_hidden_where_it_is_installed_beside_the_packages(
    level: Level, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a wheel's: the answers to hidden tests lie in the package."""
    if reason := why_not(level):
        pytest.skip(reason)
    import yaml

    folder = Path(yaml.__file__).parent  # plays our package
    monkeypatch.setattr(levels, "__file__", str(folder / "judges" / "sandbox" / "levels.py"))
    code = f"import os\nprint(os.listdir({str(folder)!r}))"

    result = open_sandbox(level=level, timeout=60).run_python(code)

    assert (result.status, result.stdout) == ("pass", "[]\n")


def test_an_interpreter_that_is_the_home_folder_is_not_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "prefix", os.path.realpath(Path.home()))

    with pytest.raises(UnavailableError, match="can't be shown to programs without"):
        view()


def test_a_working_folder_inside_a_shown_folder_is_hidden(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As /usr/src/app is, where container images like to have it."""
    monkeypatch.chdir("/usr/share")
    masks = view()["masks"]

    assert "/usr/share" in masks
    assert all(not mask.startswith("/usr/share/") for mask in masks)


@pytest.mark.slow
@pytest.mark.parametrize("level", ["bwrap", "unshare"])
def test_a_virtual_environment_below_a_scratch_folder_works(level: Level) -> None:
    """Python in /tmp, where a namespace has a folder of its own: it must still be found."""
    if reason := why_not(level):
        pytest.skip(reason)
    with fresh_folder(None) as folder:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        code = (
            f"import sys; sys.path[:0] = [{str(REPOSITORY)!r}]\n"
            "from iterun.judges.sandbox import open_sandbox\n"
            "code = 'import marker; print(marker.__file__)'\n"
            f"print(open_sandbox(level={level!r}, timeout=60).run_python(code))"
        )
        packages = next(Path(folder).glob("lib/python3*/site-packages"))
        (packages / "marker.py").touch()

        done = subprocess.run(
            [f"{folder}/bin/python", "-c", code], capture_output=True, text=True, check=True
        )

    assert "status='pass'" in done.stdout
    assert str(packages / "marker.py") in done.stdout


@pytest.mark.slow
def test_a_deep_and_shut_folder_is_removed() -> None:
    with fresh_folder(None) as top:
        here = os.open(top, os.O_RDONLY)
        for _ in range(1100):
            os.mkdir("d", dir_fd=here)
            inner = os.open("d", os.O_RDONLY, dir_fd=here)
            os.symlink("/", "link", dir_fd=inner)
            os.close(here)
            here = inner
        os.fchmod(here, 0)
        os.close(here)
        os.chmod(f"{top}/d", 0)

    assert not os.path.exists(top)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user")
def test_two_sandboxes_at_once_are_two_users() -> None:
    with unused_user() as one, unused_user() as other:
        assert one != other
        assert {one, other} <= set(range(FIRST, FIRST + MANY))


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user")
def test_a_guard_that_is_late_leaves_no_program_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is ended half a second after the start, with all that the program has begun by then."""
    import psutil

    monkeypatch.setattr(process, "GRACE", -19.5)
    code = "import os\nfor _ in range(3): os.fork() or os.setsid()\nwhile True: pass"

    result = open_sandbox(level="rlimits", timeout=20).run_python(code)

    assert result.status == "timeout"
    assert result.seconds < 15
    found = [
        it
        for it in psutil.process_iter(["uids"])
        if it.info["uids"].real in range(FIRST, FIRST + MANY)
    ]
    alive = psutil.wait_procs(found, timeout=5)[1]
    assert [it for it in alive if it.status() != psutil.STATUS_ZOMBIE] == []


@pytest.mark.slow
def test_a_guard_ends_when_nobody_asks_any_more(level: Level) -> None:
    """A run that is killed leaves no sandbox behind, not even until the time limit."""
    code = (
        f"import sys; sys.path[:0] = [{str(REPOSITORY)!r}]\n"
        "from iterun.judges.sandbox import open_sandbox\n"
        f"open_sandbox(level={level!r}, timeout=600).run_python('while True: pass')"
    )
    run = subprocess.Popen([sys.executable, "-c", code])
    try:
        import psutil

        until = time.monotonic() + 60
        started = psutil.Process(run.pid)
        while not spinning(started) and time.monotonic() < until:
            psutil.wait_procs([started], timeout=0.05)
        inside = started.children(recursive=True)
        assert inside
    finally:
        run.kill()
        run.wait()

    assert not psutil.wait_procs(inside, timeout=20)[1]


def spinning(started: object) -> bool:
    """Whether some process below has used half a second of processor time."""
    import psutil

    assert isinstance(started, psutil.Process)
    for child in started.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if child.cpu_times().user > 0.5:
                return True
    return False


def test_the_interpreter_gets_no_way_to_our_files_by_its_path() -> None:
    assert process._python()[0] == os.path.realpath(sys.executable)
    assert {"-s", "-P", "-B", "-S"} <= set(process._python())
