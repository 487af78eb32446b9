//! Published vectors: FIPS 197, SP 800-38A, SP 800-38B, IEEE 1619, the GCM specification, FIPS 180-4, FIPS 202, NIST's vectors of
//! Hash_DRBG, RFC 7748, RFC 8032, RFC 6979. The case files of the instructions have random data against OpenSSL.

#![allow(clippy::unwrap_used)] // helpers of tests

use softsie_cpacf::digest::{Digest, Hasher, LONGEST_STATE};
use softsie_cpacf::gcm::{Hash, counter_mode};
use softsie_cpacf::nist::Curve;
use softsie_cpacf::random::{BLOCK, Generator};
use softsie_cpacf::{Decryptor, Encryptor, Failure, Kind, eddsa, edwards, modes};

fn hex(text: &str) -> Vec<u8> {
    let text: String = text.split_whitespace().collect();
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}

fn block(text: &str) -> [u8; 16] {
    hex(text).try_into().unwrap()
}

/// The plaintext of the examples of SP 800-38A.
const TEXT: &str = "6bc1bee22e409f96e93d7e117393172a ae2d8a571e03ac9c9eb76fac45af8e51
    30c81c46a35ce411e5fbc1191a0a52ef f69f2445df4f9b17ad2b417be66c3710";
const KEY_128: &str = "2b7e151628aed2a6abf7158809cf4f3c";
const KEY_256: &str = "603deb1015ca71be2b73aef0857d7781 1f352c073b6108d72d9810a30914dff4";

#[test]
fn aes_by_itself() {
    // FIPS 197, appendix C.
    for (kind, length, cipher) in [
        (Kind::Aes128, 16, "69c4e0d86a7b0430d8cdb78070b4c55a"),
        (Kind::Aes192, 24, "dda97ca4864cdfe06eaf70a0ec0d7191"),
        (Kind::Aes256, 32, "8ea2b7ca516745bfeafc49904b496089"),
    ] {
        let key: Vec<u8> = (0..length).collect();
        let mut data = hex("00112233445566778899aabbccddeeff");
        Encryptor::new(kind, &key).blocks(&mut data);
        assert_eq!(data, hex(cipher));
        Decryptor::new(kind, &key).blocks(&mut data);
        assert_eq!(data, hex("00112233445566778899aabbccddeeff"));
    }
}

#[test]
fn dea_by_itself() {
    // SP 800-17, a variable-plaintext vector; SP 800-67, appendix B.1.
    let mut data = hex("8000000000000000");
    Encryptor::new(Kind::Dea, &hex("0101010101010101")).blocks(&mut data);
    assert_eq!(data, hex("95f8a5e5dd31d900"));
    let key = hex("0123456789abcdef 23456789abcdef01 456789abcdef0123");
    let mut data = b"The qufck brown fox jump".to_vec();
    Encryptor::new(Kind::Tdea192, &key).blocks(&mut data);
    assert_eq!(data, hex("a826fd8ce53b855f cce21c8112256fe6 68d5c05dd9b6b900"));
}

#[test]
fn chaining_and_feedback() {
    let initial = block("000102030405060708090a0b0c0d0e0f");
    let cipher = Encryptor::new(Kind::Aes128, &hex(KEY_128));
    let (mut chaining, mut data) = (initial, hex(TEXT));
    modes::cbc_encrypt(&cipher, &mut chaining, &mut data);
    let expected = hex("7649abac8119b246cee98e9b12e9197d 5086cb9b507219ee95db113a917678b2
         73bed6b8e3c1743b7116e69e22229516 3ff1caa1681fac09120eca307586e1a7");
    assert_eq!(data, expected);
    assert_eq!(chaining, expected[48..]);
    let mut chaining = initial;
    modes::cbc_decrypt(&Decryptor::new(Kind::Aes128, &hex(KEY_128)), &mut chaining, &mut data);
    assert_eq!(data, hex(TEXT));
    assert_eq!(chaining, expected[48..]);

    // CFB with 128 and 8 bits.
    let (mut chaining, mut data) = (initial, hex(TEXT));
    modes::cfb(&cipher, &mut chaining, &mut data, 16, false);
    assert_eq!(data[48..], hex("c04b05357c5d1c0eeac4c66f9ff7f2e6"));
    let mut chaining = initial;
    modes::cfb(&cipher, &mut chaining, &mut data, 16, true);
    assert_eq!(data, hex(TEXT));
    let (mut chaining, mut data) = (initial, hex(TEXT)[..18].to_vec());
    modes::cfb(&cipher, &mut chaining, &mut data, 1, false);
    assert_eq!(data, hex("3b79424c9c0dd436bace9e0ed4586a4f32b9"));

    let (mut chaining, mut data) = (initial, hex(TEXT));
    modes::ofb(&cipher, &mut chaining, &mut data);
    assert_eq!(data[48..], hex("304c6528f659c77866a510d9c1d6ae5e"));

    let mut counters: Vec<u8> = (0..4u8)
        .flat_map(|i| {
            let first = u128::from_be_bytes(block("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"));
            (first + u128::from(i)).to_be_bytes()
        })
        .collect();
    let mut data = hex(TEXT);
    modes::ctr(&Encryptor::new(Kind::Aes256, &hex(KEY_256)), &mut counters, &mut data);
    assert_eq!(data[..16], hex("601ec313775789a5b7a7f504bbf3d228"));
    assert_eq!(data[48..], hex("dfc9c58db67aada613c2dd08457941a6"));
}

#[test]
fn cmac() {
    // SP 800-38B, examples of AES-128: 0, 16 and 40 bytes.
    let cipher = Encryptor::new(Kind::Aes128, &hex(KEY_128));
    let text = hex(TEXT);
    for (length, code) in [
        (0, "bb1d6929e95937287fa37d129b756746"),
        (16, "070a16b46b4d4144f79bdd9dd04a287c"),
        (40, "dfa66747de9ae63030ca32611497c827"),
    ] {
        let last = if length == 0 { 0 } else { (length - 1) / 16 * 16 };
        let mut value = [0; 16];
        modes::cbc_mac(&cipher, &mut value, &text[..last]);
        modes::cmac_last(&cipher, &mut value, &text[last..last + 16], 8 * (length - last));
        assert_eq!(value[..], hex(code));
    }
}

#[test]
fn xts() {
    // IEEE 1619, vector 4, the first block and the last one, and vector 2.
    let mut parameter = [0; 16];
    Encryptor::new(Kind::Aes128, &hex("31415926535897932384626433832795")).blocks(&mut parameter);
    let mut later = parameter;
    let mut data: Vec<u8> = (0..512).map(|i| i as u8).collect();
    let plain = data.clone();
    let key = hex("27182818284590452353602874713526");
    modes::xts_encrypt(&Encryptor::new(Kind::Aes128, &key), &mut parameter, &mut data);
    assert_eq!(data[..16], hex("27a7479befa1d476489f308cd4cfa6e2"));
    assert_eq!(data[496..], hex("0a282df920147beabe421ee5319d0568"));
    modes::advance_tweak(&mut later, 32);
    assert_eq!(later, parameter);
    Encryptor::new(Kind::Aes128, &hex("31415926535897932384626433832795")).blocks({
        later = [0; 16];
        &mut later
    });
    modes::xts_decrypt(&Decryptor::new(Kind::Aes128, &key), &mut later, &mut data);
    assert_eq!(data, plain);
}

#[test]
fn gcm() {
    // The GCM specification, test case 4.
    let cipher = Encryptor::new(Kind::Aes128, &hex("feffe9928665731c6d6a8f9467308308"));
    let mut data = hex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72
         1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39");
    let aad = hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
    let initial = block("cafebabefacedbaddecaf88800000001");
    let mut subkey = [0; 16];
    cipher.blocks(&mut subkey);
    let mut counter = 1;
    counter_mode(&cipher, &initial, &mut counter, &mut data);
    assert_eq!(
        data,
        hex("42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e
             21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091",)
    );
    let mut hash = Hash::new(&subkey, &[0; 16]);
    hash.update_padded(&aad);
    // In two parts, as if by two instructions.
    hash.update(&data[..32]);
    let mut hash = Hash::new(&subkey, &hash.value());
    hash.update_padded(&data[32..]);
    hash.update(&hex("00000000000000a000000000000001e0"));
    let mut tag = initial;
    cipher.blocks(&mut tag);
    modes::xor(&mut tag, &hash.value());
    assert_eq!(tag, block("5bc94fbc3221a5db94fae95ae7121a47"));
}

#[test]
fn digests() {
    let finish = |digest: Digest, initial: &str, message: &[u8]| {
        let mut state = [0; LONGEST_STATE];
        state[..hex(initial).len()].copy_from_slice(&hex(initial));
        let length = (8 * message.len() as u128).to_be_bytes();
        digest.finish(&mut state, message, &length[16 - digest.length_field()..]);
        state
    };
    let sha1 = finish(Digest::Sha1, "67452301efcdab8998badcfe10325476c3d2e1f0", b"abc");
    assert_eq!(sha1[..20], hex("a9993e364706816aba3e25717850c26c9cd0d89d"));
    let initial = "6a09e667bb67ae853c6ef372a54ff53a510e527f9b05688c1f83d9ab5be0cd19";
    let sha256 = finish(Digest::Sha256, initial, b"abc");
    assert_eq!(sha256[..32], hex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
    assert_eq!(
        Hasher::sha512().chain(b"a").chain(b"bc").finish::<64>()[..],
        hex("ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a
             2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",)
    );
    let sha3 = finish(Digest::Keccak { rate: 136, shake: false }, "", b"abc");
    assert_eq!(sha3[..32], hex("3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"));
    let shake = finish(Digest::Keccak { rate: 168, shake: true }, "", b"");
    assert_eq!(shake[..32], hex("7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26"));
    assert_eq!(
        Hasher::shake256().finish::<32>()[..],
        hex("46b9dd2b0ba88d13233b3feb743eeb243fcd52ea62b81b82b50c27646ed5762f")
    );
    // A message of a million letters, in parts that do not fit blocks.
    let mut hasher = Hasher::sha512();
    for _ in 0..1000 {
        hasher.update(&[b'a'; 777]);
        hasher.update(&[b'a'; 223]);
    }
    assert_eq!(hasher.finish::<8>()[..], hex("e718483d0ce76964"));
}

#[test]
fn hash_drbg() {
    // NIST, Hash_DRBG, SHA-512, no prediction resistance, no personalization, count 0.
    let seed = hex("6b50a7d8f8a55d7a3df8bb40bcc3b722d8708de67fda010b03c4c84d72096f8c
         3ec649cc6256d9fa31db7a2904aaf025");
    let mut generator = Generator::load(&[0; BLOCK]);
    generator.seed(&seed);
    let stored = generator.store();
    assert_eq!(stored[..16], hex("0000000000000001 0000000000000000"));
    assert_eq!(stored[16..32], hex("00ade36f9a01c776613435f54e247422"));
    assert_eq!(stored[128..144], hex("00f4a3e5a0726395c64f48d08b5b5f8e"));
    let mut bytes = [0; 256];
    for _ in 0..2 {
        generator.stream(0, &mut bytes[..100]);
        generator.stream(100, &mut bytes[100..]);
        generator.update(256);
        generator = Generator::load(&generator.store());
    }
    assert_eq!(bytes[..16], hex("95b7f17e9802d3577392c6a9c08083b6"));
    assert_eq!(bytes[240..], hex("21e4b08644f6727c368c5a9f7a4b3ee2"));
}

#[test]
fn montgomery_curves() {
    // RFC 7748, section 5.2, numbers most significant byte first and clamped as there.
    let reversed = |text: &str| hex(text).into_iter().rev().collect::<Vec<u8>>();
    let mut k = hex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4");
    (k[0], k[31]) = (k[0] & 248, k[31] & 127 | 64);
    k.reverse();
    let u = reversed("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c");
    let mut block: [u8; 96] = [vec![0; 32], u, k].concat().try_into().unwrap();
    edwards::multiply_x25519(&mut block);
    assert_eq!(block[..32], reversed("c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"));

    let mut k = hex(
        "3d262fddf9ec8e88495266fea19a34d28882acef045104d0d1aae121700a779c984c24f8cdd78fbff44943eba368f54b29259a4f1c600ad3",
    );
    (k[0], k[55]) = (k[0] & 252, k[55] | 128);
    k.reverse();
    let u = reversed(
        "06fce640fa3487bfda5f6cf2d5263f8aad88334cbd07437f020f08f9814dc031ddbdc38c19c6da2583fa5429db94ada18aa7a7fb4ef8a086",
    );
    let mut block: [u8; 192] = [vec![0; 72], u, vec![0; 8], k].concat().try_into().unwrap();
    edwards::multiply_x448(&mut block);
    let result = reversed(
        "ce3e4ff95a60dc6697da1db1d85e6afbdf79b50a2412d7546d5f239fe14fbaadeb445fc66a01b0779d98223961111e21766282f73dd96b6f",
    );
    assert_eq!(block[8..64], result);
}

#[test]
fn ecdsa() {
    // RFC 6979, A.2.5: P-256 with SHA-256, "sample"; the number is the RFC's own.
    let x = "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6";
    let y = "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";
    let r = "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716";
    let s = "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8";
    let hash = "af2bdbe1aa9b6ec1e2ade1d694f41fc71a831d0268e9891562113d8a62add1bf";
    let key = "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721";
    let k = "a6e3c57dd01abe90086538398355dd4c3b17aa873382b0f24d6129493d8aad60";
    let mut block = hex(&format!("{r}{s}{hash}{key}{k}"));
    block[..64].fill(0);
    Curve::P256.sign(&mut block, None).unwrap();
    assert_eq!(block[..64], hex(&format!("{r}{s}")));
    let mut check = hex(&format!("{r}{s}{hash}{x}{y}"));
    Curve::P256.verify(&check).unwrap();
    check[0] ^= 1;
    assert_eq!(Curve::P256.verify(&check), Err(Failure::NoResult));
    // Without a number of its own each signature is another one, and good.
    for curve in [Curve::P256, Curve::P384, Curve::P521] {
        let n = curve.field();
        let mut signed = vec![0; 5 * n];
        for at in [3 * n - 1, 4 * n - 1, 4 * n - 20] {
            signed[at] = 77;
        }
        let mut again = signed.clone();
        curve.sign(&mut signed, Some(&[1; 64])).unwrap();
        curve.sign(&mut again, Some(&[2; 64])).unwrap();
        assert_ne!(signed[..2 * n], again[..2 * n]);
        // The public key is the base point times the private key.
        let mut public = vec![0; 5 * n];
        let base = base_point(curve);
        public[2 * n..4 * n].copy_from_slice(&base);
        public[4 * n..].copy_from_slice(&signed[3 * n..4 * n]);
        curve.multiply(&mut public).unwrap();
        for signature in [&signed, &again] {
            let check = [&signature[..3 * n], &public[..2 * n]].concat();
            curve.verify(&check).unwrap();
        }
    }
}

fn base_point(curve: Curve) -> Vec<u8> {
    match curve {
        Curve::P256 => hex(
            "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296
             4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
        ),
        Curve::P384 => hex(
            "aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7
             3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f",
        ),
        Curve::P521 => hex(
            "0000000000000000000000000000
             00c6858e06b70404e9cd9e3ecb662395b4429c648139053fb521f828af606b4d3dbaa14b5e77efe75928fe1dc127a2ffa8de3348b3c1856a429bf97e7e31c2e5bd66
             0000000000000000000000000000
             011839296a789a3bc0045c8a5fb42c7d1bd998f54449579b446817afbd17273e662c97ee72995ef42640c550b9013fad0761353c7086a272c24088be94769fd16650",
        ),
    }
}

#[test]
fn eddsa_signatures() {
    // RFC 8032, 7.1, test 3; 7.4, "1 octet".
    let reversed = |text: &str| hex(text).into_iter().rev().collect::<Vec<u8>>();
    let key = "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7";
    let public = "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025";
    let (r, s) = (
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac",
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    );
    let message = |hasher: &mut Hasher| {
        hasher.update(&[0xaf, 0x82]);
        Ok::<(), ()>(())
    };
    let mut block: [u8; 96] = [vec![0; 64], hex(key)].concat().try_into().unwrap();
    eddsa::sign_25519(&mut block, message).unwrap();
    assert_eq!(block[..64], [reversed(r), reversed(s)].concat());
    let mut check: [u8; 96] = [reversed(r), reversed(s), reversed(public)].concat().try_into().unwrap();
    eddsa::verify_25519(&check, message).unwrap();
    check[31] ^= 1;
    assert_eq!(eddsa::verify_25519(&check, message), Err(eddsa::Error::Failure(Failure::NoResult)));
    assert_eq!(eddsa::verify_25519(&check, |_| Err(7)), Err(eddsa::Error::Message(7)));

    let key = "c4eab05d357007c632f3dbb48489924d552b08fe0c353a0d4a1f00acda2c463afbea67c5e8d2877c5e3bc397a659949ef8021e954e0a12274e";
    let public = "43ba28f430cdff456ae531545f7ecd0ac834a55d9358c0372bfa0c6c6798c0866aea01eb00742802b8438ea4cb82169c235160627b4c3a9480";
    let (r, s) = (
        "26b8f91727bd62897af15e41eb43c377efb9c610d48f2335cb0bd0087810f4352541b143c4b981b7e18f62de8ccdf633fc1bf037ab7cd77980",
        "5e0dbcc0aae1cbcee1afb2e027df36bc04dcecbf154336c19f0af7e0a6472905e799f1953d2a0ff3348ab21aa4adafd1d234441cf807c03a00",
    );
    let message = |hasher: &mut Hasher| {
        hasher.update(&[3]);
        Ok::<(), ()>(())
    };
    let field = |text: &str| [vec![0; 7], reversed(text)].concat();
    let mut block: [u8; 192] = [vec![0; 128 + 7], hex(key)].concat().try_into().unwrap();
    eddsa::sign_448(&mut block, message).unwrap();
    assert_eq!(block[..128], [field(r), field(s)].concat());
    let mut check: [u8; 192] = [field(r), field(s), field(public)].concat().try_into().unwrap();
    eddsa::verify_448(&check, message).unwrap();
    check[100] ^= 1;
    assert!(eddsa::verify_448(&check, message).is_err());
}
