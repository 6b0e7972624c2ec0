"""Beside the flow: the first instants of an embedded store's process; a script run by its path, importing nothing of ours.

`python -I -S launch.py PARENT SIGNAL UID GID REACH COMMAND…` asks the kernel for SIGNAL when the thread that started it ends
(Linux only), becomes UID and GID unless they are -1, and turns into COMMAND; the process id stays the same. With REACH 1 the
new user keeps the right to walk through folders that only root may enter (a home of mode 0700), so that no folder above the
data has to be opened to others. Leaves with 111 when the parent is gone already, with 112 when the right cannot be kept.
COMMAND sees none of the hub's own environment, which may hold secrets.
"""

from __future__ import annotations

import ctypes
import os
import sys

PR_SET_PDEATHSIG, PR_SET_KEEPCAPS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 1, 8, 47, 2
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2
CAPABILITY_VERSION_3 = 0x20080522
ENVIRONMENT = {"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin", "TZ": "UTC"}
PARENT_GONE, NO_REACH = 111, 112


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def main(arguments: list[str]) -> None:
    parent, death_signal, uid, gid, reach = (int(value) for value in arguments[:5])
    command = arguments[5:]
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
    if uid >= 0:
        _become(uid, gid, libc if reach else None)
    if libc is not None:  # after the change of user, which clears it
        libc.prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(PARENT_GONE)
    os.execve(command[0], command, ENVIRONMENT)  # noqa: S606 - the caller gives an absolute path, no shell


def _become(uid: int, gid: int, libc: ctypes.CDLL | None) -> None:
    if libc is not None:
        libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    if libc is not None and not any(_keep(libc, right) for right in (CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE)):
        os._exit(NO_REACH)


def _keep(libc: ctypes.CDLL, right: int) -> bool:
    """One right, and no other, survives the exec of a program that has none of its own."""
    header, sets = _Header(CAPABILITY_VERSION_3, 0), (_Sets * 2)()
    sets[0].effective = sets[0].permitted = sets[0].inheritable = 1 << right
    if libc.capset(ctypes.byref(header), ctypes.byref(sets)) != 0:
        return False
    return int(libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, right, 0, 0)) == 0


if __name__ == "__main__":
    main(sys.argv[1:])
