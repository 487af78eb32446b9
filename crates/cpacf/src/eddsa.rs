//! EdDSA with Ed25519 and Ed448 on the fields of parameter blocks, the message coming from the caller.
//! Truth: RFC 8032; Principles of Operation, chapter 7: COMPUTE DIGITAL SIGNATURE AUTHENTICATION. Fields with points and numbers
//! hold the strings of the RFC from right to left, private keys from left to right, all right aligned.

use crypto_bigint::modular::ConstMontyForm;
use crypto_bigint::{U448, const_monty_params};
use curve25519_dalek::edwards::CompressedEdwardsY;
use curve25519_dalek::{EdwardsPoint, Scalar};

use crate::Failure;
use crate::digest::Hasher;
use crate::edwards::{Edwards, Element, Modulus448, Point, number, store};

/// A failure, or the caller's own error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Error<E> {
    /// The signature is wrong, or something in the parameter block.
    Failure(Failure),
    /// The message could not be read.
    Message(E),
}

impl<E> From<Failure> for Error<E> {
    fn from(failure: Failure) -> Self {
        Error::Failure(failure)
    }
}

/// A string of the RFC from a field, and back.
fn reversed<const N: usize>(field: &[u8]) -> [u8; N] {
    std::array::from_fn(|i| field.get(field.len().wrapping_sub(1 + i)).copied().unwrap_or(0))
}

fn store_reversed(field: &mut [u8], string: &[u8]) {
    field.fill(0);
    for (to, from) in field.iter_mut().rev().zip(string) {
        *to = *from;
    }
}

/// Signs with Ed25519. The fields of 32 bytes: R, S, private key. `message` takes the message into a hash each time.
///
/// # Errors
/// The message's.
pub fn sign_25519<E>(
    block: &mut [u8; 96],
    mut message: impl FnMut(&mut Hasher) -> Result<(), E>,
) -> Result<(), Error<E>> {
    let expanded: [u8; 64] = Hasher::sha512().chain(&block[64..]).finish();
    let (half, prefix) = expanded.split_at(32);
    let mut bytes: [u8; 32] = std::array::from_fn(|i| half[i]);
    bytes[0] &= 0xF8;
    bytes[31] = bytes[31] & 0x7F | 0x40;
    let secret = Scalar::from_bytes_mod_order(bytes);
    let public = EdwardsPoint::mul_base(&secret).compress();
    let mut hasher = Hasher::sha512().chain(prefix);
    message(&mut hasher).map_err(Error::Message)?;
    let nonce = Scalar::from_bytes_mod_order_wide(&hasher.finish());
    let r = EdwardsPoint::mul_base(&nonce).compress();
    let mut hasher = Hasher::sha512().chain(r.as_bytes()).chain(public.as_bytes());
    message(&mut hasher).map_err(Error::Message)?;
    let s = nonce + Scalar::from_bytes_mod_order_wide(&hasher.finish()) * secret;
    store_reversed(&mut block[..32], r.as_bytes());
    store_reversed(&mut block[32..64], s.as_bytes());
    Ok(())
}

/// Verifies with Ed25519. The fields of 32 bytes: R, S, public key.
///
/// # Errors
/// The message's; a number out of range, a public key that is no point; another signature.
pub fn verify_25519<E>(
    block: &[u8; 96],
    mut message: impl FnMut(&mut Hasher) -> Result<(), E>,
) -> Result<(), Error<E>> {
    let [r, s, public] = [0, 1, 2].map(|i| reversed::<32>(&block[32 * i..32 * i + 32]));
    let s = Option::<Scalar>::from(Scalar::from_canonical_bytes(s)).ok_or(Failure::Invalid)?;
    let point = CompressedEdwardsY(public).decompress().ok_or(Failure::Invalid)?;
    let mut hasher = Hasher::sha512().chain(&r).chain(&public);
    message(&mut hasher).map_err(Error::Message)?;
    let k = Scalar::from_bytes_mod_order_wide(&hasher.finish());
    let expected = EdwardsPoint::vartime_double_scalar_mul_basepoint(&k, &-point, &s).compress();
    if expected.to_bytes() == r { Ok(()) } else { Err(Failure::NoResult.into()) }
}

const_monty_params!(
    Order448,
    U448,
    "3fffffffffffffffffffffffffffffffffffffffffffffffffffffff7cca23e9c44edb49aed63690216cc2728dc58f552378c292ab5844f3",
    "the order of the base point of Ed448"
);

const LIMBS: usize = U448::LIMBS;
type Point448 = Point<Modulus448, LIMBS>;
type Scalar448 = ConstMontyForm<Order448, LIMBS>;
/// Bytes of a string of the RFC.
const STRING: usize = 57;

fn order() -> U448 {
    *<Order448 as crypto_bigint::modular::ConstMontyParams<LIMBS>>::PARAMS.modulus().as_ref()
}

fn base_point() -> Option<Point448> {
    let x = "4f1970c66bed0ded221d15a622bf36da9e146570470f1767ea6de324a3d3a46412ae1af72ab66511433b80e18b00938e2626a82bc70cc05e";
    let y = "693f46716eb6bc248876203756c9c7624bea73736ca3984087789c1e05a0c2d73ad3ff1ce67c39c4fdbd132c4ed7c8ad9808795bf230fa14";
    Point::new(&U448::from_be_hex(x), &U448::from_be_hex(y))
}

fn encode(point: &Point448) -> [u8; STRING] {
    let [x, y] = point.coordinates();
    let mut string = [0; STRING];
    let mut field = [0; 56];
    store(&mut field, &y);
    field.reverse();
    string[..56].copy_from_slice(&field);
    string[56] = (x.as_words()[0] as u8 & 1) << 7;
    string
}

fn decode(string: &[u8; STRING]) -> Option<Point448> {
    type E = Element<Modulus448, LIMBS>;
    if string[56] & 0x7F != 0 {
        return None;
    }
    let field: [u8; 56] = reversed(&string[..56]);
    let y =
        number(&field, 56, <Modulus448 as crypto_bigint::modular::ConstMontyParams<LIMBS>>::PARAMS.modulus().as_ref())?;
    let e = E::new(&y);
    let (u, v) = (e.square().sub(&E::ONE), Modulus448::d().mul(&e.square()).sub(&E::ONE));
    // x = u^3 v (u^5 v^3)^((p-3)/4), if that is a root of u/v; (p-3)/4 = 2^446 - 2^222 - 1.
    let exponent = U448::ONE.shl_vartime(446).wrapping_sub(&U448::ONE.shl_vartime(222)).wrapping_sub(&U448::ONE);
    let (u3, v3) = (u.square().mul(&u), v.square().mul(&v));
    let x = u3.mul(&v).mul(&u3.mul(&u.square()).mul(&v3).pow_vartime(&exponent));
    if v.mul(&x.square()) != u {
        return None;
    }
    let odd = x.retrieve().as_words()[0] & 1 != 0;
    let negative = string[56] != 0;
    if x == E::ZERO && negative {
        return None;
    }
    let x = if odd == negative { x } else { x.neg() };
    Point::new(&x.retrieve(), &y)
}

/// A string, least significant byte first, modulo the order.
fn reduced(string: &[u8]) -> Scalar448 {
    let base = Scalar448::new(&U448::from(256u32));
    string.iter().rev().fold(Scalar448::ZERO, |sum, byte| sum.mul(&base).add(&Scalar448::new(&U448::from(*byte))))
}

fn string(scalar: &Scalar448) -> [u8; STRING] {
    let mut field = [0; STRING];
    store(&mut field, &scalar.retrieve());
    field.reverse();
    field
}

/// Product of a point and a number whose string this is.
fn product(point: &Point448, number: &[u8; STRING]) -> Point448 {
    let mut number = *number;
    number.reverse();
    point.multiply(&number)
}

fn domain() -> Hasher {
    Hasher::shake256().chain(b"SigEd448\0\0")
}

/// Signs with Ed448. The fields of 64 bytes: R, S, private key.
///
/// # Errors
/// The message's.
pub fn sign_448<E>(
    block: &mut [u8; 192],
    mut message: impl FnMut(&mut Hasher) -> Result<(), E>,
) -> Result<(), Error<E>> {
    let base = base_point().ok_or(Failure::Invalid)?;
    let expanded: [u8; 114] = Hasher::shake256().chain(&block[192 - STRING..]).finish();
    let (half, prefix) = expanded.split_at(STRING);
    let mut secret: [u8; STRING] = std::array::from_fn(|i| half[i]);
    secret[0] &= 0xFC;
    secret[55] |= 0x80;
    secret[56] = 0;
    let public = encode(&product(&base, &secret));
    let mut hasher = domain().chain(prefix);
    message(&mut hasher).map_err(Error::Message)?;
    let nonce = reduced(&hasher.finish::<114>());
    let r = encode(&product(&base, &string(&nonce)));
    let mut hasher = domain().chain(&r).chain(&public);
    message(&mut hasher).map_err(Error::Message)?;
    let s = nonce.add(&reduced(&hasher.finish::<114>()).mul(&reduced(&secret)));
    store_reversed(&mut block[..64], &r);
    store_reversed(&mut block[64..128], &string(&s));
    Ok(())
}

/// Verifies with Ed448. The fields of 64 bytes: R, S, public key.
///
/// # Errors
/// The message's; a number out of range, a public key that is no point; another signature.
pub fn verify_448<E>(block: &[u8; 192], mut message: impl FnMut(&mut Hasher) -> Result<(), E>) -> Result<(), Error<E>> {
    let base = base_point().ok_or(Failure::Invalid)?;
    let [r, s, public] = [0, 1, 2].map(|i| reversed::<STRING>(&block[64 * i..64 * i + 64]));
    let field: [u8; STRING] = reversed(&s);
    number(&field, 56, &order()).ok_or(Failure::Invalid)?;
    let point = decode(&public).ok_or(Failure::Invalid)?;
    let mut hasher = domain().chain(&r).chain(&public);
    message(&mut hasher).map_err(Error::Message)?;
    let k = string(&reduced(&hasher.finish::<114>()));
    let expected = encode(&product(&base, &s).add(&product(&point.negated(), &k)));
    if expected == r { Ok(()) } else { Err(Failure::NoResult.into()) }
}
