#!/bin/sh
# OpenSSL's digests, ciphers, key derivations and signatures with fixed keys, each printed to compare with other machines,
# and what it signs or encrypts with random numbers checked by itself; its validated module runs its own known answers.
# Truth: the standards of the algorithms; openssl(1).
show() { printf '%s = ' "$1"; shift; "$@" 2>&1 | sha256 ; }
sha256() { openssl dgst -sha256 -r | cut -d' ' -f1; }
good() { what=$1; shift; if "$@" >log 2>&1; then echo "$what = good"; else echo "$what = FAILED: $(tail -1 log)"; fi; }

# 40,001 bytes that are the same everywhere.
openssl enc -aes-128-ctr -K 000102030405060708090a0b0c0d0e0f -iv 00000000000000000000000000000000 <"$ORACLES/cryptography.sh" >seed
i=0; : >data
while [ $i -lt 10 ]; do cat seed >>data; i=$((i + 1)); done
head -c 40001 data >input; rm data
head -c 71 input >short
show input cat input

for digest in md5 sha1 sha224 sha256 sha384 sha512 sha512-256 sha3-256 sha3-512 shake256 blake2b512 blake2s256 ripemd160 sm3; do
    extra=; [ $digest = shake256 ] && extra='-xoflen 32'
    # shellcheck disable=SC2086
    echo "$digest = $(openssl dgst -$digest $extra -r input 2>&1 | cut -d' ' -f1) $(openssl dgst -$digest $extra -r short 2>&1 | cut -d' ' -f1)"
done
for digest in md4 whirlpool; do
    echo "$digest = $(openssl dgst -provider legacy -provider default -$digest -r input 2>&1 | cut -d' ' -f1)"
done
key=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
iv=f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff
for cipher in aes-128:32 aes-192:48 aes-256:64 camellia-256:64 aria-256:64 sm4:32; do
    name=${cipher%:*} digits=${cipher#*:}
    for mode in ecb cbc cfb ofb ctr cfb8; do
        [ $name-$mode = sm4-cfb8 ] && continue
        openssl enc -$name-$mode -K "$(echo $key | cut -c1-"$digits")" -iv $iv -in input -out sealed 2>log || cat log
        openssl enc -d -$name-$mode -K "$(echo $key | cut -c1-"$digits")" -iv $iv -in sealed -out opened 2>log || cat log
        show $name-$mode cat sealed
        good "$name-$mode opens" cmp input opened
    done
done
openssl enc -chacha20 -K $key -iv $iv -in input -out sealed && show chacha20 cat sealed
openssl enc -des-ede3-cbc -K ${key%????????????????} -iv ${iv%????????????????} -in input -out sealed && show des3 cat sealed
for cipher in bf-cbc cast5-cbc rc4 des-cbc; do
    show $cipher openssl enc -provider legacy -provider default -$cipher -K "$(echo $key | cut -c1-32)" -iv ${iv%????????????????} -in input
done
for mac in "-digest SHA256 -macopt hexkey:$key HMAC" "-cipher AES-128-CBC -macopt hexkey:${key%????????????????????????????????} CMAC" \
    "-macopt hexkey:$key Poly1305" "-macopt hexkey:${key%????????????????????????????????} SipHash" \
    "-macopt hexkey:$key KMAC256" "-cipher AES-256-GCM -macopt hexkey:$key -macopt hexiv:${iv%????????} GMAC"; do
    # shellcheck disable=SC2086
    echo "mac ${mac##* } = $(openssl mac -in input $mac 2>&1)"
done
echo "pbkdf2 = $(openssl kdf -keylen 40 -kdfopt digest:SHA256 -kdfopt pass:secret -kdfopt salt:salt -kdfopt iter:1000 PBKDF2 2>&1)"
echo "scrypt = $(openssl kdf -keylen 40 -kdfopt pass:secret -kdfopt salt:salt -kdfopt n:512 -kdfopt r:8 -kdfopt p:2 SCRYPT 2>&1)"
echo "hkdf = $(openssl kdf -keylen 40 -kdfopt digest:SHA512 -kdfopt key:secret -kdfopt salt:salt -kdfopt info:x HKDF 2>&1)"
echo "argon2 = $(openssl kdf -keylen 32 -kdfopt pass:secret -kdfopt salt:saltsaltsalt -kdfopt iter:1 -kdfopt memcost:256 ARGON2ID 2>&1)"

# Keys are those of the folder $KEYS; signatures without randomness are the same everywhere.
for bits in 2048; do
    k=$KEYS/rsa$bits.pem
    openssl dgst -sha256 -sign $k -out signature input && show rsa$bits cat signature
    good "rsa$bits verifies" openssl dgst -sha256 -prverify $k -signature signature input
    openssl dgst -sha384 -sign $k -sigopt rsa_padding_mode:pss -out signature input
    good "rsa$bits pss verifies" openssl dgst -sha384 -prverify $k -sigopt rsa_padding_mode:pss -signature signature input
    openssl pkeyutl -encrypt -inkey $k -pkeyopt rsa_padding_mode:oaep -in short -out sealed
    openssl pkeyutl -decrypt -inkey $k -pkeyopt rsa_padding_mode:oaep -in sealed -out opened
    good "rsa$bits oaep opens" cmp short opened
    printf x >>short
    if openssl dgst -sha256 -prverify $k -signature signature short >/dev/null 2>&1; then echo "rsa$bits forged = ACCEPTED"; else echo "rsa$bits forged = refused"; fi
    head -c 71 input >short
done
openssl dgst -sha256 -binary input >hash
for curve in p256 p384 p521 k1 brainpool; do
    k=$KEYS/$curve.pem
    openssl pkeyutl -sign -inkey $k -in hash -pkeyopt digest:sha256 -pkeyopt nonce-type:1 -out signature 2>log || cat log
    show "ecdsa $curve" cat signature
    good "ecdsa $curve verifies" openssl pkeyutl -verify -inkey $k -in hash -pkeyopt digest:sha256 -sigfile signature
    openssl pkeyutl -sign -inkey $k -in hash -out signature
    good "ecdsa $curve random verifies" openssl pkeyutl -verify -inkey $k -in hash -sigfile signature
    openssl pkey -in $k -pubout -out public && show "public $curve" cat public
    openssl pkeyutl -derive -inkey $k -peerkey public -out derived && show "ecdh $curve" cat derived
done
for curve in ed25519 ed448; do
    k=$KEYS/$curve.pem
    openssl pkeyutl -sign -inkey $k -rawin -in short -out signature && show $curve cat signature
    good "$curve verifies" openssl pkeyutl -verify -inkey $k -rawin -in short -sigfile signature
done
for curve in x25519 x448; do
    k=$KEYS/$curve.pem
    openssl pkey -in $k -pubout -out public
    openssl pkeyutl -derive -inkey $k -peerkey public -out derived && show $curve cat derived
done
seed=$key$key
openssl genpkey -algorithm ML-KEM-768 -pkeyopt hexseed:$seed -out kem.pem && show ml-kem cat kem.pem
openssl pkeyutl -encap -inkey kem.pem -secret one -out sealed && openssl pkeyutl -decap -inkey kem.pem -secret two -in sealed
good "ml-kem opens" cmp one two
openssl genpkey -algorithm ML-DSA-65 -pkeyopt hexseed:$key -out dsa.pem && show ml-dsa cat dsa.pem
openssl pkeyutl -sign -inkey dsa.pem -rawin -in short -pkeyopt deterministic:1 -out signature && show "ml-dsa signature" cat signature
good "ml-dsa verifies" openssl pkeyutl -verify -inkey dsa.pem -rawin -in short -sigfile signature
echo "prime = $(openssl prime 170141183460469231731687303715884105727 2>&1) $(openssl prime 170141183460469231731687303715884105729 2>&1)"
good "generated key" openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out generated.pem
good "generated key checks" openssl pkey -in generated.pem -check -noout
# The validated module's own known answers; the integrity value depends on the module's bytes.
openssl fipsinstall -module "${FIPS_MODULE:-/usr/lib/s390x-linux-gnu/ossl-modules/fips.so}" -out fips.cnf >log 2>&1
echo "self-test status = $?"
grep -E ': \(.*\) :|Pass|Fail' log | sed 's/\t/ /g; s/ : / -> /' | grep -v -i integrity | sort
