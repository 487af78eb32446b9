/* What the preload library promises a client, besides the interface itself: names, descriptors, signals, forks.
 * Each line of output is a promise that was kept; the first that is not ends the program. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../examples/kvm-client/s390_kvm.h"

#define KEPT(condition, promise)                                                              \
    do {                                                                                      \
        errno = 0;                                                                            \
        if (!(condition)) {                                                                   \
            printf("BROKEN %s (line %d, errno %d)\n", promise, __LINE__, errno);              \
            exit(1);                                                                          \
        }                                                                                     \
        printf("kept: %s\n", promise);                                                        \
        fflush(stdout);                                                                       \
    } while (0)
#define FAILS(call, error) ((call) == -1 && errno == (error))

#define MEGABYTE (1ul << 20)
#define MODE_64 0x0000000180000000ul
#define WAIT 0x0002000000000000ul
#define EXTERNAL 0x0100000000000000ul

static int kvm, vm, vcpu;
static struct kvm_run *run;
static char *storage;

static volatile sig_atomic_t handled, handled_by_ioctl;
static pthread_t main_thread;

static void handler(int signal, siginfo_t *info, void *context)
{
    (void)context;
    if (signal != info->si_signo)
        abort();
    handled++;
}

/* A handler may call the interface, whatever it has interrupted. */
static void calling_handler(int signal)
{
    (void)signal;
    struct kvm_s390_interrupt emergency = {.type = KVM_S390_INT_EMERGENCY};
    char *memory = malloc(100);
    handled_by_ioctl = ioctl(vcpu, KVM_S390_INTERRUPT, &emergency) == 0 && ioctl(kvm, KVM_GET_API_VERSION, 0) == 12;
    free(memory);
}

static void install(int signal, void (*simple)(int), int flags)
{
    struct sigaction action = {.sa_flags = flags};
    if (simple)
        action.sa_handler = simple;
    else {
        action.sa_sigaction = handler;
        action.sa_flags |= SA_SIGINFO;
    }
    sigaction(signal, &action, NULL);
}

static void timer(int milliseconds)
{
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    struct itimerspec time = {.it_value = {milliseconds / 1000, milliseconds % 1000 * 1000000l}};
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) || timer_settime(timer, 0, &time, NULL))
        exit(2);
}

static void *kick_later(void *signal)
{
    usleep(100000);
    pthread_kill(main_thread, (int)(long)signal);
    return NULL;
}

static void start_at(unsigned long mask, unsigned long address)
{
    run->psw_mask = mask;
    run->psw_addr = address;
}

static void names(void)
{
    struct stat status;
    KEPT(stat("/dev/kvm", &status) == 0 && S_ISCHR(status.st_mode) && status.st_rdev == makedev(10, 232),
         "/dev/kvm is a character device");
    KEPT(access("/dev/kvm", R_OK | W_OK) == 0 && FAILS(access("/dev/kvm", X_OK), EACCES),
         "/dev/kvm can be read and written");
    int folder = open("/dev", O_RDONLY | O_DIRECTORY), other = openat(folder, "kvm", O_RDWR);
    KEPT(ioctl(other, KVM_GET_API_VERSION, 0) == 12, "openat finds it");
    close(other);
    close(folder);
    other = open("/dev/../dev//kvm", O_RDWR | O_CLOEXEC);
    KEPT(ioctl(other, KVM_GET_API_VERSION, 0) == 12 && fcntl(other, F_GETFD) == FD_CLOEXEC, "detours and O_CLOEXEC work");
    close(other);
    KEPT(FAILS(ioctl(other, KVM_GET_API_VERSION, 0), EBADF), "a closed descriptor is closed");
    KEPT(FAILS(open("/dev/kvm", O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST), "it exists already");
    KEPT(FAILS(open("/dev/kvm", O_RDONLY | O_DIRECTORY), ENOTDIR), "it is no directory");
}

static void descriptors(void)
{
    KEPT(fstat(kvm, &(struct stat){0}) == 0, "fstat works");
    KEPT(FAILS(ioctl(kvm, 0xae77, 0), EINVAL), "an unknown request on the system is EINVAL");
    KEPT(FAILS(ioctl(vm, 0xae77, 0), ENOTTY), "an unknown request on a VM is ENOTTY");
    KEPT(FAILS(ioctl(vm, KVM_SET_USER_MEMORY_REGION, NULL), EFAULT), "a null argument is EFAULT");
    KEPT(FAILS(ioctl(vm, KVM_SET_USER_MEMORY_REGION, (void *)0xdead0000), EFAULT), "a wild argument is EFAULT");
    KEPT(FAILS(ioctl(vcpu, KVM_RUN, 1), EINVAL), "KVM_RUN has no argument");
    KEPT(FAILS(ioctl(vm, KVM_CREATE_VCPU, 0), EEXIST), "a vCPU exists once");
    int copies[3] = {dup(vcpu), fcntl(vcpu, F_DUPFD_CLOEXEC, 100), dup3(vcpu, 200, O_CLOEXEC)};
    struct kvm_regs regs;
    KEPT(copies[1] >= 100 && copies[2] == 200, "duplicates get the numbers that were asked for");
    for (int n = 0; n < 3; n++)
        KEPT(ioctl(copies[n], KVM_GET_REGS, &regs) == 0 && close(copies[n]) == 0, "a duplicate works");
    KEPT(ioctl(vcpu, KVM_GET_REGS, &regs) == 0, "the original outlives its duplicates");
    int ends[2];
    KEPT(pipe(ends) == 0 && FAILS(ioctl(ends[0], KVM_GET_API_VERSION, 0), ENOTTY), "other descriptors are left alone");
    int copy = dup2(vm, ends[0]);
    KEPT(copy == ends[0] && ioctl(copy, KVM_CHECK_EXTENSION, 3) == 1, "dup2 over another descriptor");
    KEPT(dup2(ends[1], copy) == copy && FAILS(ioctl(copy, KVM_CHECK_EXTENSION, 3), ENOTTY), "and back");
    close(copy);
    close(ends[1]);
}

static void signals(void)
{
    main_thread = pthread_self();
    pthread_t thread;
    /* j . */
    memcpy(storage + 0x10000, "\xa7\xf4\x00\x00", 4);
    install(SIGALRM, NULL, 0);
    start_at(MODE_64, 0x10000);
    timer(100);
    KEPT(FAILS(ioctl(vcpu, KVM_RUN, 0), EINTR) && run->exit_reason == KVM_EXIT_INTR, "a timer ends a loop with EINTR");
    KEPT(handled == 1, "its handler has run");
    KEPT(run->psw_addr == 0x10000, "the PSW is where the guest is");
    timer(100);
    start_at(MODE_64 | WAIT | EXTERNAL, 0);
    KEPT(FAILS(ioctl(vcpu, KVM_RUN, 0), EINTR) && handled == 2, "and a wait");
    install(SIGUSR1, NULL, SA_RESETHAND);
    pthread_create(&thread, NULL, kick_later, (void *)(long)SIGUSR1);
    KEPT(FAILS(ioctl(vcpu, KVM_RUN, 0), EINTR) && handled == 3, "so does another thread's signal");
    pthread_join(thread, NULL);
    struct sigaction action;
    KEPT(sigaction(SIGUSR1, NULL, &action) == 0 && action.sa_handler == SIG_DFL, "a handler for one signal is gone");
    install(SIGUSR1, NULL, 0);
    KEPT(sigaction(SIGUSR1, NULL, &action) == 0 && action.sa_sigaction == handler, "a client sees its own handler");
    run->immediate_exit = 1;
    run->exit_reason = 77;
    KEPT(FAILS(ioctl(vcpu, KVM_RUN, 0), EINTR) && run->exit_reason == 77, "immediate_exit leaves all as it is");
    run->immediate_exit = 0;

    /* The old way: a signal that is blocked but in KVM_RUN. */
    sigset_t set, pending;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    struct {
        struct kvm_signal_mask header;
        unsigned long none;
    } mask = {.header.len = 8};
    memcpy(mask.header.sigset, &(unsigned long){0}, 8);
    KEPT(ioctl(vcpu, KVM_SET_SIGNAL_MASK, &mask) == 0, "KVM_SET_SIGNAL_MASK");
    raise(SIGUSR1);
    KEPT(FAILS(ioctl(vcpu, KVM_RUN, 0), EINTR), "a pending signal that the mask lets in ends the run");
    KEPT(handled == 3 && sigpending(&pending) == 0 && sigismember(&pending, SIGUSR1), "and stays pending");
    KEPT(sigtimedwait(&set, NULL, &(struct timespec){0}) == SIGUSR1, "to be waited for");
    pthread_create(&thread, NULL, kick_later, (void *)(long)SIGUSR1);
    KEPT(FAILS(ioctl(vcpu, KVM_RUN, 0), EINTR) && handled == 3, "one that comes later does so too");
    pthread_join(thread, NULL);
    KEPT(sigtimedwait(&set, NULL, &(struct timespec){0}) == SIGUSR1, "and can be waited for");
    KEPT(ioctl(vcpu, KVM_SET_SIGNAL_MASK, NULL) == 0, "the mask can be taken away");
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);

    install(SIGALRM, calling_handler, 0);
    timer(100);
    KEPT(FAILS(ioctl(vcpu, KVM_RUN, 0), EINTR) && handled_by_ioctl, "a handler calls the interface during KVM_RUN");
    handled_by_ioctl = 0;
    timer(50);
    for (time_t end = time(NULL) + 5; !handled_by_ioctl && time(NULL) < end;)
        free(malloc(5000));
    KEPT(handled_by_ioctl, "and during malloc");
}

static sigjmp_buf back;

static void jumping_handler(int signal)
{
    siglongjmp(back, signal);
}

static void lost_storage(void)
{
    install(SIGSEGV, jumping_handler, 0);
    /* l 0,0x20000 ; j . */
    memcpy(storage + 0x10000, "\xe3\x00\x00\x00\x20\x58\xa7\xf4\x00\x00", 10);
    munmap(storage + 0x20000, 0x1000);
    start_at(MODE_64, 0x10000);
    if (sigsetjmp(back, 1) == 0)
        KEPT(FAILS(ioctl(vcpu, KVM_RUN, 0), EFAULT), "storage that is not mapped is EFAULT");
    else
        KEPT(0, "a fault of the guest is not the client's");
    if (sigsetjmp(back, 1) == 0) {
        *(volatile char *)16 = 1;
        KEPT(0, "a fault of the client is the client's");
    }
    signal(SIGSEGV, SIG_DFL);
    pid_t child = fork();
    int status;
    if (child == 0) {
        *(volatile char *)16 = 1;
        _exit(0);
    }
    KEPT(waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV,
         "and ends it, if it has no handler");
}

static void processes(char *program)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        struct kvm_regs regs;
        int mine = ioctl(kvm, KVM_CREATE_VM, 0);
        int good = FAILS(ioctl(vcpu, KVM_GET_REGS, &regs), EIO) && FAILS(ioctl(vm, KVM_CHECK_EXTENSION, 3), EIO) && mine >= 0
            && ioctl(mine, KVM_CREATE_VCPU, 0) >= 0;
        close(vcpu);
        close(vm);
        _exit(good ? 0 : 1);
    }
    KEPT(child > 0 && waitpid(child, &status, 0) == child && status == 0, "a forked child gets EIO, and may make its own VM");
    child = vfork();
    if (child == 0) {
        close(vcpu);
        _exit(0);
    }
    struct kvm_regs regs;
    KEPT(child > 0 && waitpid(child, &status, 0) == child && ioctl(vcpu, KVM_GET_REGS, &regs) == 0,
         "what a vforked child closes stays open here");
    int left = open("/dev/kvm", O_RDWR);
    char number[12];
    snprintf(number, sizeof number, "%d", left);
    child = fork();
    if (child == 0) {
        execl(program, program, number, NULL);
        _exit(9);
    }
    KEPT(child > 0 && waitpid(child, &status, 0) == child && status == 0, "a program that is left the system by exec can use it");
}

static int pass(int descriptor)
{
    int ends[2];
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr header;
    } control = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
    struct iovec word = {.iov_base = "x", .iov_len = 1};
    struct msghdr message = {.msg_iov = &word, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    memcpy(CMSG_DATA(&control.header), &descriptor, sizeof(int));
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
        exit(2);
    int result = sendmsg(ends[0], &message, 0);
    int error = errno;
    close(ends[0]);
    close(ends[1]);
    errno = error;
    return result;
}

static void by_number(void)
{
    struct { unsigned long flags, mode, resolve; } how = {.flags = O_RDWR | O_CLOEXEC};
    int own = syscall(SYS_openat2, AT_FDCWD, "/dev/kvm", &how, sizeof how);
    KEPT(syscall(SYS_ioctl, own, KVM_GET_API_VERSION, 0) == 12, "openat2 opens it, and calls by number work");
    int copy = syscall(SYS_dup, own);
    KEPT(syscall(SYS_close, own) == 0 && ioctl(copy, KVM_GET_API_VERSION, 0) == 12, "also duplicates and closes");
    KEPT(syscall(SYS_close, copy) == 0 && FAILS(syscall(SYS_close, copy), EBADF), "the last one is gone");
    KEPT(FAILS(syscall(SYS_openat2, AT_FDCWD, "/dev/kvm", NULL, 0), EFAULT), "a bad address is found");
    KEPT(syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR) >= 0, "other calls are the kernel's");
    KEPT(FAILS(pass(vcpu), EINVAL) && FAILS(pass(kvm), EINVAL), "descriptors are not sent to others");
    KEPT(pass(1) == 1, "but those of others are");
}

int main(int argc, char **argv)
{
    if (argc == 2)
        return ioctl(atoi(argv[1]), KVM_GET_API_VERSION, 0) == 12 ? 0 : 1;
    names();
    kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    vm = ioctl(kvm, KVM_CREATE_VM, 0);
    char *area = mmap(NULL, 2 * MEGABYTE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    storage = (char *)(((unsigned long)area + MEGABYTE - 1) & -MEGABYTE);
    struct kvm_userspace_memory_region region = {.memory_size = MEGABYTE, .userspace_addr = (unsigned long)storage};
    KEPT(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) == 0, "a VM has storage");
    vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
    run = mmap(NULL, ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
    KEPT(vcpu >= 0 && run != MAP_FAILED, "a vCPU can be mapped");
    descriptors();
    by_number();
    signals();
    lost_storage();
    processes(argv[0]);
    puts("all promises kept");
    return 0;
}
