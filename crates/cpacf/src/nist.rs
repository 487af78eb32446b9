//! Scalar multiplication and ECDSA on P-256, P-384 and P-521, on the fields of parameter blocks: numbers right aligned in 32, 48
//! and 80 bytes.
//! Truth: FIPS 186-5, SP 800-186; Principles of Operation, chapter 7: PERFORM CRYPTOGRAPHIC COMPUTATION (scalar multiply),
//! COMPUTE DIGITAL SIGNATURE AUTHENTICATION.

use p256::NistP256;
use p256::elliptic_curve::ff::{Field, PrimeField};
use p256::elliptic_curve::group::{Curve as _, Group};
use p256::elliptic_curve::point::AffineCoordinates;
use p256::elliptic_curve::{AffinePoint, CurveArithmetic, FieldBytes, ProjectivePoint, Scalar};
use p384::NistP384;
use p521::NistP521;

use crate::Failure;
use crate::digest::Hasher;

/// A curve.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)] // the names say it
pub enum Curve {
    P256,
    P384,
    P521,
}

/// Calls the generic function with the curve's type.
macro_rules! on {
    ($curve:expr, $f:ident($($argument:expr),*)) => {
        match $curve {
            Curve::P256 => $f::<NistP256>($($argument),*),
            Curve::P384 => $f::<NistP384>($($argument),*),
            Curve::P521 => $f::<NistP521>($($argument),*),
        }
    };
}

impl Curve {
    /// The curve of the three function codes from `first` on.
    pub fn of(function: u8, first: u8) -> Option<Curve> {
        match function.checked_sub(first)? {
            0 => Some(Curve::P256),
            1 => Some(Curve::P384),
            2 => Some(Curve::P521),
            _ => None,
        }
    }

    /// Bytes of a field of a parameter block.
    pub fn field(self) -> usize {
        match self {
            Curve::P256 => 32,
            Curve::P384 => 48,
            Curve::P521 => 80,
        }
    }

    /// Multiplies a point by a number. The fields: result x and y, x, y, number.
    ///
    /// # Errors
    /// The point is none of the curve's; the result is the point at infinity.
    pub fn multiply(self, block: &mut [u8]) -> Result<(), Failure> {
        on!(self, multiply(block))
    }

    /// Verifies a signature. The fields: r, s, hash, x and y of the public key.
    ///
    /// # Errors
    /// A number that is out of range, a point that is none of the curve's; another signature.
    pub fn verify(self, block: &[u8]) -> Result<(), Failure> {
        on!(self, verify(block))
    }

    /// Makes a signature. The fields: r and s, hash, private key, random number. `nonce`, if given, is mixed with the random
    /// number; otherwise that is used as it is.
    ///
    /// # Errors
    /// A private key that is out of range; a random number with which there is no signature.
    pub fn sign(self, block: &mut [u8], nonce: Option<&[u8; 64]>) -> Result<(), Failure> {
        on!(self, sign(block, nonce))
    }
}

/// The bytes of a number, if no more than the curve's number of them are used.
fn number<C: CurveArithmetic>(field: &[u8]) -> Option<FieldBytes<C>> {
    let mut bytes = FieldBytes::<C>::default();
    let (above, rest) = field.split_at(field.len() - bytes.len());
    bytes.copy_from_slice(rest);
    above.iter().all(|b| *b == 0).then_some(bytes)
}

/// A number of any length modulo the order.
fn reduced<C: CurveArithmetic>(bytes: &[u8]) -> Scalar<C> {
    let base = Scalar::<C>::from(256);
    bytes.iter().fold(Scalar::<C>::ZERO, |sum, byte| sum * base + Scalar::<C>::from(u64::from(*byte)))
}

/// A number from 1 to the order minus 1.
fn scalar<C: CurveArithmetic>(field: &[u8]) -> Option<Scalar<C>> {
    let value = Option::<Scalar<C>>::from(Scalar::<C>::from_repr(number::<C>(field)?))?;
    (!bool::from(value.is_zero())).then_some(value)
}

fn point<C: CurveArithmetic>(x: &[u8], y: &[u8]) -> Option<ProjectivePoint<C>> {
    let (x, y) = (number::<C>(x)?, number::<C>(y)?);
    Option::<AffinePoint<C>>::from(AffinePoint::<C>::from_coordinates(&x, &y)).map(ProjectivePoint::<C>::from)
}

fn is_infinity<C: CurveArithmetic>(point: &ProjectivePoint<C>) -> bool {
    bool::from(point.is_identity())
}

fn store(field: &mut [u8], bytes: &[u8]) {
    let above = field.len() - bytes.len();
    field[..above].fill(0);
    field[above..].copy_from_slice(bytes);
}

fn fields(block: &[u8]) -> [&[u8]; 5] {
    let n = block.len() / 5;
    std::array::from_fn(|i| &block[i * n..(i + 1) * n])
}

fn store_pair(block: &mut [u8], first: &[u8], second: &[u8]) {
    let n = block.len() / 5;
    store(&mut block[..n], first);
    store(&mut block[n..2 * n], second);
}

fn multiply<C: CurveArithmetic>(block: &mut [u8]) -> Result<(), Failure> {
    let [_, _, x, y, k] = fields(block);
    let point = point::<C>(x, y).ok_or(Failure::Invalid)?;
    let product = point * reduced::<C>(k);
    if is_infinity::<C>(&product) {
        return Err(Failure::NoResult);
    }
    let product = product.to_affine();
    store_pair(block, product.x().as_ref(), product.y().as_ref());
    Ok(())
}

fn verify<C: CurveArithmetic>(block: &[u8]) -> Result<(), Failure> {
    let [r, s, hash, x, y] = fields(block);
    let key = point::<C>(x, y).ok_or(Failure::Invalid)?;
    let (r, s) = (scalar::<C>(r).ok_or(Failure::Invalid)?, scalar::<C>(s).ok_or(Failure::Invalid)?);
    let inverse = Option::<Scalar<C>>::from(Field::invert(&s)).ok_or(Failure::Invalid)?;
    let sum = ProjectivePoint::<C>::generator() * (reduced::<C>(hash) * inverse) + key * (r * inverse);
    if is_infinity::<C>(&sum) || reduced::<C>(sum.to_affine().x().as_ref()) != r {
        return Err(Failure::NoResult);
    }
    Ok(())
}

fn sign<C: CurveArithmetic>(block: &mut [u8], nonce: Option<&[u8; 64]>) -> Result<(), Failure> {
    let [_, _, hash, key, random] = fields(block);
    let key = scalar::<C>(key).ok_or(Failure::Invalid)?;
    let k = match nonce {
        None => scalar::<C>(random).ok_or(Failure::NoResult)?,
        Some(nonce) => {
            let part =
                |i: u8| Hasher::sha512().chain(&[i]).chain(nonce).chain(&block[block.len() / 5 * 2..]).finish::<64>();
            reduced::<C>([part(0), part(1)].as_flattened())
        }
    };
    let inverse = Option::<Scalar<C>>::from(Field::invert(&k)).ok_or(Failure::NoResult)?;
    let r = reduced::<C>((ProjectivePoint::<C>::mul_by_generator(&k)).to_affine().x().as_ref());
    let s = inverse * (reduced::<C>(hash) + r * key);
    if bool::from(r.is_zero()) || bool::from(s.is_zero()) {
        return Err(Failure::NoResult);
    }
    store_pair(block, r.to_repr().as_ref(), s.to_repr().as_ref());
    Ok(())
}
