"""A view of files of the sandbox's own, for the level `unshare`; bubblewrap makes the like itself.

Called as the first process of new user, mount and process namespaces, with all capabilities in
them. Afterwards there is nothing but the folders named, read-only, and scratch folders in memory.
"""

from __future__ import annotations

import ctypes
import os

from iterun.judges.sandbox.inside.rights import call

NOSUID, NODEV, NOEXEC, RDONLY, REMOUNT, BIND, REC = 2, 4, 8, 1, 32, 4096, 16384
RELATIME, ST_RELATIME, SAME_BITS = 1 << 21, 4096, 2 | 4 | 8 | 1024 | 2048
DETACH = 2
#: covered in this namespace only, and no interpreter lies below it
BASE = "/sys"
DEVICES = ("null", "zero", "full", "random", "urandom")


def build(
    *, binds: list[str], links: dict[str, str], masks: list[str], scratch: dict[str, int]
) -> None:
    """Make the view and go into it.

    Args:
        binds: files and folders shown at their own paths, none inside another.
        links: targets of symbolic links by path.
        masks: folders inside `binds` that are shown empty.
        scratch: bytes by path of folders that can be written to.

    Raises:
        OSError: the kernel refuses a step; the message names it.
    """
    mount("tmpfs", BASE, "tmpfs", NOSUID | NODEV, "size=1m,mode=755")
    # First: the interpreter may lie below one of them.
    for path, size in scratch.items():
        os.makedirs(BASE + path, exist_ok=True)
        options = f"size={size},nr_inodes=10000,mode=1777"
        mount("tmpfs", BASE + path, "tmpfs", NOSUID | NODEV, options)
    for path in binds:
        bind(path)
    for path, target in links.items():
        os.makedirs(os.path.dirname(BASE + path), exist_ok=True)
        os.symlink(target, BASE + path)
    for device in DEVICES:
        bind(f"/dev/{device}")
    os.symlink("/proc/self/fd", f"{BASE}/dev/fd")
    for path in mount_points():
        if path.removeprefix(BASE) not in scratch:
            make_read_only(path)
    for path in masks:
        mount("tmpfs", BASE + path, "tmpfs", NOSUID | NODEV | RDONLY, "size=4k,mode=755")
    os.mkdir(f"{BASE}/proc")
    mount("proc", f"{BASE}/proc", "proc", NOSUID | NODEV | NOEXEC)
    make_read_only(BASE)
    enter()


def enter() -> None:
    """Make the view the root and let go of the old one."""
    os.chdir(BASE)
    call("pivot_root", b".", b".")  # the old root now lies on top of the new one
    call("umount2", b".", DETACH)
    os.chdir("/")
    try:
        with open("/proc/sys/user/max_user_namespaces", "w") as file:
            file.write("0")  # a namespace inside would give capabilities again, if harmless ones
    except OSError:
        pass  # older kernels keep this for the real root


def mount(source: str, target: str, kind: str | None, flags: int, options: str = "") -> None:
    call(
        "mount",
        os.fsencode(source),
        os.fsencode(target),
        None if kind is None else kind.encode(),
        ctypes.c_ulong(flags),
        options.encode() or None,
    )


def bind(path: str) -> None:
    """Show a file or folder, with what is mounted below it, at its own path."""
    target = BASE + path
    if os.path.isdir(path):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
    # Recursively: a user namespace may not uncover what lies under a mount of the host's.
    mount(path, target, None, BIND | REC)


def mount_points() -> list[str]:
    """All that was mounted on the base, which itself isn't among them."""
    with open("/proc/self/mountinfo", errors="surrogateescape") as file:
        rows = [line.split(" ")[:5] for line in file]
    # By number, not by path: mounts of the old /sys have paths like ours, but are covered.
    ours = {[number for number, _, _, _, path in rows if path == BASE][-1]}
    points = []
    for number, parent, _, _, path in rows:
        if parent in ours:
            ours.add(number)
            points.append(_unescaped(path))
    return points


def make_read_only(path: str) -> None:
    """Forbid writing; what the mount forbade before (a user namespace may not lift it) stays."""
    now = os.statvfs(path).f_flag
    flags = now & SAME_BITS | (RELATIME if now & ST_RELATIME else 0)
    if not path.startswith(f"{BASE}/dev/"):
        flags |= NODEV
    mount("none", path, None, REMOUNT | BIND | RDONLY | NOSUID | flags)


def _unescaped(path: str) -> str:
    for character in " \t\n\\":  # all that the kernel escapes; the backslash last
        path = path.replace(f"\\{ord(character):03o}", character)
    return path
