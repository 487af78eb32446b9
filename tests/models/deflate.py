"""zlib for DEFLATE CONVERSION CALL. `deflate.py` reads a case a line (data, compressed data, whether the check value is Adler-32,
check value) and prints those that zlib does not expand to the data. `deflate.py make CASES SEED` prints compressed data of
zlib's in every level and strategy, some of it damaged or cut off, and what zlib makes of it: the data, `error`, `short` or `codeless`, and
how many bytes of the compressed data it needs. Source: RFC 1951 as zlib has it.
"""
import os
import random
import sys
import zlib


def check():
    for line in sys.stdin:
        data, packed, adler, value = line.split()
        data = bytes.fromhex(data)
        expander = zlib.decompressobj(-15)
        try:
            out = expander.decompress(bytes.fromhex(packed))
        except zlib.error as error:
            print(f"{line.strip()[:2000]}\n    {error}")
            continue
        # The check value of CRC-32 is stored with its bytes from right to left.
        wanted = zlib.adler32(data).to_bytes(4, "big") if adler == "1" else zlib.crc32(data).to_bytes(4, "little")
        if out != data or not expander.eof or expander.unused_data:
            print(f"{line.strip()[:2000]}\n    expands to {out[:100].hex()}, end {expander.eof}, more {len(expander.unused_data)}")
        elif value != wanted.hex():
            print(f"{line.strip()[:2000]}\n    check value {wanted.hex()}")


def text(r):
    length = r.choice([r.randrange(1, 20), r.randrange(300), r.randrange(300), r.randrange(300, 3000)])
    if r.random() < 0.01:
        length *= 30
    kind = r.randrange(5)
    if kind == 0:
        return r.randbytes(length)
    letters = r.randbytes(r.choice([1, 2, 5, 30, 256]))
    out = bytearray()
    while len(out) < length:
        if out and r.random() < 0.3:
            at = r.randrange(len(out))
            out += out[at:at + r.randrange(3, 300)]
        else:
            out += bytes(r.choices(letters, k=r.randrange(1, 20)))
    return bytes(out[:length])


def short(expander):
    """Of data that ends too soon: `codeless` when the code for lengths may have no codes. Then zlib takes each bit for a length of zero, and
    only after the last of at most 320 it misses the end of the block."""
    try:
        expander.copy().decompress(bytes(40))
    except zlib.error as error:
        if "missing end-of-block" in str(error):
            return "codeless"
    return "short"


def make(cases, seed):
    r = random.Random(seed)
    out = []
    for _ in range(cases):
        data = text(r)
        compressor = zlib.compressobj(r.randrange(10), zlib.DEFLATED, -r.randrange(9, 16), r.randrange(1, 10), r.randrange(5))
        packed = b""
        at = 0
        while r.random() < 0.3:
            n = r.randrange(len(data) + 1 - at) if at < len(data) else 0
            packed += compressor.compress(data[at:at + n])
            packed += compressor.flush(r.choice([zlib.Z_PARTIAL_FLUSH, zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH]))
            at += n
        packed = bytearray(packed + compressor.compress(data[at:]) + compressor.flush())
        kind = r.randrange(10)
        if kind == 0:
            packed[r.randrange(len(packed))] ^= 1 << r.randrange(8)
        elif kind == 1:
            del packed[r.randrange(len(packed)):]
        packed = bytes(packed) + r.randbytes(r.randrange(4) if kind != 1 else 0)
        expander = zlib.decompressobj(-15)
        try:
            data = expander.decompress(packed)
            told = (data.hex() or "-") if expander.eof else short(expander)
        except zlib.error:
            told = "error"
        out.append(f"{packed.hex() or '-'} {told} {len(packed) - len(expander.unused_data)}")
        if len(out) > 100:
            send(out)
    send(out)


def send(out):
    """Prints lines in pieces that a pipe takes as a whole, also when this process is stopped and goes on meanwhile."""
    text = "".join(line + "\n" for line in out).encode()
    while text:
        text = text[os.write(1, text[:4096]):]
    out.clear()


if len(sys.argv) > 1:
    make(int(sys.argv[2]), int(sys.argv[3]))
else:
    check()
