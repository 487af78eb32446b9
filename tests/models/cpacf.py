"""Checks what the instructions of the message-security assist left in registers and storage against OpenSSL's library, called
by ctypes: reads a case a line, prints those that differ. Source: Principles of Operation, chapters 7 and 10; OpenSSL's manual.

A case: mnemonic, function code, general register 0, lengths of the operands (first, second, third), parameter block and
operands before; then condition code, program interruption, general register 0, bytes by which the operands have advanced, lengths
that remain, parameter block and first operand after. The instruction may have ended early: what it says that it has processed
must be right, and more must remain. Single DES is TDES with three equal keys, which OpenSSL has without its legacy provider.
"""
import ctypes
import ctypes.util
import hashlib
import sys

try:
    C = ctypes.CDLL(ctypes.util.find_library("crypto") or "libcrypto.so.3")
    C.OpenSSL_version.restype = ctypes.c_char_p
except (OSError, AttributeError):
    print("no libcrypto")
    sys.exit(0)

for name in """EVP_CIPHER_CTX_new EVP_CIPHER_fetch EC_GROUP_new_by_curve_name EC_POINT_new EC_KEY_new_by_curve_name BN_bin2bn BN_new
    BN_CTX_new ECDSA_SIG_new EVP_PKEY_new_raw_private_key EVP_PKEY_new_raw_public_key EVP_MD_CTX_new EVP_PKEY_CTX_new""".split():
    getattr(C, name).restype = ctypes.c_void_p


CONTEXT = ctypes.c_void_p(C.EVP_CIPHER_CTX_new())
CIPHERS = {}
OUT = ctypes.create_string_buffer(1 << 16)
SIZE = ctypes.c_int()


def cipher(name, key, iv, data, encrypt=True):
    """All of `data` through one of OpenSSL's ciphers without padding."""
    if name not in CIPHERS:
        CIPHERS[name] = ctypes.c_void_p(C.EVP_CIPHER_fetch(None, name.encode(), None))
    if not C.EVP_CipherInit_ex2(CONTEXT, CIPHERS[name], key, iv, int(encrypt), None):
        raise ValueError(name)
    C.EVP_CIPHER_CTX_set_padding(CONTEXT, 0)
    C.EVP_CipherUpdate(CONTEXT, OUT, ctypes.byref(SIZE), data, len(data))
    assert SIZE.value == len(data), name
    return OUT.raw[:len(data)]


class Key:
    """A cipher with its key: `function` is one of 1 to 3 and 18 to 20."""
    def __init__(self, function, key):
        self.block = 8 if function < 4 else 16
        self.size = 8 * function if function < 4 else 16 + 8 * (function - 18)
        key = key[:self.size]
        assert len(key) == self.size
        self.key = key if function >= 3 else key * 3 if function == 1 else key + key[:8]
        self.name = "DES-EDE3" if self.block == 8 else f"AES-{8 * self.size}"

    def run(self, mode, iv, data, encrypt=True):
        name = self.name + (f"-{mode}" if mode != "ECB" or self.block == 16 else "")
        return cipher(name, self.key, iv, data, encrypt)

    def ecb(self, data):
        return self.run("ECB", None, data)


def xor(a, b):
    return (int.from_bytes(a, "big") ^ int.from_bytes(b, "big")).to_bytes(len(a), "big") if a else b""


def number(b):
    return int.from_bytes(b, "big")


class Differs(Exception):
    pass


def need(condition, what):
    if not condition:
        raise Differs(what)


def times_alpha(v):
    v <<= 1
    return v ^ (1 << 128 | 0x87) if v >> 128 else v


def xts_product(a, b):
    out = 0
    while b:
        if b & 1:
            out ^= a
        a, b = times_alpha(a), b >> 1
    return out


def ghash(h, value, data):
    """SP 800-38D, 6.4, with a table of the products of `h` with each digit at each place."""
    if not data:
        return value
    table, v = [], number(h)
    for _ in range(32):
        bits = []
        for _ in range(4):
            bits.append(v)
            v = v >> 1 ^ (0xE1 << 120 if v & 1 else 0)
        row = [0]
        for bit in reversed(bits):
            row += [entry ^ bit for entry in row]
        table.append(row)
    places = [(124 - 4 * i, row) for i, row in enumerate(table)]
    value = number(value)
    for i in range(0, len(data), 16):
        x = value ^ number(data[i:i + 16])
        value = 0
        for shift, row in places:
            value ^= row[x >> shift & 15]
    return value.to_bytes(16, "big")


class Words32(ctypes.Structure):
    _fields_ = [("h", ctypes.c_uint32 * 8), ("rest", ctypes.c_uint8 * 256)]


class Words64(ctypes.Structure):
    _fields_ = [("h", ctypes.c_uint64 * 8), ("rest", ctypes.c_uint8 * 256)]


# Function code: bytes of state, of a block and of the length field, type of the context, words of state, transformation.
SHA = {1: (20, 64, 8, Words32, 5, "SHA1_Transform"), 2: (32, 64, 8, Words32, 8, "SHA256_Transform"),
       3: (64, 128, 16, Words64, 8, "SHA512_Transform")}


def sha(function, state, data):
    size, block, _, kind, words, transform = SHA[function]
    width = size // words
    context = kind()
    for i in range(words):
        context.h[i] = int.from_bytes(state[width * i:width * (i + 1)], "big")
    for i in range(0, len(data), block):
        getattr(C, transform)(ctypes.byref(context), data[i:i + block])
    return b"".join(context.h[i].to_bytes(width, "big") for i in range(words))


# Rates of SHA3-224 to -512, SHAKE-128 and -256.
KECCAK = {32: 144, 33: 136, 34: 104, 35: 72, 36: 168, 37: 136}
ROTATIONS = [[0, 36, 3, 41, 18], [1, 44, 10, 45, 2], [62, 6, 43, 15, 61], [28, 55, 25, 21, 56], [27, 20, 39, 8, 14]]


def rounds():
    register, out = 1, []
    for _ in range(24):
        constant = 0
        for j in range(7):
            constant |= (register & 1) << ((1 << j) - 1)
            register = register << 1 ^ (0x171 if register & 0x80 else 0)
        out.append(constant)
    return out


CONSTANTS = rounds()
ALL = (1 << 64) - 1


def permute(state):
    """FIPS 202, 3: OpenSSL takes no state that it has not made itself."""
    a = [[int.from_bytes(state[8 * (x + 5 * y):8 * (x + 5 * y) + 8], "little") for y in range(5)] for x in range(5)]
    turn = lambda v, n: (v << n | v >> (64 - n)) & ALL
    for constant in CONSTANTS:
        c = [a[x][0] ^ a[x][1] ^ a[x][2] ^ a[x][3] ^ a[x][4] for x in range(5)]
        d = [c[x - 1] ^ turn(c[(x + 1) % 5], 1) for x in range(5)]
        b = [[0] * 5 for _ in range(5)]
        for x in range(5):
            for y in range(5):
                b[y][(2 * x + 3 * y) % 5] = turn(a[x][y] ^ d[x], ROTATIONS[x][y])
        a = [[b[x][y] ^ (~b[(x + 1) % 5][y] & b[(x + 2) % 5][y] & ALL) for y in range(5)] for x in range(5)]
        a[0][0] ^= constant
    return b"".join(a[x][y].to_bytes(8, "little") for y in range(5) for x in range(5))


def sponge(state, rate, data):
    for i in range(0, len(data), rate):
        part = data[i:i + rate]
        state = permute(xor(state[:len(part)], part) + state[len(part):])
    return state


class Curve:
    """A curve of NIST through OpenSSL's points."""
    def __init__(self, nid, size, field):
        self.size, self.field, self.nid = size, field, nid
        self.group = ctypes.c_void_p(C.EC_GROUP_new_by_curve_name(nid))
        self.point, self.result = (ctypes.c_void_p(C.EC_POINT_new(self.group)) for _ in range(2))
        self.x, self.y, self.k = (ctypes.c_void_p(C.BN_new()) for _ in range(3))
        self.context = ctypes.c_void_p(C.BN_CTX_new())
        order = ctypes.c_void_p(C.BN_new())
        C.EC_GROUP_get_order(self.group, order, None)
        self.order = self.value(order)

    def value(self, bn):
        buffer = ctypes.create_string_buffer(96)
        assert C.BN_bn2binpad(bn, buffer, 96) == 96
        return number(buffer.raw)

    def bn(self, to, value):
        raw = value.to_bytes(96, "big")
        C.BN_bin2bn(raw, 96, to)

    def multiply(self, k, x=None, y=None):
        """k times a point, or times the generator; None for infinity; ValueError for what is no point."""
        self.bn(self.k, k)
        if x is None:
            C.EC_POINT_mul(self.group, self.result, self.k, None, None, self.context)
        else:
            self.bn(self.x, x)
            self.bn(self.y, y)
            if not C.EC_POINT_set_affine_coordinates(self.group, self.point, self.x, self.y, self.context):
                C.ERR_clear_error()
                raise ValueError
            C.EC_POINT_mul(self.group, self.result, None, self.point, self.k, self.context)
        if C.EC_POINT_is_at_infinity(self.group, self.result):
            return None
        C.EC_POINT_get_affine_coordinates(self.group, self.result, self.x, self.y, self.context)
        return self.value(self.x), self.value(self.y)

    def verify(self, r, s, e, x, y):
        """1: the signature is that of the hash `e`, a string as long as the order."""
        key = ctypes.c_void_p(C.EC_KEY_new_by_curve_name(self.nid))
        self.bn(self.x, x)
        self.bn(self.y, y)
        ok = C.EC_KEY_set_public_key_affine_coordinates(key, self.x, self.y)
        signature = ctypes.c_void_p(C.ECDSA_SIG_new())
        numbers = [ctypes.c_void_p(C.BN_new()) for _ in range(2)]
        for bn, value in zip(numbers, (r, s)):
            self.bn(bn, value)
        C.ECDSA_SIG_set0(signature, *numbers)
        result = C.ECDSA_do_verify(e, len(e), signature, key) if ok else -1
        C.ECDSA_SIG_free(signature)
        C.EC_KEY_free(key)
        C.ERR_clear_error()
        return result


CURVES = {}


def curve(i):
    if i not in CURVES:
        CURVES[i] = Curve(*((415, 32, 32), (715, 48, 48), (716, 66, 80))[i])
    return CURVES[i]


def field_bytes(value, size):
    return value.to_bytes(size, "big")


EDWARDS = {72: (2**255 - 19, -1, -121665 * pow(121666, -1, 2**255 - 19), 32),
           73: (2**448 - 2**224 - 1, 1, -39081, 64)}


def edwards_multiply(p, a, d, k, x, y):
    """Projective coordinates; addition by the definition of the curve."""
    def add(u, v):
        (x1, y1, z1), (x2, y2, z2) = u, v
        zz = z1 * z2 % p
        c, e = x1 * x2 % p, y1 * y2 % p
        f = d * c * e % p
        m, n = (zz * zz - f) % p, (zz * zz + f) % p
        return zz * m * (x1 * y2 + x2 * y1) % p, zz * n * (e - a * c) % p, m * n % p
    out, point = (0, 1, 1), (x, y, 1)
    while k:
        if k & 1:
            out = add(out, point)
        point, k = add(point, point), k >> 1
    inverse = pow(out[2], -1, p)
    return out[0] * inverse % p, out[1] * inverse % p


def raw_key(kind, key, private):
    make = C.EVP_PKEY_new_raw_private_key if private else C.EVP_PKEY_new_raw_public_key
    made = make(kind, None, key, ctypes.c_size_t(len(key)))
    return ctypes.c_void_p(made) if made else None


X25519, X448, ED25519, ED448 = 1034, 1035, 1087, 1088


def derive(kind, private, public):
    """ECDH; None when the result is zero."""
    ours, theirs = raw_key(kind, private, True), raw_key(kind, public, False)
    context = ctypes.c_void_p(C.EVP_PKEY_CTX_new(ours, None))
    C.EVP_PKEY_derive_init(context)
    C.EVP_PKEY_derive_set_peer_ex(context, theirs, 0)
    out, size = ctypes.create_string_buffer(64), ctypes.c_size_t(64)
    ok = C.EVP_PKEY_derive(context, out, ctypes.byref(size))
    C.EVP_PKEY_CTX_free(context)
    C.EVP_PKEY_free(ours)
    C.EVP_PKEY_free(theirs)
    C.ERR_clear_error()
    return out.raw[:size.value] if ok == 1 else None


def eddsa_sign(kind, private, message):
    key, context = raw_key(kind, private, True), ctypes.c_void_p(C.EVP_MD_CTX_new())
    C.EVP_DigestSignInit(context, None, None, None, key)
    out, size = ctypes.create_string_buffer(128), ctypes.c_size_t(128)
    C.EVP_DigestSign(context, out, ctypes.byref(size), message, ctypes.c_size_t(len(message)))
    C.EVP_MD_CTX_free(context)
    C.EVP_PKEY_free(key)
    return out.raw[:size.value]


def eddsa_verify(kind, public, signature, message):
    key, context = raw_key(kind, public, False), ctypes.c_void_p(C.EVP_MD_CTX_new())
    C.EVP_DigestVerifyInit(context, None, None, None, key)
    ok = C.EVP_DigestVerify(context, signature, ctypes.c_size_t(len(signature)), message, ctypes.c_size_t(len(message)))
    C.EVP_MD_CTX_free(context)
    C.EVP_PKEY_free(key)
    C.ERR_clear_error()
    return ok == 1


def hash_derive(*parts):
    """Hash_df of SP 800-90A for 888 bits."""
    text = (888).to_bytes(4, "big") + b"".join(parts)
    return (hashlib.sha512(b"\1" + text).digest() + hashlib.sha512(b"\2" + text).digest())[:111]


class Case:
    def __init__(self, line):
        before, after = (half.split() for half in line.split("|"))
        self.name, self.function, self.gr0 = before[0], int(before[1]), int(before[2], 16)
        self.lengths = [int(v) for v in before[3:6]]
        self.pb, self.op1, self.op2, self.op3 = (bytes.fromhex(v) if v != "-" else b"" for v in before[6:10])
        self.cc, self.program, self.gr0_after = int(after[0]), int(after[1], 16), int(after[2], 16)
        self.moved = [int(v) for v in after[3:6]]
        self.left = [int(v) for v in after[6:9]]
        self.pb_after, self.op1_after = (bytes.fromhex(v) if v != "-" else b"" for v in after[9:11])
        self.decipher = bool(self.gr0 & 0x80)

    def unchanged(self):
        need(self.pb_after == self.pb, "parameter block")
        need(self.op1_after == self.op1, "first operand")
        need(self.moved == [0, 0, 0] and self.left == self.lengths and self.gr0_after == self.gr0, "registers")

    def refused(self):
        need(self.program == 6, "specification exception")
        self.unchanged()

    def progress(self, unit, first=True):
        """Bytes of the second operand that were processed, which registers and condition code must agree about."""
        n = self.lengths[1] - self.left[1]
        need(self.program == 0, "no program interruption")
        need(self.moved[1] == n and (not first or self.moved[0] == n), "addresses")
        need(self.cc == (0 if n == self.lengths[1] else 3), "condition code")
        need(n % unit == 0 and (n or not self.lengths[1]), "units")
        need(self.gr0_after == self.gr0, "general register 0")
        return n

    def wrote(self, data):
        need(self.op1_after == data + self.op1[len(data):], "first operand")

    def block(self, expected, at=0):
        expected = self.pb[:at] + expected + self.pb[at + len(expected):]
        need(self.pb_after == expected, f"parameter block, expected {expected.hex()}")

    def check(self):
        if self.program not in (0, 6):
            # An access exception is for who has processed nothing.
            self.unchanged()
            return
        getattr(self, self.name)()

    def km(self):
        xts = self.function >= 50
        key = Key(self.function - 32 if xts else self.function, self.pb)
        if self.lengths[1] % key.block:
            return self.refused()
        n = self.progress(key.block)
        data = self.op2[:n]
        if not xts:
            self.wrote(key.run("ECB", None, data, not self.decipher))
            return self.block(b"")
        # OpenSSL takes the tweak before it is encrypted: decrypting it with the second key gives that.
        tweak = number(self.pb[key.size:key.size + 16][::-1])
        if n:
            other = bytes(range(100, 100 + key.size))
            before = Key(self.function - 32, other).run("ECB", None, self.pb[key.size:key.size + 16], False)
            self.wrote(cipher(key.name + "-XTS", key.key + other, before, data, not self.decipher))
        else:
            self.wrote(b"")
        power = 1
        for _ in range(n // 16):
            power = times_alpha(power)
        self.block(xts_product(tweak, power).to_bytes(16, "little") if n else b"", key.size if n else 0)

    def kmc(self):
        if self.function == 67:
            key = Key(3, self.pb[8:])
        else:
            key = Key(self.function, self.pb[8 if self.function < 4 else 16:])
        if self.lengths[1] % key.block:
            return self.refused()
        n, size = self.progress(key.block), key.block
        data, iv = self.op2[:n], self.pb[:key.block]
        if not n:
            self.wrote(b"")
            return self.block(b"")
        if self.function == 67:
            out = b""
            for i in range(0, n, 8):
                time = key.ecb(data[i:i + 8])
                out += key.ecb(xor(time, iv))
                iv = key.ecb(xor(out[-8:], time))
            self.wrote(out)
            return self.block(iv)
        out = key.run("CBC", iv, data, not self.decipher)
        self.wrote(out)
        self.block((data if self.decipher else out)[-size:])

    def kmf(self):
        size = 8 if self.function < 4 else 16
        key, unit = Key(self.function, self.pb[size:]), self.gr0 >> 24 & 0xFF
        if not 0 < unit <= size or self.lengths[1] % unit:
            return self.refused()
        n = self.progress(unit)
        data, iv = self.op2[:n], self.pb[:size]
        if not n:
            self.wrote(b"")
            return self.block(b"")
        if unit in (1, size):
            out = key.run("CFB8" if unit == 1 else "CFB", iv, data, not self.decipher)
            text = data if self.decipher else out
            iv = (iv + text)[-size:]
        else:
            out = b""
            for i in range(0, n, unit):
                part = xor(data[i:i + unit], key.ecb(iv)[:unit])
                out += part
                iv = (iv + (data[i:i + unit] if self.decipher else part))[-size:]
        self.wrote(out)
        self.block(iv)

    def kmo(self):
        size = 8 if self.function < 4 else 16
        key = Key(self.function, self.pb[size:])
        if self.lengths[1] % size:
            return self.refused()
        n = self.progress(size)
        if not n:
            self.wrote(b"")
            return self.block(b"")
        out = key.run("OFB", self.pb[:size], self.op2[:n])
        self.wrote(out)
        self.block(xor(out, self.op2[:n])[-size:])

    def kmctr(self):
        key = Key(self.function, self.pb)
        if self.lengths[1] % key.block:
            return self.refused()
        n = self.progress(key.block)
        need(self.moved[2] == n, "third operand")
        if n and key.block == 16 and all(
                number(self.op3[i:i + 16]) == (number(self.op3[:16]) + i // 16) % 2**128 for i in range(16, n, 16)):
            self.wrote(key.run("CTR", self.op3[:16], self.op2[:n]))
        else:
            self.wrote(xor(self.op2[:n], key.ecb(self.op3[:n])) if n else b"")
        self.block(b"")

    def kmac(self):
        size = 8 if self.function < 4 else 16
        key = Key(self.function, self.pb[size:])
        if self.lengths[1] % size:
            return self.refused()
        n = self.progress(size, first=False)
        self.block(key.run("CBC", self.pb[:size], self.op2[:n])[-size:] if n else b"")

    def kma(self):
        key = Key(self.function, self.pb[80:])
        aad, text = self.lengths[2] - self.left[2], self.lengths[1] - self.left[1]
        flags = self.gr0
        need(self.program == 0, "no program interruption")
        need(self.moved[2] == aad and self.moved[1] == text and self.moved[0] == text, "addresses")
        need(self.gr0_after == flags | 0x400, "flag of the subkey")
        subkey = self.pb[32:48] if flags & 0x400 else key.ecb(bytes(16))
        done = flags & 0x300 == 0x300 and self.left[1:] == [0, 0]
        more = self.left[2] > 15 or flags & 0x200 and (
            self.left[2] > 0 or self.left[1] > 15 or flags & 0x100 and self.left[1] > 0)
        need(self.cc == (0 if done else 3 if more else 2), "condition code")
        need(not text or aad == self.lengths[2] and flags & 0x200, "text after all of the other data")
        need(aad % 16 == 0 or aad == self.lengths[2] and flags & 0x200, "units of the other data")
        need(text % 16 == 0 or text == self.lengths[1] and flags & 0x100, "units of the text")
        initial, counter = self.pb[64:76], number(self.pb[12:16])
        blocks = (text + 15) // 16
        stream = b"".join(initial + ((counter + 1 + i) % 2**32).to_bytes(4, "big") for i in range(blocks))
        data = self.op2[:text]
        out = xor(data, key.ecb(stream)[:text]) if text else b""
        pad = lambda b: b + bytes(-len(b) % 16)
        hashed = pad(self.op3[:aad]) + pad(data if self.decipher else out)
        if done:
            hashed += self.pb[48:64]
        tag = ghash(subkey, self.pb[16:32], hashed)
        if done:
            tag = xor(tag, key.ecb(self.pb[64:80]))
        self.wrote(out)
        self.block(((counter + blocks) % 2**32).to_bytes(4, "big") + tag + subkey, 12)
        whole = self.pb[16:32] == bytes(16) and self.pb[64:76] + self.pb[12:16] == self.pb[64:80]
        if done and whole and number(self.pb[76:80]) == 1 and self.pb[48:64] == (
                (8 * aad).to_bytes(8, "big") + (8 * text).to_bytes(8, "big")) and subkey == key.ecb(bytes(16)):
            self.gcm(key, aad, text, tag)

    def gcm(self, key, aad, text, tag):
        """The whole message in one execution is what OpenSSL calls GCM."""
        name = key.name + "-GCM"
        if name not in CIPHERS:
            CIPHERS[name] = ctypes.c_void_p(C.EVP_CIPHER_fetch(None, name.encode(), None))
        C.EVP_CipherInit_ex2(CONTEXT, CIPHERS[name], key.key, self.pb[64:76], int(not self.decipher), None)
        if aad:
            C.EVP_CipherUpdate(CONTEXT, None, ctypes.byref(SIZE), self.op3[:aad], aad)
        if text:
            C.EVP_CipherUpdate(CONTEXT, OUT, ctypes.byref(SIZE), self.op2[:text], text)
            self.wrote(OUT.raw[:text])
        if self.decipher:
            C.EVP_CIPHER_CTX_ctrl(CONTEXT, 0x11, 16, tag)
            need(C.EVP_CipherFinal_ex(CONTEXT, OUT, ctypes.byref(SIZE)) == 1, "OpenSSL refuses the tag")
        else:
            C.EVP_CipherFinal_ex(CONTEXT, OUT, ctypes.byref(SIZE))
            theirs = ctypes.create_string_buffer(16)
            C.EVP_CIPHER_CTX_ctrl(CONTEXT, 0x10, 16, theirs)
            need(theirs.raw == tag, "OpenSSL's tag")
        C.EVP_CIPHER_CTX_reset(CONTEXT)

    def kimd(self):
        unit = 16 if self.function == 65 else SHA[self.function][1] if self.function < 4 else KECCAK[self.function]
        if self.lengths[1] % unit:
            return self.refused()
        n = self.progress(unit, first=False)
        data = self.op2[:n]
        if self.function == 65:
            self.block(ghash(self.pb[16:32], self.pb[:16], data))
        elif self.function < 4:
            self.block(sha(self.function, self.pb[:SHA[self.function][0]], data))
        else:
            self.block(sponge(self.pb[:200], unit, data) if n else b"")

    def klmd(self):
        need(self.program == 0, "no program interruption")
        n = self.lengths[1] - self.left[1]
        need(self.moved[1] == n, "address")
        data = self.op2[:n]
        if self.function < 4:
            size, block, field, *_ = SHA[self.function]
            need(self.gr0_after == self.gr0, "general register 0")
            done = n == self.lengths[1] and self.cc == 0
            need(done or self.cc == 3 and n % block == 0, "condition code")
            if done:
                pad = b"\x80" + bytes((-n - 1 - field) % block) + self.pb[size:size + field]
                data += pad
            return self.block(sha(self.function, self.pb[:size], data))
        rate = KECCAK[self.function]
        shake = self.function >= 36
        stored = self.lengths[0] - self.left[0] if shake else 0
        need(not shake or self.moved[0] == stored, "first operand's address")
        need(shake or self.gr0_after == self.gr0, "general register 0")
        done = n == self.lengths[1] and (not shake or stored == self.lengths[0])
        need(self.cc == (0 if done else 3), "condition code")
        state, padded = self.pb[:200], bool(self.gr0 & 0x100)
        if padded:
            need(n == 0, "nothing is taken in after the padding")
        elif self.cc == 0 or n == self.lengths[1] and (stored or self.gr0_after & 0x100):
            room = -len(data) % rate or rate
            pad = bytearray(room)
            pad[0] |= 0x1F if shake else 6
            pad[-1] |= 0x80
            state = sponge(state, rate, data + bytes(pad))
        else:
            return self.block(sponge(state, rate, data))
        if shake:
            out = b""
            while len(out) < stored:
                if padded or out:
                    state = permute(state)
                out += state[:min(rate, stored - len(out))]
            self.wrote(out)
            need(self.gr0_after == self.gr0 | (0 if done and not padded else 0x100), "flag of the padding")
        if self.pb[:200] == bytes(200) and done and not padded:
            make = getattr(hashlib, ("sha3_224", "sha3_256", "sha3_384", "sha3_512", "shake_128", "shake_256")[self.function - 32])
            digest = make(data).digest(stored) if shake else make(data).digest()
            need((self.op1_after if shake else self.pb_after)[:len(digest)] == digest, "OpenSSL's digest")
        self.block(state)

    def pcc(self):
        need(self.program == 0 and self.gr0_after == self.gr0, "no program interruption")
        if self.function < 50:
            size = 8 if self.function < 4 else 16
            key = Key(self.function, self.pb[8 + 2 * size:])
            bits = self.pb[0]
            if bits > 8 * size:
                need(self.cc == 2, "condition code")
                return self.unchanged()
            last, value = number(self.pb[8:8 + size]), number(key.ecb(bytes(size)))
            for _ in range(1 if bits == 8 * size else 2):
                value = value << 1
                if value >> 8 * size:
                    value ^= 1 << 8 * size | (0x87 if size == 16 else 0x1B)
            if bits < 8 * size:
                last = (last >> (8 * size - bits) << 1 | 1) << (8 * size - bits - 1)
            last = (last ^ value).to_bytes(size, "big")
            need(self.cc == 0, "condition code")
            self.block(key.run("CBC", self.pb[8 + size:8 + 2 * size], last), 8 + size)
        elif self.function < 64:
            key = Key(self.function - 32, self.pb)
            tweak, blocks, index, parameter = (self.pb[key.size + 16 * i:key.size + 16 * (i + 1)] for i in range(4))
            blocks, index = number(blocks), number(index)
            if blocks and index > 127:
                need(self.cc == 2, "condition code")
                return self.unchanged()
            if not blocks or not index:
                index, parameter = 0, key.ecb(tweak)
            power = 1
            for bit in reversed(range(128 - index)):
                power = xts_product(power, power)
                if blocks >> bit & 1:
                    power = times_alpha(power)
            need(self.cc == 0, "condition code")
            result = xts_product(number(parameter[::-1]), power)
            self.block((128).to_bytes(16, "big") + result.to_bytes(16, "little"), key.size + 32)
        elif self.function < 72:
            c = curve(self.function - 64)
            x, y, k = (number(self.pb[c.field * i:c.field * (i + 1)]) for i in (2, 3, 4))
            try:
                result = c.multiply(k, x, y)
            except ValueError:
                need(self.cc == 1, "condition code")
                return self.unchanged()
            if result is None:
                need(self.cc == 2, "condition code")
                return self.unchanged()
            need(self.cc == 0, "condition code")
            self.block(b"".join(field_bytes(v, c.field) for v in result))
        elif self.function < 80:
            p, a, d, size = EDWARDS[self.function]
            x, y, k = (number(self.pb[size * i:size * (i + 1)]) for i in (2, 3, 4))
            if x >= p or y >= p or (a * x * x + y * y - 1 - d * x * x * y * y) % p:
                need(self.cc == 1, "condition code")
                return self.unchanged()
            need(self.cc == 0, "condition code")
            self.block(b"".join(field_bytes(v, size) for v in edwards_multiply(p, a, d, k, x, y)))
        else:
            size, kind, length = (32, X25519, 32) if self.function == 80 else (64, X448, 56)
            point, k = (self.pb[size * i:size * (i + 1)][size - length:][::-1] for i in (1, 2))
            result = derive(kind, k, point)
            need(self.cc == 0, "condition code")
            self.block(bytes(size - length) + (result or bytes(length))[::-1])

    def kdsa(self):
        need(self.program == 0 and self.gr0_after == self.gr0, "no program interruption")
        if self.function < 32:
            c = curve((self.function - 1) % 8)
            fields = [number(self.pb[c.field * i:c.field * (i + 1)]) for i in range(5)]
            r, s, e, a, b = fields
            short = (e % c.order).to_bytes(c.size, "big")
            if c.nid == 716:
                # OpenSSL takes the leftmost 521 bits of 528.
                short = ((e % c.order) << 7).to_bytes(66, "big")
            if self.function < 4:
                legal = all(0 < v < c.order for v in (r, s))
                result = c.verify(r, s, short, a, b) if max(a, b) < 2**(8 * c.size) else -1
                need(self.cc == (0 if result == 1 else 1 if result < 0 or not legal else 2), "condition code")
                return self.unchanged()
            if not 0 < a < c.order:
                need(self.cc == 1, "condition code")
                return self.unchanged()
            if self.decipher:
                if not 0 < b < c.order:
                    need(self.cc == 2, "condition code")
                    return self.unchanged()
                r = c.multiply(b)[0] % c.order
                s = pow(b, -1, c.order) * (e + r * a) % c.order
                need(self.cc == 0, "condition code")
                return self.block(field_bytes(r, c.field) + field_bytes(s, c.field))
            need(self.cc == 0, "condition code")
            r, s = (number(self.pb_after[c.field * i:c.field * (i + 1)]) for i in (0, 1))
            need(c.verify(r, s, short, *c.multiply(a)) == 1, "OpenSSL refuses the signature")
            return self.block(self.pb_after[:2 * c.field])
        size, kind, length = (32, ED25519, 32) if self.function & 4 == 0 else (64, ED448, 57)
        r, s, key = (self.pb[size * i:size * (i + 1)] for i in range(3))
        string = lambda field: field[::-1][:length]
        message = self.op2[:self.lengths[1]]
        if self.function < 40:
            good = eddsa_verify(kind, string(key), string(r) + string(s), message)
            need((self.cc == 0) == good and self.cc in (0, 1, 2), "condition code")
            return self.unchanged()
        signature = eddsa_sign(kind, key[size - length:], message)
        need(self.cc == 0, "condition code")
        out = (bytes(size - length) + signature[:length][::-1]) + (bytes(size - length) + signature[length:][::-1])
        self.block(out)

    def prno(self):
        if self.function == 114:
            need(self.program == 0 and self.gr0_after == self.gr0, "no program interruption")
            for i in (0, 1):
                need(self.moved[i] == self.lengths[i] - self.left[i], "addresses")
            need(self.cc == (0 if self.left[:2] == [0, 0] else 3), "condition code")
            return self.block(b"")
        counter, v, c = number(self.pb[4:8]), self.pb[17:128], self.pb[129:240]
        if self.decipher:
            if not 0 < self.lengths[1] <= 512:
                return self.refused()
            need(self.program == 0 and self.cc == 0 and self.left[1] == 0, "all of the seed")
            material = self.op2[:self.lengths[1]]
            v = hash_derive(material) if counter == 0 else hash_derive(b"\1", v, material)
            return self.block(bytes(4) + (1).to_bytes(4, "big") + bytes(9) + v + b"\0" + hash_derive(b"\0", v))
        need(self.program == 0, "no program interruption")
        n = self.lengths[0] - self.left[0]
        need(self.moved[0] == n and self.cc == (0 if n == self.lengths[0] else 3), "progress")
        if not n:
            return self.block(b"")
        out = b"".join(hashlib.sha512(((number(v) + i) % 2**888).to_bytes(111, "big")).digest() for i in range((n + 63) // 64))
        self.wrote(out[:n])
        new = number(v) + number(hashlib.sha512(b"\3" + v).digest()) + number(c) + counter
        total = (number(self.pb[8:16]) + n) % 2**64
        self.block(bytes(4) + ((counter + 1) % 2**32).to_bytes(4, "big") + total.to_bytes(8, "big") + b"\0"
                   + (new % 2**888).to_bytes(111, "big") + b"\0" + c)


def main():
    for line in sys.stdin:
        case = Case(line)
        try:
            case.check()
        except Differs as what:
            print(f"{line.strip()[:3000]}\n    {what}")


if __name__ == "__main__":
    main()
