# Runs the programs that are named, in the guest or on the host, and prints for each `BENCH NAME SECONDS RESULT`: seconds by
# the clock of the machine it runs on, and the beginning of the SHA-256 of what came out. INPUTS is the folder of
# inputs.py's files, PROGRAMS that of this file; CC_OPTIONS tell the compiler where its parts are; with SETTLE an idle machine is waited for.
export LC_ALL=C.UTF-8 PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1
work=$(mktemp -d)
cd "$work"

program() {
    case $1 in
        python-nbody) python3 "$PROGRAMS/nbody.py" 25000 ;;
        python-fannkuch) python3 "$PROGRAMS/fannkuch.py" 9 ;;
        gcc) gcc $CC_OPTIONS -O2 -c -o large.o "$INPUTS/large.c" && cat large.o ;;
        sqlite) sqlite3 -batch -cmd '.parameter set :rows 50000' database <"$PROGRAMS/database.sql" ;;
        xz) xz -6 -T1 -c "$INPUTS/text" ;;
        zstd) zstd -q -12 --single-thread -c "$INPUTS/text" "$INPUTS/text" ;;
        sort) sort "$INPUTS/lines" ;;
        perl-regex) perl "$PROGRAMS/regex.pl" "$INPUTS/part" ;;
        fork-exec) dash "$PROGRAMS/processes.sh" 1000 ;;
        ping-pong) perl "$PROGRAMS/pingpong.pl" 20000 ;;
        openssl-sha256) openssl dgst -sha256 -r <hundred ;;
        openssl-aes-gcm) python3 "$PROGRAMS/crypto.py" gcm 100 ;;
        openssl-rsa) python3 "$PROGRAMS/crypto.py" rsa 200 "$INPUTS/key.pem" ;;
        *) return 2 ;;
    esac
}

# The first program would share a CPU with what the kernel does after its start.
idle() { read -r _ _ _ _ ticks _ </proc/stat; }
if [ -n "${SETTLE-}" ]; then
    tries=0 ticks=0 before=0
    all=$(($(getconf _NPROCESSORS_ONLN) * 18))
    while [ $((ticks - before)) -lt $all ] && [ $tries -lt 50 ]; do
        idle
        before=$ticks tries=$((tries + 1))
        sleep 0.2
        idle
    done
fi

for name; do
    [ "$name" = openssl-sha256 ] && head -c 104857600 /dev/zero >hundred
    from=$(date +%s%N)
    program "$name" >out 2>errors
    status=$?
    spent=$((($(date +%s%N) - from) / 1000))
    digest=$(sha256sum out | cut -c 1-16)
    if [ $status = 0 ]; then
        echo "BENCH $name $((spent / 1000000)).$(printf %06d $((spent % 1000000))) $digest"
    else
        echo "$name ended with status $status"
        tail -n 5 errors
    fi
    rm -f hundred out errors
done
cd /
rm -rf "$work"
