//! Scalar multiplication on the twisted Edwards curves Ed25519 and Ed448 and on the Montgomery curves X25519 and X448, on the
//! fields of parameter blocks: numbers right aligned in 32 and 64 bytes, most significant byte first.
//! Truth: RFC 7748, RFC 8032; complete addition by Bernstein and others, Twisted Edwards curves (2008); Principles of Operation,
//! chapter 7: PERFORM CRYPTOGRAPHIC COMPUTATION (scalar multiply). No library gives the x coordinate of these points.

use crypto_bigint::modular::{ConstMontyForm, ConstMontyParams};
use crypto_bigint::{CtSelect, U256, U448, Uint, const_monty_params};
use curve25519_dalek::MontgomeryPoint;

use crate::Failure;

const_monty_params!(
    Modulus25519,
    U256,
    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed",
    "2^255 - 19"
);
const_monty_params!(
    Modulus448,
    U448,
    "fffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "2^448 - 2^224 - 1"
);

/// What distinguishes a curve a x^2 + y^2 = 1 + d x^2 y^2.
pub(crate) trait Edwards<const LIMBS: usize>: ConstMontyParams<LIMBS> + Sized {
    /// Whether a is -1 instead of 1.
    const NEGATIVE_A: bool;
    /// Bytes of a number.
    const BYTES: usize;
    /// d.
    fn d() -> Element<Self, LIMBS>;
}

/// An element of the field.
pub(crate) type Element<C, const LIMBS: usize> = ConstMontyForm<C, LIMBS>;

impl Edwards<{ U256::LIMBS }> for Modulus25519 {
    const NEGATIVE_A: bool = true;
    const BYTES: usize = 32;
    fn d() -> Element<Self, { U256::LIMBS }> {
        let d = "52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3";
        Element::new(&U256::from_be_hex(d))
    }
}

impl Edwards<{ U448::LIMBS }> for Modulus448 {
    const NEGATIVE_A: bool = false;
    const BYTES: usize = 56;
    fn d() -> Element<Self, { U448::LIMBS }> {
        Element::new(&U448::from(39081u32)).neg()
    }
}

/// The number in the rightmost bytes of a field, which must be less than `limit`.
pub(crate) fn number<const LIMBS: usize>(field: &[u8], bytes: usize, limit: &Uint<LIMBS>) -> Option<Uint<LIMBS>> {
    let (above, rest) = field.split_at(field.len() - bytes);
    let number = Uint::from_be_slice(rest);
    (above.iter().all(|b| *b == 0) && number < *limit).then_some(number)
}

/// Puts a number into a field.
pub(crate) fn store<const LIMBS: usize>(field: &mut [u8], number: &Uint<LIMBS>) {
    field.fill(0);
    for (byte, i) in field.iter_mut().rev().zip(0..) {
        let word = number.as_words().get(i / 8).copied().unwrap_or(0);
        *byte = word.to_le_bytes()[i % 8];
    }
}

/// A point X/Z, Y/Z.
pub(crate) struct Point<C: Edwards<LIMBS>, const LIMBS: usize> {
    x: Element<C, LIMBS>,
    y: Element<C, LIMBS>,
    z: Element<C, LIMBS>,
}

impl<C: Edwards<LIMBS>, const LIMBS: usize> Clone for Point<C, LIMBS> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C: Edwards<LIMBS>, const LIMBS: usize> Copy for Point<C, LIMBS> {}

impl<C: Edwards<LIMBS>, const LIMBS: usize> Point<C, LIMBS> {
    /// The neutral element.
    pub(crate) fn neutral() -> Self {
        Self { x: Element::ZERO, y: Element::ONE, z: Element::ONE }
    }

    /// The point with these coordinates, if they are on the curve.
    pub(crate) fn new(x: &Uint<LIMBS>, y: &Uint<LIMBS>) -> Option<Self> {
        let point = Self { x: Element::new(x), y: Element::new(y), z: Element::ONE };
        let (x2, y2) = (point.x.square(), point.y.square());
        (Self::times_a(x2).add(&y2) == Element::ONE.add(&C::d().mul(&x2).mul(&y2))).then_some(point)
    }

    fn times_a(v: Element<C, LIMBS>) -> Element<C, LIMBS> {
        if C::NEGATIVE_A { v.neg() } else { v }
    }

    /// The point with x negated.
    pub(crate) fn negated(&self) -> Self {
        Self { x: self.x.neg(), ..*self }
    }

    /// Sum: the formulas are complete, since a is a square and d is not.
    pub(crate) fn add(&self, other: &Self) -> Self {
        let a = self.z.mul(&other.z);
        let b = a.square();
        let c = self.x.mul(&other.x);
        let d = self.y.mul(&other.y);
        let e = C::d().mul(&c).mul(&d);
        let (f, g) = (b.sub(&e), b.add(&e));
        let cross = self.x.add(&self.y).mul(&other.x.add(&other.y)).sub(&c).sub(&d);
        Self { x: a.mul(&f).mul(&cross), y: a.mul(&g).mul(&d.sub(&Self::times_a(c))), z: f.mul(&g) }
    }

    fn double(&self) -> Self {
        let b = self.x.add(&self.y).square();
        let (c, d) = (self.x.square(), self.y.square());
        let e = Self::times_a(c);
        let f = e.add(&d);
        let j = f.sub(&self.z.square().double());
        Self { x: b.sub(&c).sub(&d).mul(&j), y: f.mul(&e.sub(&d)), z: f.mul(&j) }
    }

    /// Product with a number; the time depends on the number of its bytes alone.
    pub(crate) fn multiply(&self, number: &[u8]) -> Self {
        let mut multiples = [Self::neutral(); 16];
        for i in 1..16 {
            multiples[i] = multiples[i - 1].add(self);
        }
        let mut product = Self::neutral();
        for byte in number {
            for digit in [byte >> 4, byte & 15] {
                product = product.double().double().double().double();
                let mut chosen = multiples[0];
                for (i, multiple) in (0u8..).zip(&multiples) {
                    let this = crypto_bigint::Choice::from_u8_eq(i, digit);
                    chosen = Self {
                        x: chosen.x.ct_select(&multiple.x, this),
                        y: chosen.y.ct_select(&multiple.y, this),
                        z: chosen.z.ct_select(&multiple.z, this),
                    };
                }
                product = product.add(&chosen);
            }
        }
        product
    }

    /// x and y.
    pub(crate) fn coordinates(&self) -> [Uint<LIMBS>; 2] {
        // Z is never zero.
        let inverse = self.z.invert().into_option().unwrap_or_default();
        [self.x.mul(&inverse).retrieve(), self.y.mul(&inverse).retrieve()]
    }
}

fn multiply<C: Edwards<LIMBS>, const LIMBS: usize>(block: &mut [u8]) -> Result<(), Failure> {
    let n = block.len() / 5;
    let coordinate = |i: usize| number(&block[i * n..(i + 1) * n], C::BYTES, C::PARAMS.modulus().as_ref());
    let (x, y) = (coordinate(2).ok_or(Failure::Invalid)?, coordinate(3).ok_or(Failure::Invalid)?);
    let point = Point::<C, LIMBS>::new(&x, &y).ok_or(Failure::Invalid)?;
    let [x, y] = point.multiply(&block[4 * n..]).coordinates();
    store(&mut block[..n], &x);
    store(&mut block[n..2 * n], &y);
    Ok(())
}

/// Multiplies a point of Ed25519. The fields: result x and y, x, y, number.
///
/// # Errors
/// The point is none of the curve's.
pub fn multiply_ed25519(block: &mut [u8; 160]) -> Result<(), Failure> {
    multiply::<Modulus25519, { U256::LIMBS }>(block)
}

/// Multiplies a point of Ed448. The fields as of Ed25519.
///
/// # Errors
/// The point is none of the curve's.
pub fn multiply_ed448(block: &mut [u8; 320]) -> Result<(), Failure> {
    multiply::<Modulus448, { U448::LIMBS }>(block)
}

/// The bits of a number from the left.
fn bits(number: &[u8]) -> impl Iterator<Item = bool> {
    number.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 != 0))
}

/// X25519 without changing the number. The fields: result u, u, number.
pub fn multiply_x25519(block: &mut [u8; 96]) {
    let mut u: [u8; 32] = std::array::from_fn(|i| block[63 - i]);
    u = MontgomeryPoint(u).mul_bits_be(bits(&block[64..])).to_bytes();
    u.reverse();
    block[..32].copy_from_slice(&u);
}

/// X448 without changing the number, of which the last 56 bytes count. The fields: result u, u, number.
pub fn multiply_x448(block: &mut [u8; 192]) {
    type E = Element<Modulus448, { U448::LIMBS }>;
    // Numbers that are not less than the modulus stand for their remainders.
    let one = E::new(&U448::from_be_slice(&block[64 + 8..128]));
    let a24 = E::new(&U448::from(39081u32));
    let (mut x2, mut z2, mut x3, mut z3) = (E::ONE, E::ZERO, one, E::ONE);
    let exchange = |bit: bool, a: &mut E, b: &mut E| {
        let bit = crypto_bigint::Choice::from(u8::from(bit));
        (*a, *b) = (a.ct_select(b, bit), b.ct_select(a, bit));
    };
    for bit in bits(&block[128 + 8..]) {
        exchange(bit, &mut x2, &mut x3);
        exchange(bit, &mut z2, &mut z3);
        let (a, b) = (x2.add(&z2), x2.sub(&z2));
        let (aa, bb) = (a.square(), b.square());
        let e = aa.sub(&bb);
        let (da, cb) = (x3.sub(&z3).mul(&a), x3.add(&z3).mul(&b));
        x3 = da.add(&cb).square();
        z3 = one.mul(&da.sub(&cb).square());
        x2 = aa.mul(&bb);
        z2 = e.mul(&aa.add(&a24.mul(&e)));
        exchange(bit, &mut x2, &mut x3);
        exchange(bit, &mut z2, &mut z3);
    }
    // Of zero there is no inverse: the result is zero then.
    let result = x2.mul(&z2.invert().into_option().unwrap_or_default()).retrieve();
    store(&mut block[..64], &result);
}
