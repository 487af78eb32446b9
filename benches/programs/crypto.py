# OpenSSL's library, called directly: AES-128-GCM of many megabytes, or RSA signatures. Prints a digest of what comes out.
import ctypes
import hashlib
import sys

lib = ctypes.CDLL("libcrypto.so.3")
for name in "EVP_CIPHER_CTX_new EVP_aes_128_gcm EVP_MD_CTX_new EVP_sha256 BIO_new_mem_buf PEM_read_bio_PrivateKey".split():
    getattr(lib, name).restype = ctypes.c_void_p
pointer = ctypes.c_void_p
length = ctypes.c_int()


def gcm(megabytes):
    """Encrypts the same megabyte again and again, as one message."""
    context = pointer(lib.EVP_CIPHER_CTX_new())
    assert lib.EVP_EncryptInit_ex(context, pointer(lib.EVP_aes_128_gcm()), None, bytes(range(16)), bytes(12)) == 1
    plain = bytes(range(256)) * 4096
    out = ctypes.create_string_buffer(len(plain) + 16)
    for _ in range(megabytes):
        assert lib.EVP_EncryptUpdate(context, out, ctypes.byref(length), plain, len(plain)) == 1
    last = hashlib.sha256(out.raw[: len(plain)]).hexdigest()
    assert lib.EVP_EncryptFinal_ex(context, out, ctypes.byref(length)) == 1
    tag = ctypes.create_string_buffer(16)
    assert lib.EVP_CIPHER_CTX_ctrl(context, 0x10, 16, tag) == 1
    return last + tag.raw.hex()


def rsa(signatures, key):
    """Signs numbers by PKCS #1 version 1.5, which has no randomness."""
    pem = open(key, "rb").read()
    key = pointer(lib.PEM_read_bio_PrivateKey(pointer(lib.BIO_new_mem_buf(pem, len(pem))), None, None, None))
    digest = hashlib.sha256()
    size = ctypes.c_size_t()
    out = ctypes.create_string_buffer(512)
    for number in range(signatures):
        context = pointer(lib.EVP_MD_CTX_new())
        assert lib.EVP_DigestSignInit(context, None, pointer(lib.EVP_sha256()), None, key) == 1
        size.value = len(out)
        message = str(number).encode()
        assert lib.EVP_DigestSign(context, out, ctypes.byref(size), message, len(message)) == 1
        lib.EVP_MD_CTX_free(context)
        digest.update(out.raw[: size.value])
    return digest.hexdigest()


print(gcm(int(sys.argv[2])) if sys.argv[1] == "gcm" else rsa(int(sys.argv[2]), sys.argv[3]))
