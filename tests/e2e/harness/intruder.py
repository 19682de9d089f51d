"""Code of an intruder inside a running daemon: makes the process do one system call that is not its
own, by the hand of root (ptrace), as if the door had been taken over. x86-64 only."""

import ctypes
import os
import platform
import time

PTRACE_CONT = 7
PTRACE_GETREGS, PTRACE_SETREGS, PTRACE_DETACH = 12, 13, 17
PTRACE_SEIZE, PTRACE_INTERRUPT = 0x4206, 0x4207
NO_SYSCALL = ctypes.c_ulong(-1).value
SYSCALL_BYTES = 2  # a stopped wait stands right behind its `syscall` instruction
REGISTERS = ("r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss"
             " fs_base gs_base ds es fs gs").split()
_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


class Registers(ctypes.Structure):
    _fields_ = [(name, ctypes.c_ulong) for name in REGISTERS]


def is_possible():
    return platform.machine() == "x86_64"


def trace(request, pid, data=None):
    if _libc.ptrace(request, pid, None, data) == -1:
        raise OSError(ctypes.get_errno(), f"ptrace request {request}")


def call_inside(pid, number, *arguments):
    """The main thread of `pid`, which waits for events, makes this call instead."""
    trace(PTRACE_SEIZE, pid)
    registers = Registers()
    while True:
        trace(PTRACE_INTERRUPT, pid)
        os.waitpid(pid, 0x40000000)  # __WALL
        trace(PTRACE_GETREGS, pid, ctypes.byref(registers))
        if registers.orig_rax != NO_SYSCALL:
            break
        trace(PTRACE_CONT, pid)  # it is at work: what stands before here is no `syscall`
        time.sleep(0.01)
    registers.rip -= SYSCALL_BYTES
    registers.rax = number
    registers.orig_rax = NO_SYSCALL  # the wait it stood in is not begun again
    for name, value in zip(("rdi", "rsi", "rdx"), arguments):
        setattr(registers, name, value)
    trace(PTRACE_SETREGS, pid, ctypes.byref(registers))
    trace(PTRACE_DETACH, pid)
