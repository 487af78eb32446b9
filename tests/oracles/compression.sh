#!/bin/sh
# What the compressors make of the same data, and that it comes back: zlib through Python and pigz, gzip, bzip2, xz, zstd.
# Truth: a compressor of the same version gives the same bytes on each machine.
python3 - <<'END'
import random
source = random.Random(5)
words = [bytes(source.choices(b"etaoinshrdlu", k=source.randint(1, 9))) for _ in range(3000)]
with open("input", "wb") as out:
    out.write(b" ".join(source.choices(words, k=24000)))
    out.write(source.randbytes(30000))
    out.write(bytes(60000))
END
wc -c <input | tr -d ' ' | sed 's/^/input bytes = /'
try() {
    name=$1 compress=$2 expand=$3
    $compress <input >packed 2>log || cat log
    $expand <packed >opened 2>log || cat log
    if cmp -s input opened; then same=same; else same=DIFFERENT; fi
    echo "$name = $(sha256sum <packed | cut -c1-64) $(wc -c <packed) comes back $same"
}
for level in 1 6 9; do try gzip-$level "gzip -n -$level" "gzip -d"; done
for level in 0 1 3 6 9; do try pigz-$level "pigz -n -p 2 -$level" "pigz -d"; done
try pigz-zlib "pigz -z -p 1" "pigz -d"
try bzip2 "bzip2 -9" "bzip2 -d"
for level in 0 3; do try xz-$level "xz -T1 -$level" "xz -d"; done
try xz-filters "xz -T1 -1 --check=sha256" "xz -d"
for level in 1 3 9 15; do try zstd-$level "zstd -q -T1 -$level" "zstd -q -d"; done
python3 - <<'END'
import zlib, binascii, bz2, lzma, hashlib
data = open("input", "rb").read()
def show(name, packed, opened):
    print(name, "=", hashlib.sha256(packed).hexdigest()[:32], len(packed), "same" if opened == data else "DIFFERENT")
for strategy in range(5):
    for level in (1, 5, 9):
        for wbits in (-15, 15, 31, 9):
            c = zlib.compressobj(level, zlib.DEFLATED, wbits, 8, strategy)
            packed = c.compress(data[:50000]) + c.flush(zlib.Z_SYNC_FLUSH) + c.compress(data[50000:]) + c.flush()
            show(f"zlib {strategy} {level} {wbits}", packed, zlib.decompress(packed, wbits))
            if level != 5 and strategy: break
for length in list(range(70)) + [127, 128, 255, 1000, 4096, 65535, len(data)]:
    for at in (0, 1, 7):
        print(f"crc {length} {at} = {zlib.crc32(data[at:at + length]):08x} {zlib.adler32(data[at:at + length]):08x} {binascii.crc_hqx(data[at:at + length], 7):04x}")
END
