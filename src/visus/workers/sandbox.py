"""The sandbox that a worker process enters before it sees untrusted bytes.

Linux only, through the C library: limits of the kernel (`limit_resources`), a tie to the life
of the front (`die_with_parent`), and a filter of system calls (`lock_down`): no network, no
new programs or processes, no file written or removed, no look at other processes. Threads,
memory and reading files go on working. What could not be had is named, and the front logs it.
"""

import ctypes
import errno
import os
import platform
import resource
import signal
import struct
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from visus.workers.settings import WorkerSettings

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_PR_SET_NO_NEW_PRIVS: Final = 38
_OOM_SCORE_ADJ: Final = "500"
"""Where memory runs out, a worker goes before the process that serves."""


def die_with_parent(front_pid: int) -> None:
    """Be killed when the thread that started us ends, however it ends."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != front_pid:
        os._exit(0)


def limit_resources(settings: WorkerSettings) -> None:
    """Apply the limits that hold while the entry loads as well."""
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_NOFILE, settings.max_open_files)
    if settings.address_space_bytes is not None:
        _lower(resource.RLIMIT_AS, settings.address_space_bytes)
    with suppress(OSError):
        os.nice(settings.nice)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE_ADJ, encoding="ascii")


def _lower(limit: int, value: int) -> None:
    _, hard = resource.getrlimit(limit)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(limit, (value, value))


def lock_down(socket_fd: int, *, may_listen: bool = False) -> list[str]:
    """Give up everything but computing and talking to the main process, in all threads at once.

    Filters add up: a second call can only take more away.

    Args:
        socket_fd: the line to the front.
        may_listen: leave it a socket of this machine (AF_UNIX) to listen on, for a library
            that will not load without one. It still connects to nobody.

    Returns:
        What this machine could not take away, in words; empty when all is as it should be.
    """
    _lower(resource.RLIMIT_FSIZE, 0)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        return ["privileges may be regained (no_new_privs)"]
    machine = _MACHINES.get(platform.machine())
    if machine is None or sys.byteorder != "little":
        return [f"system calls are not filtered on {platform.machine()}"]
    fault = _install(libc, machine, bytes(_program(machine, socket_fd, may_listen=may_listen)))
    return [f"system calls are not filtered ({os.strerror(fault)})"] if fault else []


# --- The filter of system calls --------------------------------------------------------------


class _Machine:
    """What differs between processors: numbers only."""

    def __init__(self, audit_arch: int, column: int) -> None:
        self.audit_arch = audit_arch
        self.numbers: Mapping[str, int] = {
            name: number
            for name, columns in _CALLS.items()
            if (number := columns[column]) is not None
        }


# Names and their numbers on x86_64 and aarch64 (asm/unistd_64.h, asm-generic/unistd.h).
_CALLS: Final[Mapping[str, tuple[int, int] | tuple[int, None]]] = {
    "socket": (41, 198),
    "socketpair": (53, 199),
    "connect": (42, 203),
    "bind": (49, 200),
    "listen": (50, 201),
    "accept": (43, 202),
    "accept4": (288, 242),
    "sendto": (44, 206),
    "recvfrom": (45, 207),
    "sendmsg": (46, 211),
    "sendmmsg": (307, 269),
    "recvmsg": (47, 212),
    "recvmmsg": (299, 243),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "mq_open": (240, 180),
    "msgget": (68, 186),
    "semget": (64, 190),
    "execve": (59, 221),
    "execveat": (322, 281),
    "fork": (57, None),
    "vfork": (58, None),
    "clone": (56, 220),
    "clone3": (435, 435),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "kcmp": (312, 272),
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "prlimit64": (302, 261),
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    "mount": (165, 40),
    "umount2": (166, 39),
    "move_mount": (429, 429),
    "open_tree": (428, 428),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "unshare": (272, 97),
    "setns": (308, 268),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "open": (2, None),
    "openat": (257, 56),
    "openat2": (437, 437),
    "creat": (85, None),
    "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264),
    "unlink": (87, None),
    "unlinkat": (263, 35),
    "rename": (82, None),
    "renameat": (264, 38),
    "renameat2": (316, 276),
    "rmdir": (84, None),
    "mkdir": (83, None),
    "mkdirat": (258, 34),
    "link": (86, None),
    "linkat": (265, 37),
    "symlink": (88, None),
    "symlinkat": (266, 36),
    "mknod": (133, None),
    "mknodat": (259, 33),
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "chown": (92, None),
    "lchown": (94, None),
    "fchown": (93, 55),
    "fchownat": (260, 54),
    "truncate": (76, 45),
    "ftruncate": (77, 46),
    "utime": (132, None),
    "utimes": (235, None),
    "utimensat": (280, 88),
    "futimesat": (261, None),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "bpf": (321, 280),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "reboot": (169, 142),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "syslog": (103, 116),
    "personality": (135, 92),
    "ioperm": (173, None),
    "iopl": (172, None),
    "modify_ldt": (154, None),
    "setuid": (105, 146),
    "setgid": (106, 144),
    "setreuid": (113, 145),
    "setregid": (114, 143),
    "setresuid": (117, 147),
    "setresgid": (119, 149),
    "setgroups": (116, 159),
    "capset": (126, 91),
    "seccomp": (317, 277),
}
_MACHINES: Final = {
    "x86_64": _Machine(0xC000003E, 0),
    "aarch64": _Machine(0xC00000B7, 1),
}

# Judged by their arguments; every other name in the table is refused outright.
_BY_DESCRIPTOR: Final = ("sendto", "recvfrom")
_BY_PROCESS: Final = ("kill", "tgkill")
_BY_OPEN_FLAGS: Final = {"open": 1, "openat": 2}
_LISTENING: Final = ("bind", "listen", "accept", "accept4", "seccomp")
"""Left open by a first filter: for the socket, and for the second filter."""
_AF_UNIX: Final = 1
_HIDDEN: Final = ("clone3", "openat2")
"""Their arguments cannot be seen, so they do not exist; libraries then use the old ones."""

_SECCOMP_SET_MODE_FILTER: Final = 1
_SECCOMP_FILTER_FLAG_TSYNC: Final = 1
_KILL_PROCESS: Final = 0x80000000
_ALLOW: Final = 0x7FFF0000
_ERRNO: Final = 0x00050000
_LOAD_WORD: Final = 0x20
_AND: Final = 0x54
_RETURN: Final = 0x06
_IF_EQUAL: Final = 0x15
_IF_AT_LEAST: Final = 0x35
_X32_CALLS: Final = 0x40000000
_CLONE_THREAD: Final = 0x00010000
_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class _Fprog(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def _install(libc: ctypes.CDLL, machine: _Machine, program: bytes) -> int:
    """Filter every thread of this process; 0, or the error's number."""
    packed = _Fprog(len(program) // 8, program)
    result = libc.syscall(
        machine.numbers["seccomp"],
        _SECCOMP_SET_MODE_FILTER,
        _SECCOMP_FILTER_FLAG_TSYNC,
        ctypes.byref(packed),
    )
    return ctypes.get_errno() if result < 0 else int(result and errno.ESRCH)


def _program(machine: _Machine, socket_fd: int, *, may_listen: bool) -> Iterator[int]:
    """The bytes of the filter: a list of `if it is this call, answer that`."""
    for step in _steps(machine, socket_fd, may_listen=may_listen):
        yield from step


def _steps(machine: _Machine, socket_fd: int, *, may_listen: bool) -> Iterator[bytes]:
    refuse, pid = _ERRNO | errno.EPERM, os.getpid()
    yield _op(_LOAD_WORD, 4)  # the processor
    yield _op(_IF_EQUAL, machine.audit_arch, then=1)
    yield _op(_RETURN, _KILL_PROCESS)
    yield _op(_LOAD_WORD, 0)  # the call's number
    yield _op(_IF_AT_LEAST, _X32_CALLS, otherwise=1)
    yield _op(_RETURN, refuse)
    for name, number in machine.numbers.items():
        if may_listen and name in _LISTENING:
            continue
        if may_listen and name == "socket":
            yield from _allow_if_equal(number, argument=0, value=_AF_UNIX)
        elif name in _BY_DESCRIPTOR:
            yield from _allow_if_equal(number, argument=0, value=socket_fd)
        elif name in _BY_PROCESS:
            yield from _allow_if_equal(number, argument=0, value=pid)
        elif name in _BY_OPEN_FLAGS:
            yield from _allow_if_masked(number, _BY_OPEN_FLAGS[name], mask=_WRITING, value=0)
        elif name == "clone":
            yield from _allow_if_masked(number, 0, mask=_CLONE_THREAD, value=_CLONE_THREAD)
        elif name == "prlimit64":
            yield from _allow_if_equal(number, argument=0, value=0)
        else:
            yield _op(_IF_EQUAL, number, otherwise=1)
            yield _op(_RETURN, _ERRNO | errno.ENOSYS if name in _HIDDEN else refuse)
    yield _op(_RETURN, _ALLOW)


def _allow_if_equal(number: int, *, argument: int, value: int) -> Iterator[bytes]:
    yield _op(_IF_EQUAL, number, otherwise=4)
    yield _op(_LOAD_WORD, _argument(argument))
    yield _op(_IF_EQUAL, value, otherwise=1)
    yield _op(_RETURN, _ALLOW)
    yield _op(_RETURN, _ERRNO | errno.EPERM)


def _allow_if_masked(number: int, argument: int, *, mask: int, value: int) -> Iterator[bytes]:
    yield _op(_IF_EQUAL, number, otherwise=5)
    yield _op(_LOAD_WORD, _argument(argument))
    yield _op(_AND, mask)
    yield _op(_IF_EQUAL, value, otherwise=1)
    yield _op(_RETURN, _ALLOW)
    yield _op(_RETURN, _ERRNO | errno.EPERM)


def _argument(index: int) -> int:
    """Where the low half of an argument lies in `struct seccomp_data`, little-endian."""
    return 16 + 8 * index


def _op(code: int, value: int, *, then: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("<HBBI", code, then, otherwise, value)
