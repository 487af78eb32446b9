//! Every function on random tensors against plain loops over arrays, with a layout of its own; and every response code.
//! Source: zDNN's manual and parameter block. `SOFTSIE_NNP_CASES` cases a function.

#![allow(clippy::unwrap_used)] // helpers of tests

use softsie_nnp::{BLOCK_LENGTH, Memory, NINF, Refusal, Request, Work, from_f32, query, to_f32};

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    }
    fn below(&mut self, n: u64) -> usize {
        (self.next() % n) as usize
    }
    /// A number from -4 to 4 that the data type has.
    fn number(&mut self) -> f32 {
        let x = (self.below(2001) as f32 - 1000.0) / 250.0;
        to_f32(from_f32(x).0).0
    }
}

/// Storage from address 0 on.
struct Storage(Vec<u8>);

impl Memory for Storage {
    type Fault = ();
    fn fetch(&mut self, address: u64, bytes: &mut [u8]) -> Result<(), ()> {
        let at = address as usize;
        bytes.copy_from_slice(self.0.get(at..at + bytes.len()).ok_or(())?);
        Ok(())
    }
}

/// A tensor as an array: dimensions 4 to 1.
#[derive(Clone)]
struct Array {
    size: [usize; 4],
    numbers: Vec<f32>,
}

impl Array {
    fn random(r: &mut Random, size: [usize; 4]) -> Array {
        let numbers = (0..size.iter().product()).map(|_| r.number()).collect();
        Array { size, numbers }
    }
    fn at(&self, [a, b, c, d]: [usize; 4]) -> f64 {
        let [_, s3, s2, s1] = self.size;
        f64::from(self.numbers[((a * s3 + b) * s2 + c) * s1 + d])
    }
    fn indexes(&self) -> impl Iterator<Item = [usize; 4]> + use<> {
        let [s4, s3, s2, s1] = self.size;
        (0..s4 * s3 * s2 * s1).map(move |n| [n / (s1 * s2 * s3), n / (s1 * s2) % s3, n / s1 % s2, n % s1])
    }
}

/// Where a number lies in a tensor: pages of 32 sticks of 64 numbers, listed in order.
fn place(size: [usize; 4], [a, b, c, d]: [usize; 4], kernel: bool) -> usize {
    let [s4, s3, s2, s1] = size;
    let (wide, deep) = (s1.div_ceil(64), s2.div_ceil(32));
    let mut page = 0;
    let wanted = (a, b, c / 32, d / 64);
    if kernel {
        for block in 0..wide {
            for x in 0..s4 {
                for y in 0..s3 {
                    for z in 0..deep {
                        if (x, y, z, block) == wanted {
                            return page * 4096 + c % 32 * 128 + d % 64 * 2;
                        }
                        page += 1;
                    }
                }
            }
        }
    } else {
        for x in 0..s4 {
            for block in 0..wide {
                for y in 0..s3 {
                    for z in 0..deep {
                        if (x, y, z, block) == wanted {
                            return page * 4096 + c % 32 * 128 + d % 64 * 2;
                        }
                        page += 1;
                    }
                }
            }
        }
    }
    unreachable!()
}

const OUTPUTS: [usize; 2] = [64, 96];
const INPUTS: [usize; 3] = [192, 224, 256];
const SPACE: usize = 1 << 21;

fn descriptor(block: &mut [u8; BLOCK_LENGTH], at: usize, size: [usize; 4], kernel: bool, address: usize) {
    block[at] = kernel.into();
    for (n, d) in size.iter().enumerate() {
        block[at + 8 + 4 * n..][..4].copy_from_slice(&(*d as u32).to_be_bytes());
    }
    block[at + 24..][..8].copy_from_slice(&(address as u64).to_be_bytes());
}

fn block_of(inputs: &[Array], outputs: &[[usize; 4]], parameters: &[u32], kernel: bool) -> [u8; BLOCK_LENGTH] {
    let mut block = [0; BLOCK_LENGTH];
    for (n, array) in inputs.iter().enumerate() {
        descriptor(&mut block, INPUTS[n], array.size, kernel && n == 1, n * SPACE);
    }
    for (n, size) in outputs.iter().enumerate() {
        descriptor(&mut block, OUTPUTS[n], *size, false, (3 + n) * SPACE);
    }
    for (n, p) in parameters.iter().enumerate() {
        block[384 + 4 * n..][..4].copy_from_slice(&p.to_be_bytes());
    }
    block
}

/// Runs a function and compares with `expected`; `tolerance` is 1 for functions that sum in 32 bits.
fn check(
    code: u8,
    inputs: &[Array],
    outputs: &[[usize; 4]],
    parameters: &[u32],
    tolerance: u8,
    expected: &dyn Fn(usize, [usize; 4]) -> f64,
) {
    let kernel = code == 112;
    let block = block_of(inputs, outputs, parameters, kernel);
    let mut storage = Storage(vec![0xEE; 5 * SPACE]);
    for (n, array) in inputs.iter().enumerate() {
        for index in array.indexes() {
            let at = n * SPACE + place(array.size, index, kernel && n == 1);
            let number = from_f32(array.at(index) as f32).0;
            storage.0[at..at + 2].copy_from_slice(&number.to_be_bytes());
        }
    }
    let request = Request::new(code, &block).unwrap();
    let mut work = Work::new(request, 0);
    let mut violation = false;
    while work.next().is_some() {
        let rows = work.unit(&mut storage).unwrap();
        violation |= rows.range_violation();
        for (address, bytes) in rows.sticks() {
            storage.0[address as usize..][..bytes.len()].copy_from_slice(bytes);
        }
    }
    let mut touched = vec![false; 2 * SPACE];
    let mut any_ninf = false;
    // For `cargo xtask campaign`.
    println!(
        "@compared\tspecial\t{}\tsums in double precision (NNPA)",
        outputs.iter().map(|size| size.iter().product::<usize>()).sum::<usize>()
    );
    for (n, size) in outputs.iter().enumerate() {
        let shape = Array { size: *size, numbers: Vec::new() };
        for index in shape.indexes() {
            let at = (3 + n) * SPACE + place(*size, index, false);
            touched[at - 3 * SPACE] = true;
            touched[at - 3 * SPACE + 1] = true;
            let actual = u16::from_be_bytes([storage.0[at], storage.0[at + 1]]);
            let x = expected(n, index);
            let (wanted, _) = from_f32(x as f32);
            any_ninf |= actual & NINF == NINF;
            // Half a unit in the last place, and what sums in 32 bits lose.
            let unit = x.abs().log2().floor().max(-31.0).exp2() / 512.0;
            let close = (f64::from(to_f32(actual).0) - x).abs() <= 0.5001 * unit + f64::from(tolerance) * 2e-3;
            assert!(
                close || actual & wanted & NINF == NINF,
                "function {code} {parameters:x?} {index:?} of {size:?}: {actual:04x}, expected {wanted:04x} ({x})"
            );
        }
    }
    assert_eq!(violation, any_ninf, "range violation of function {code}");
    // Nothing else is stored.
    let outside = storage.0[3 * SPACE..].iter().zip(touched).all(|(b, t)| t || *b == 0xEE);
    assert!(outside, "function {code} stores beside its output");
}

fn cases() -> usize {
    std::env::var("SOFTSIE_NNP_CASES").ok().and_then(|s| s.parse().ok()).unwrap_or(12)
}

type OfOne = fn(f64) -> f64;
type OfTwo = fn(f64, f64) -> f64;

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn shape(r: &mut Random) -> [usize; 4] {
    [1 + r.below(2), 1 + r.below(3), 1 + r.below(40), 1 + r.below(140)]
}

#[test]
fn element_by_element() {
    let mut r = Random(1);
    for _ in 0..cases() {
        let size = shape(&mut r);
        let pair = [Array::random(&mut r, size), Array::random(&mut r, size)];
        let [a, b] = &pair;
        let two: [(u8, OfTwo); 6] = [
            (16, |x, y| x + y),
            (17, |x, y| x - y),
            (18, |x, y| x * y),
            (19, |x, y| x / y),
            (20, |x, y| if x < y { x } else { y }),
            (21, |x, y| if x > y { x } else { y }),
        ];
        for (code, f) in two {
            check(code, &pair, &[size], &[], 0, &|_, at| f(a.at(at), b.at(at)));
        }
        let one: [(u8, OfOne); 4] = [(32, f64::ln), (33, f64::exp), (50, f64::tanh), (51, sigmoid)];
        for (code, f) in one {
            check(code, &pair[..1], &[size], &[], 0, &|_, at| f(a.at(at)));
        }
        check(49, &pair[..1], &[size], &[], 0, &|_, at| a.at(at).max(0.0));
        check(49, &pair[..1], &[size], &[0x3E00], 0, &|_, at| a.at(at).clamp(0.0, 1.0));
    }
}

#[test]
fn rows() {
    let mut r = Random(2);
    for _ in 0..cases() {
        let size = shape(&mut r);
        let [flat, channel] = [[size[0], 1, size[2], size[3]], [1, 1, 1, size[3]]];
        let a = Array::random(&mut r, flat);
        let sum = |[e4, _, e2, _]: [usize; 4]| (0..size[3]).map(|n| a.at([e4, 0, e2, n]).exp()).sum::<f64>();
        check(52, std::slice::from_ref(&a), &[flat], &[0], 0, &|_, at| a.at(at).exp() / sum(at));
        check(52, std::slice::from_ref(&a), &[flat], &[1], 0, &|_, at| a.at(at) - sum(at).ln());
        let inputs = [size, channel, channel].map(|s| Array::random(&mut r, s));
        check(64, &inputs, &[size], &[], 0, &|_, at| {
            inputs[0].at(at) * inputs[1].at([0, 0, 0, at[3]]) + inputs[2].at([0, 0, 0, at[3]])
        });
    }
}

#[test]
fn recurrent() {
    let mut r = Random(3);
    for _ in 0..cases() {
        let [_, _, b, s] = shape(&mut r);
        let state = [1, 1, b, s];
        let inputs = [[4, 1, b, s], [4, 1, b, s], state].map(|s| Array::random(&mut r, s));
        let [x, y, c] = &inputs;
        check(96, &inputs, &[state, state], &[], 0, &|n, [_, _, e2, e1]| {
            let gate = |g| x.at([g, 0, e2, e1]) + y.at([g, 0, e2, e1]);
            let cell = sigmoid(gate(0)) * c.at([0, 0, e2, e1]) + sigmoid(gate(1)) * gate(2).tanh();
            if n == 1 { cell } else { sigmoid(gate(3)) * cell.tanh() }
        });
        let inputs = [[3, 1, b, s], [3, 1, b, s], state].map(|s| Array::random(&mut r, s));
        let [x, y, h] = &inputs;
        check(97, &inputs, &[state], &[], 0, &|_, [_, _, e2, e1]| {
            let (x, y) = (|g| x.at([g, 0, e2, e1]), |g| y.at([g, 0, e2, e1]));
            let (update, reset) = (sigmoid(x(0) + y(0)), sigmoid(x(1) + y(1)));
            let candidate = (x(2) + reset * y(2)).tanh();
            candidate + update * (h.at([0, 0, e2, e1]) - candidate)
        });
    }
}

#[test]
fn matrices() {
    let mut r = Random(4);
    for _ in 0..cases() {
        let (stacks, m, k, n) = (1 + r.below(3), 1 + r.below(40), 1 + r.below(100), 1 + r.below(80));
        for (code, weights) in [(113, stacks), (114, 1)] {
            let inputs = [[stacks, 1, m, k], [weights, 1, k, n], [weights, 1, 1, n]].map(|s| Array::random(&mut r, s));
            let [a, b, c] = &inputs;
            for operation in 0..7 {
                check(code, &inputs, &[[stacks, 1, m, n]], &[operation], 1, &|_, [e4, _, e2, e1]| {
                    let stack = e4.min(weights - 1);
                    let sum: f64 = (0..k).map(|i| a.at([e4, 0, e2, i]) * b.at([stack, 0, i, e1])).sum();
                    let bias = c.at([stack, 0, 0, e1]);
                    let truth = match operation {
                        0 => return sum + bias,
                        1 => sum > bias,
                        2 => sum >= bias,
                        3 => sum == bias,
                        4 => sum != bias,
                        5 => sum <= bias,
                        _ => sum < bias,
                    };
                    f64::from(u8::from(truth))
                });
            }
        }
    }
}

/// Indexes of the input under a window, which may be outside.
fn under(at: usize, length: usize, stride: usize, size: usize, result: usize, same: bool) -> Vec<(usize, usize)> {
    let total = ((result - 1) * stride + length).saturating_sub(size);
    let before = if same { total / 2 } else { 0 };
    let place = |w: usize| (at * stride + w).checked_sub(before).filter(|i| *i < size);
    (0..length).filter_map(|w| place(w).map(|i| (w, i))).collect()
}

#[test]
fn windows() {
    let mut r = Random(5);
    for _ in 0..4 * cases() {
        let (n, c, k) = (1 + r.below(2), 1 + r.below(70), 1 + r.below(70));
        let all = r.below(4) == 0;
        let (h, w) = (1 + r.below(9), 1 + r.below(9));
        let (kh, kw) = if all { (h, w) } else { (1 + r.below(4), 1 + r.below(4)) };
        let (sh, sw) = if all { (0, 0) } else { (1 + r.below(3), 1 + r.below(3)) };
        let same = !all && r.below(2) == 0;
        if !same && (kh > h || kw > w) {
            continue;
        }
        let result = |size: usize, length: usize, stride: usize| match (all, same) {
            (true, _) => 1,
            (_, true) => size.div_ceil(stride),
            _ => (size - length + 1).div_ceil(stride),
        };
        let (oh, ow) = (result(h, kh, sh), result(w, kw, sw));
        let over = |y: usize, x: usize| (under(y, kh, sh, h, oh, same), under(x, kw, sw, w, ow, same));
        let input = Array::random(&mut r, [n, h, w, c]);
        let output = [n, oh, ow, c];
        let words = [u32::from(same), sw as u32, sh as u32, kw as u32, kh as u32];
        let values = |[e4, y, x, e1]: [usize; 4]| {
            let (ys, xs) = over(y, x);
            let mut values = Vec::new();
            for (_, y) in ys {
                values.extend(xs.iter().map(|(_, x)| input.at([e4, y, *x, e1])));
            }
            values
        };
        check(80, std::slice::from_ref(&input), &[output], &words, 0, &|_, at| {
            values(at).into_iter().fold(f64::NEG_INFINITY, f64::max)
        });
        check(81, std::slice::from_ref(&input), &[output], &words, 1, &|_, at| {
            let values = values(at);
            values.iter().sum::<f64>() / values.len() as f64
        });
        let inputs = [input.clone(), Array::random(&mut r, [kh, kw, c, k]), Array::random(&mut r, [1, 1, 1, k])];
        for (activation, clipping) in [(0, 0), (0x10, 0), (0x10, 0x4000)] {
            let words = [u32::from(same) | activation, sw as u32, sh as u32, clipping];
            check(112, &inputs, &[[n, oh, ow, k]], &words, 1, &|_, [e4, y, x, e1]| {
                let (ys, xs) = over(y, x);
                let mut sum = inputs[2].at([0, 0, 0, e1]);
                for (wy, iy) in ys {
                    for (wx, ix) in &xs {
                        for i in 0..c {
                            sum += input.at([e4, iy, *ix, i]) * inputs[1].at([wy, *wx, i, e1]);
                        }
                    }
                }
                match (activation, clipping) {
                    (0, _) => sum,
                    (_, 0) => sum.max(0.0),
                    _ => sum.clamp(0.0, 2.0),
                }
            });
        }
    }
}

/// What is said to a block that was right before `change`.
fn refusal(
    code: u8,
    inputs: &[[usize; 4]],
    output: [usize; 4],
    words: &[u32],
    change: &[(usize, u8)],
) -> Option<Refusal> {
    let arrays: Vec<Array> = inputs.iter().map(|size| Array { size: *size, numbers: Vec::new() }).collect();
    let mut block = block_of(&arrays, &[output, output], words, code == 112);
    for (at, value) in change {
        block[*at] = *value;
    }
    Request::new(code, &block).err()
}

#[test]
fn refusals() {
    let s = [1, 1, 2, 3];
    let add = |change: &[(usize, u8)]| refusal(16, &[s, s], s, &[], change);
    let response = |code| Some(Refusal::Response(code));
    assert_eq!(add(&[]), None);
    assert_eq!(refusal(15, &[s, s], s, &[], &[]), response(2));
    assert_eq!(add(&[(1, 1)]), response(1));
    assert_eq!(add(&[(192, 1)]), response(0x10));
    assert_eq!(add(&[(225, 6)]), response(0x11));
    assert_eq!(add(&[(75, 0)]), response(0x12));
    assert_eq!(add(&[(74, 0x80), (75, 0), (83, 33)]), response(0x13));
    assert_eq!(add(&[(74, 0x81)]), response(0x12));
    assert_eq!(add(&[(95, 1)]), response(0x14));
    assert_eq!(add(&[(75, 2)]), Some(Refusal::Data));
    let softmax = |size, words: &[u32], change: &[(usize, u8)]| refusal(52, &[size], size, words, change);
    assert_eq!(softmax(s, &[0], &[(63, 8)]), response(0x15));
    assert_eq!(softmax([1, 2, 2, 3], &[0], &[]), response(0xF000));
    assert_eq!(softmax(s, &[2], &[]), response(0xF001));
    let pool = |input, output, words: &[u32]| refusal(80, &[input], output, words, &[]);
    let (i, o) = ([1, 8, 8, 3], [1, 4, 4, 3]);
    assert_eq!(pool(i, o, &[1, 2, 2, 3, 3]), None);
    assert_eq!(pool(i, o, &[2, 2, 2, 3, 3]), response(0xF000));
    assert_eq!(pool(i, o, &[1, 2, 2, 0, 3]), response(0x12));
    assert_eq!(pool(i, o, &[1, 0x8001, 2, 3, 3]), response(0x12));
    assert_eq!(pool(i, [1, 1, 1, 3], &[0, 0, 0, 8, 1025]), response(0xF001));
    assert_eq!(pool(i, o, &[1, 2, 2, 65, 3]), response(0xF002));
    assert_eq!(pool(i, o, &[1, 2, 31, 3, 3]), response(0xF003));
    assert_eq!(pool([1, 1025, 8, 3], o, &[1, 2, 2, 3, 3]), response(0xF004));
    assert_eq!(pool(i, o, &[1, 0, 2, 3, 3]), Some(Refusal::Data));
    assert_eq!(pool(i, [1, 1, 1, 3], &[1, 0, 0, 8, 8]), Some(Refusal::Data));
    assert_eq!(pool(i, [1, 4, 5, 3], &[1, 2, 2, 3, 3]), Some(Refusal::Data));
    let conv = |words: &[u32]| refusal(112, &[i, [3, 3, 3, 5], [1, 1, 1, 5]], [1, 4, 4, 5], words, &[]);
    assert_eq!(conv(&[1, 2, 2, 0]), None);
    assert_eq!(conv(&[2, 2, 2, 0]), response(0xF000));
    assert_eq!(conv(&[0x21, 2, 2, 0]), response(0xF001));
    assert_eq!(conv(&[1, 14, 2, 0]), response(0xF004));
    assert_eq!(conv(&[0x11, 2, 2, 0x8000]), Some(Refusal::Data));
    assert_eq!(conv(&[0x11, 2, 2, 0x7FFF]), Some(Refusal::Data));
    let matmul = |words: &[u32], b| refusal(113, &[[2, 1, 4, 5], b, [2, 1, 1, 6]], [2, 1, 4, 6], words, &[]);
    assert_eq!(matmul(&[6], [2, 1, 5, 6]), None);
    assert_eq!(matmul(&[7], [2, 1, 5, 6]), response(0xF000));
    assert_eq!(matmul(&[0], [1, 1, 5, 6]), Some(Refusal::Data));
    assert_eq!(matmul(&[0], [2, 1, 4, 6]), Some(Refusal::Data));
    assert_eq!(refusal(49, &[s], s, &[0x8000], &[]), Some(Refusal::Data));
}

#[test]
fn the_query_tells_the_functions() {
    let answer = query();
    let bits: Vec<usize> = (0..256).filter(|n| answer[n / 8] & 0x80 >> (n % 8) != 0).collect();
    assert_eq!(bits, [0, 16, 17, 18, 19, 20, 21, 32, 33, 49, 50, 51, 52, 64, 80, 81, 96, 97, 112, 113, 114]);
    assert_eq!(answer[60..64], 32_768u32.to_be_bytes());
    assert_eq!(answer[72], 0x60);
}

#[test]
fn units_go_on_where_the_last_ended() {
    // A matrix so large that a row is a unit.
    let mut r = Random(6);
    let (m, k, n) = (3, 2000, 2100);
    let inputs = [[1, 1, m, k], [1, 1, k, n], [1, 1, 1, n]].map(|s| Array { size: s, numbers: Vec::new() });
    let mut block = block_of(&inputs, &[[1, 1, m, n]], &[0], false);
    let mut storage = Storage((0..32 << 20).map(|_| (r.next() & 0x3F) as u8).collect());
    for (at, address) in [(192, 0u64), (224, 1 << 20), (256, 16 << 20), (64, 20 << 20)] {
        block[at + 24..at + 32].copy_from_slice(&address.to_be_bytes());
    }
    let request = Request::new(113, &block).unwrap();
    let mut work = Work::new(request, 0);
    let mut whole = Vec::new();
    while work.next().is_some() {
        whole.push(format!("{:?}", work.unit(&mut storage).unwrap()));
    }
    assert_eq!(whole.len(), m);
    for (row, expected) in whole.iter().enumerate() {
        let mut work = Work::new(request, row as u64);
        assert_eq!(format!("{:?}", work.unit(&mut storage).unwrap()), *expected);
        assert_eq!(work.next(), Some(row as u64 + 1).filter(|n| *n < m as u64));
    }
}
