#!/usr/bin/env python3
"""A KVM client in Python, with the standard library alone: runs a program and says what it computed.

    softsie kvm -- python3 client.py

On an s390 host with KVM the same file works without softsie.
"""

import ctypes
import fcntl
import mmap
import os
import struct
import sys

KVM_GET_API_VERSION = 0xAE00
KVM_CREATE_VM = 0xAE01
KVM_GET_VCPU_MMAP_SIZE = 0xAE04
KVM_CREATE_VCPU = 0xAE41
KVM_SET_USER_MEMORY_REGION = 0x4020AE46
KVM_RUN = 0xAE80
KVM_GET_REGS = 0x8080AE81

# Offsets in struct kvm_run.
EXIT_REASON, PSW, INTERCEPTION = 8, 32, 48
KVM_EXIT_S390_SIEIC = 13

STORAGE = 1 << 20  # slots are whole megabytes, at such addresses too
START = 0x10000
MODE_64 = 0x0000000180000000  # PSW: 64-bit addressing, no interruptions

# Adds the numbers from 1 to 100 in general register 2, then asks the host.
PROGRAM = bytes.fromhex(
    "a7290000"  #       lghi  2,0
    "a7390064"  #       lghi  3,100
    "b9080023"  # next  agr   2,3
    "a737fffe"  #       brctg 3,next
    "83000501"  #       diag  0,0,0x501
)


def main():
    kvm = os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC)
    if fcntl.ioctl(kvm, KVM_GET_API_VERSION, 0) != 12:
        sys.exit("this is not version 12 of the interface")
    vm = fcntl.ioctl(kvm, KVM_CREATE_VM, 0)

    area = mmap.mmap(-1, 2 * STORAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    first = ctypes.addressof(ctypes.c_char.from_buffer(area))
    aligned = (first + STORAGE - 1) & -STORAGE
    at = aligned - first + START
    area[at : at + len(PROGRAM)] = PROGRAM
    fcntl.ioctl(vm, KVM_SET_USER_MEMORY_REGION, struct.pack("=IIQQQ", 0, 0, 0, STORAGE, aligned))

    vcpu = fcntl.ioctl(vm, KVM_CREATE_VCPU, 0)
    run = mmap.mmap(vcpu, fcntl.ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0))
    struct.pack_into("=QQ", run, PSW, MODE_64, START)
    fcntl.ioctl(vcpu, KVM_RUN, 0)

    (reason,) = struct.unpack_from("=I", run, EXIT_REASON)
    code, instruction = struct.unpack_from("=BxH", run, INTERCEPTION)
    if (reason, code, instruction >> 8) != (KVM_EXIT_S390_SIEIC, 4, 0x83):
        sys.exit(f"the machine stopped for another reason: {reason}")
    registers = struct.unpack("=16Q", fcntl.ioctl(vcpu, KVM_GET_REGS, bytes(128)))
    print(f"1 + 2 + ... + 100 = {registers[2]}")


main()
