//! Windows over dimensions 3 and 2: maximum and average pooling, convolution.
//! Truth: zDNN's manual; what lies beyond the edges with "same" padding counts for nothing, and if there is an odd number
//! of it, one more is after the tensor than before it.

use std::ops::Range;

use crate::activation::relu;
use crate::request::{Function, Request};
use crate::tensor::{Memory, Place, Tensor};
use crate::unit::{Row, Weights};

/// Where a window lies over one dimension.
struct Window {
    /// Indexes of the input that it covers.
    indexes: Range<u32>,
    /// The window's own index that lies over the first of them.
    first: u32,
}

fn window(size: u32, result: u32, length: u32, stride: u32, at: u32, same: bool) -> Window {
    let needed = (u64::from(result - 1) * u64::from(stride) + u64::from(length)).saturating_sub(size.into());
    let before = if same { needed / 2 } else { 0 } as i64;
    let start = i64::from(at) * i64::from(stride) - before;
    let from = start.clamp(0, size.into());
    let to = (start + i64::from(length)).clamp(from, size.into());
    Window { indexes: from as u32..to as u32, first: (from - start) as u32 }
}

impl Request {
    fn windows(&self, [_, e3, e2]: Place, [length_3, length_2]: [u32; 2], same: bool) -> [Window; 2] {
        let (input, output) = (self.inputs[0].size, self.outputs[0].size);
        let [_, stride_2, stride_3, ..] = self.parameters;
        [
            window(input[1], output[1], length_3, stride_3, e3, same),
            window(input[2], output[2], length_2, stride_2, e2, same),
        ]
    }
}

pub(crate) fn pool<M: Memory>(r: &Request, memory: &mut M, place: Place) -> Result<Row, M::Fault> {
    let [padding, _, _, length_2, length_3] = r.parameters;
    let [over_3, over_2] = r.windows(place, [length_3, length_2], padding & 7 == 1);
    let maximum = r.function == Function::MaximumPool;
    let mut result = vec![if maximum { f64::NEG_INFINITY } else { 0.0 }; r.inputs[0].width()];
    let mut row = Vec::new();
    for e3 in over_3.indexes.clone() {
        for e2 in over_2.indexes.clone() {
            row.clear();
            r.inputs[0].row(memory, [place[0], e3, e2], &mut row)?;
            for (sum, x) in result.iter_mut().zip(&row) {
                let x = f64::from(*x);
                *sum = match maximum {
                    true if x > *sum || x.is_nan() => x,
                    true => *sum,
                    false => *sum + x,
                };
            }
        }
    }
    if !maximum {
        let count = f64::from(over_3.indexes.len() as u32) * f64::from(over_2.indexes.len() as u32);
        result.iter_mut().for_each(|sum| *sum /= count);
    }
    Ok(result)
}

/// All numbers of a kernel, dimension 1 innermost.
pub(crate) fn kernel<M: Memory>(tensor: &Tensor, memory: &mut M) -> Result<Vec<f32>, M::Fault> {
    let mut numbers = Vec::new();
    for e4 in 0..tensor.size[0] {
        for e3 in 0..tensor.size[1] {
            for e2 in 0..tensor.size[2] {
                tensor.row(memory, [e4, e3, e2], &mut numbers)?;
            }
        }
    }
    Ok(numbers)
}

pub(crate) fn convolve<M: Memory>(
    r: &Request,
    memory: &mut M,
    place: Place,
    weights: &Weights,
) -> Result<Row, M::Fault> {
    let [length_3, length_2, channels, kernels] = r.inputs[1].size;
    let [over_3, over_2] = r.windows(place, [length_3, length_2], r.parameters[0] & 7 == 1);
    let mut sums = weights.bias.clone();
    let mut row = Vec::new();
    for (w3, e3) in (over_3.first..).zip(over_3.indexes) {
        for (w2, e2) in (over_2.first..).zip(over_2.indexes.clone()) {
            row.clear();
            r.inputs[0].row(memory, [place[0], e3, e2], &mut row)?;
            let start = (w3 as usize * length_2 as usize + w2 as usize) * channels as usize * kernels as usize;
            add_products(&mut sums, &row, &weights.numbers[start..]);
        }
    }
    let activate = r.parameters[0] >> 4 & 15 == 1;
    Ok(sums.iter().map(|x| if activate { relu((*x).into(), r.clipping(3)) } else { (*x).into() }).collect())
}

/// Adds to each sum the products of the numbers of `row` and those of its column in a matrix.
pub(crate) fn add_products(sums: &mut [f32], row: &[f32], matrix: &[f32]) {
    for (x, line) in row.iter().zip(matrix.chunks_exact(sums.len())) {
        for (sum, weight) in sums.iter_mut().zip(line) {
            *sum += x * weight;
        }
    }
}
