#!/softsie/busybox sh
# First process of the guest of `cargo xtask qemu-client`: loads modules, says that it is up, and gives a shell.
/softsie/busybox --install -s /bin
export PATH=/bin HOME=/ PS1='# '
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for module in /modules/*.ko; do
    insmod "$module" || echo "cannot load $module"
done
echo guest-is-up
setsid sh -c 'exec sh -i </dev/ttysclp0 >/dev/ttysclp0 2>&1'
poweroff -f
