#!/bin/sh
# What a Linux user land sees of the machine, and uses of it: features, counters, cryptography and compression by instructions.
# With `expected` it says what a z16 shows; this is what the host's side prints. The model is softsie's default.
# Truth: z/Architecture's features as Linux names them; perf-stat(1); gzip(1); openssl(1).
[ "${1:-}" = expected ] && expected=yes || expected=
# Says whether a command succeeds.
check() {
    name=$1; shift
    if [ -n "$expected" ]; then echo "$name = yes"; elif "$@" 2>>problems; then echo "$name = yes"; else echo "$name = no"; cat problems >&2; fi
    : >problems
}

# The features of z16 without SORTL and PCI MIO, which are not announced.
for feature in esan3 zarch stfle msa ldisp eimm dfp edat etf3eh highgprs te vx vxd vxe gs vxe2 vxp dflt vxp2 nnpa sie; do
    check "cpuinfo $feature" grep -q "^features.* $feature " /proc/cpuinfo
done
lscpu_says() { lscpu | grep -q "^$1: *$2$"; }
check "lscpu architecture" lscpu_says Architecture s390x
check "lscpu machine type" lscpu_says "Machine type" 3931
check "lscpu vendor" lscpu_says "Vendor ID" IBM/S390
lscpu_flags() { [ "$(lscpu | sed -n 's/^Flags: *//p' | xargs)" = "$(sed -n 's/^features\t*: //p' /proc/cpuinfo | xargs)" ]; }
check "lscpu flags are cpuinfo's" lscpu_flags

# Value of an event while a command runs.
count() { event=$1; shift; perf stat -x, -o counted -e "$event" "$@" >/dev/null 2>>problems; grep "$event" counted | cut -d, -f1; }
# Twice a million turns of two instructions, less one.
loops() {
    one=$(count instructions:u loop 1000000) two=$(count instructions:u loop 2000000)
    echo "$one and $two instructions" >&2
    [ $((two - one)) -eq 2000000 ]
}
check "perf counts the instructions of a loop" loops
cycles() { [ "$(count cycles:u loop 3000000)" -gt 1000000 ]; }
check "perf counts cycles" cycles
samples() { perf record -o samples -e cycles:u loop 100000000 >&2 && perf report -i samples --stdio 2>/dev/null | grep -q '\[\.\] 0\|_start'; }
check "perf samples" samples

head -c 100000 /usr/bin/openssl >input 2>/dev/null
# OpenSSL uses these functions of CPACF: the processor activity instrumentation counts them.
used() {
    function=$1; shift
    n=$(count "pai_crypto/$function/" "$@")
    echo "$function: $n" >&2
    [ "${n:-0}" -gt 0 ]
}
key=000102030405060708090a0b0c0d0e0f
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ec.pem 2>/dev/null
openssl genpkey -algorithm ed25519 -out ed.pem 2>/dev/null
openssl genpkey -algorithm x25519 -out x.pem 2>/dev/null
openssl pkey -in x.pem -pubout -out x.pub 2>/dev/null
for pair in KIMD_SHA_1:sha1 KIMD_SHA_256:sha256 KIMD_SHA_512:sha512 KIMD_SHA3_256:sha3-256 KIMD_SHAKE_128:shake128; do
    extra=; [ "${pair#*:}" = shake128 ] && extra='-xoflen 32'
    # shellcheck disable=SC2086
    check "${pair#*:} by ${pair%:*}" used "${pair%:*}" openssl dgst "-${pair#*:}" $extra input
done
for pair in KM_AES_128:aes-128-ecb KMC_AES_128:aes-128-cbc KMC_AES_256:aes-256-cbc KMF_AES_128:aes-128-cfb KMO_AES_128:aes-128-ofb; do
    k=$key; case ${pair#*:} in aes-256*) k=$key$key;; esac
    check "${pair#*:} by ${pair%:*}" used "${pair%:*}" openssl enc "-${pair#*:}" -K $k -iv $key -in input -out sealed
done
check "aes-128-gcm by KMA" used KMA_GCM_AES_128 openssl speed -seconds 1 -bytes 8192 -evp aes-128-gcm
check "ecdsa by KDSA" used KDSA_ECDSA_SIGN_P256 openssl dgst -sha256 -sign ec.pem -out signature input
check "ed25519 by KDSA" used KDSA_EDDSA_SIGN_ED25519 openssl pkeyutl -sign -inkey ed.pem -rawin -in input -out signature
check "x25519 by PCC" used PCC_SCALAR_MULTIPLY_X25519 openssl pkeyutl -derive -inkey x.pem -peerkey x.pub -out derived
# Bytes a second in units of 1000, of blocks of 16 KiB.
speed() { openssl speed -seconds 1 -bytes 16384 -evp "$1" 2>/dev/null | tail -1 | sed 's/.* \([0-9]*\)\.[0-9]*k.*/\1/'; }
faster() {
    with=$(speed "$1") without=$(OPENSSL_s390xcap=z900 speed "$1")
    echo "$1: $with and $without kB/s" >&2
    [ "$with" -gt $((3 * without)) ]
}
for what in aes-128-gcm aes-256-cbc sha256; do check "openssl speed $what is faster by CPACF" faster $what; done

# gzip with DFLTCC uses it for the levels of DFLTCC_LEVEL_MASK, unless DFLTCC is 0; Debian's gzip is without. 300,000 bytes of a
# program, and of nothing.
{ head -c 240000 /usr/bin/openssl; head -c 60000 /dev/zero; } >input 2>/dev/null
for level in 1 6 9; do
    round_trip() {
        export DFLTCC_LEVEL_MASK=0x7ff
        DFLTCC=1 gzip-dfltcc -n -$level <input >hard && DFLTCC=0 gzip-dfltcc -n -$level <input >soft || return
        # Other bytes than those of the program's own algorithm: the instruction made them.
        if cmp -s hard soft; then echo "gzip did not use DFLTCC" >&2; return 1; fi
        for packed in hard soft; do
            for how in 0 1; do DFLTCC=$how gzip-dfltcc -d <$packed | cmp - input || return; done
            gzip -d <$packed | cmp - input || return
            python3 -c "import gzip, sys; sys.exit(gzip.decompress(open('$packed', 'rb').read()) != open('input', 'rb').read())" || return
        done
    }
    check "gzip -$level by DFLTCC comes back" round_trip
done
