#!/softsie/busybox sh
# The first process of our guests: mounts the kernel's file systems, then runs a shell on the console, or the one command
# of `cargo xtask linux -- CMD`, and powers the machine off. Programs of packages go before busybox's.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin:/softsie/bin HOME=/root USER=root
/softsie/busybox mkdir -p /softsie/bin
/softsie/busybox --install -s /softsie/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /tmp
mount -t tmpfs tmpfs /dev/shm
hostname softsie
ifconfig lo 127.0.0.1 up 2>/dev/null
for module in /softsie/modules/*.ko; do
    [ ! -f "$module" ] || insmod "$module"
done
. /softsie/settings
cd /root
if [ -n "$ROWS" ]; then
    stty rows "$ROWS" cols "$COLUMNS"
fi
unset ROWS COLUMNS
if [ -f /softsie/command ]; then
    # Into a pipe the command's bytes go as they are, without the carriage returns a terminal wants.
    [ "$TERM" = dumb ] && stty -opost -echo
    cttyhack /bin/sh /softsie/command
    status=$?
    echo "$MARKER:$status"
else
    echo
    setsid cttyhack /bin/sh -l
fi
/softsie/busybox poweroff -f
