#!/softsie/busybox sh
# First process of the guest of `cargo xtask qemu-client`: loads modules, and goes on to the disk that the kernel parameter
# root= names, if there is one; else says that it is up, and gives a shell.
/softsie/busybox --install -s /bin
export PATH=/bin HOME=/ PS1='# '
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for module in /modules/*.ko; do
    insmod "$module" || echo "cannot load $module"
done
for word in $(cat /proc/cmdline); do
    case $word in root=*)
        disk=${word#root=}
        until test -b "$disk"; do sleep 0.1; done
        mount -t ext4 "$disk" /mnt || sh
        for folder in proc sys dev; do
            mount --move /$folder /mnt/$folder
        done
        exec switch_root /mnt /softsie/init
    esac
done
echo guest-is-up
setsid sh -c 'exec sh -i </dev/ttysclp0 >/dev/ttysclp0 2>&1'
poweroff -f
