#!/bin/sh
# Makes the keys of cryptography.sh in the working directory; both machines get the same ones.
set -e
openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa2048.pem
for curve in p256:P-256 p384:P-384 p521:P-521 k1:secp256k1 brainpool:brainpoolP256r1; do
    openssl genpkey -algorithm EC -pkeyopt "ec_paramgen_curve:${curve#*:}" -out "${curve%:*}.pem"
done
for curve in ed25519 ed448 x25519 x448; do
    openssl genpkey -algorithm $curve -out $curve.pem
done
