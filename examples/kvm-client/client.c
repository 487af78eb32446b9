/* A KVM client in C: gives a machine storage and a program, runs it, and says what it computed.
 *
 *     cc -o client client.c && softsie kvm -- ./client
 *
 * On an s390 host with KVM the same file works without softsie. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "s390_kvm.h"

#define STORAGE (1ul << 20) /* slots are whole megabytes, at such addresses too */
#define START 0x10000
#define MODE_64 0x0000000180000000ul /* PSW: 64-bit addressing, no interruptions */

/* Adds the numbers from 1 to 100 in general register 2, then asks the host. */
static const uint8_t program[] = {
    0xa7, 0x29, 0x00, 0x00, /*       lghi  2,0     */
    0xa7, 0x39, 0x00, 0x64, /*       lghi  3,100   */
    0xb9, 0x08, 0x00, 0x23, /* next  agr   2,3     */
    0xa7, 0x37, 0xff, 0xfe, /*       brctg 3,next  */
    0x83, 0x00, 0x05, 0x01, /*       diag  0,0,0x501 */
};

static long check(long result, const char *what)
{
    if (result < 0) {
        perror(what);
        exit(1);
    }
    return result;
}

int main(void)
{
    int kvm = check(open("/dev/kvm", O_RDWR | O_CLOEXEC), "/dev/kvm");
    if (check(ioctl(kvm, KVM_GET_API_VERSION, 0), "KVM_GET_API_VERSION") != 12) {
        fputs("this is not version 12 of the interface\n", stderr);
        return 1;
    }
    int vm = check(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");

    char *area = mmap(NULL, 2 * STORAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (area == MAP_FAILED) {
        perror("mmap");
        return 1;
    }
    char *storage = (char *)(((uintptr_t)area + STORAGE - 1) & ~(STORAGE - 1));
    memcpy(storage + START, program, sizeof program);
    struct kvm_userspace_memory_region region = {
        .slot = 0, .guest_phys_addr = 0, .memory_size = STORAGE, .userspace_addr = (uintptr_t)storage,
    };
    check(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region), "KVM_SET_USER_MEMORY_REGION");

    int vcpu = check(ioctl(vm, KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU");
    size_t size = check(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "KVM_GET_VCPU_MMAP_SIZE");
    struct kvm_run *run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
    if (run == MAP_FAILED) {
        perror("mmap of the vCPU");
        return 1;
    }
    run->psw_mask = MODE_64;
    run->psw_addr = START;
    check(ioctl(vcpu, KVM_RUN, 0), "KVM_RUN");

    if (run->exit_reason != KVM_EXIT_S390_SIEIC || run->s390_sieic.icptcode != 4 || run->s390_sieic.ipa >> 8 != 0x83) {
        fprintf(stderr, "the machine stopped for another reason: %u\n", run->exit_reason);
        return 1;
    }
    struct kvm_regs regs;
    check(ioctl(vcpu, KVM_GET_REGS, &regs), "KVM_GET_REGS");
    printf("1 + 2 + ... + 100 = %lu\n", (unsigned long)regs.gprs[2]);
    return 0;
}
