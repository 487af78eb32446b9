#!/softsie/busybox sh
# First process of the root disk of `cargo xtask qemu-client`: says that it is up, and gives a shell.
/softsie/busybox --install -s /softsie/bin
export PATH=/usr/bin:/usr/sbin:/softsie/bin HOME=/root PS1='# '
mount -t tmpfs tmp /tmp
echo guest-is-up
setsid sh -c 'exec /softsie/busybox sh -i </dev/ttysclp0 >/dev/ttysclp0 2>&1'
poweroff -f
