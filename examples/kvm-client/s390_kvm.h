/* What a client of s390 KVM needs of <linux/kvm.h>, for a host whose own headers describe its own machine. On s390 the
 * system's header is taken. Request numbers and layouts are the same on all 64-bit hosts; numbers are in host byte order. */
#ifndef S390_KVM_H
#define S390_KVM_H

#ifdef __s390x__
#include <linux/kvm.h>
#else
#include <stdint.h>

#define KVM_GET_API_VERSION 0xae00
#define KVM_CREATE_VM 0xae01
#define KVM_CHECK_EXTENSION 0xae03
#define KVM_GET_VCPU_MMAP_SIZE 0xae04
#define KVM_CREATE_VCPU 0xae41
#define KVM_SET_USER_MEMORY_REGION 0x4020ae46
#define KVM_RUN 0xae80
#define KVM_GET_REGS 0x8080ae81
#define KVM_SET_REGS 0x4080ae82
#define KVM_SET_SIGNAL_MASK 0x4004ae8b
#define KVM_S390_INTERRUPT 0x4010ae94
#define KVM_GET_DEVICE_ATTR 0x4018aee2

#define KVM_EXIT_INTR 10
#define KVM_EXIT_S390_SIEIC 13

struct kvm_userspace_memory_region {
    uint32_t slot, flags;
    uint64_t guest_phys_addr, memory_size, userspace_addr;
};

struct kvm_regs {
    uint64_t gprs[16];
};

struct kvm_signal_mask {
    uint32_t len;
    uint8_t sigset[];
};

struct kvm_s390_interrupt {
    uint32_t type, parm;
    uint64_t parm64;
};
#define KVM_S390_INT_EMERGENCY 0xffff1201u

struct kvm_run {
    uint8_t request_interrupt_window, immediate_exit, padding1[6];
    uint32_t exit_reason;
    uint8_t ready_for_interrupt_injection, if_flag;
    uint16_t flags;
    uint64_t cr8, apic_base;
    uint64_t psw_mask, psw_addr;
    union {
        struct {
            uint8_t icptcode;
            uint16_t ipa;
            uint32_t ipb;
        } s390_sieic;
        uint8_t padding[256];
    };
    uint64_t kvm_valid_regs, kvm_dirty_regs;
    uint8_t sync_regs[2048];
};
#endif
#endif
