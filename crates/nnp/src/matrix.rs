//! Products of matrices with a bias that is added to them or compared with them.
//! Truth: zDNN's manual, `zdnn_matmul_op` and `zdnn_matmul_bcast_op`.

use crate::pooling::add_products;
use crate::request::Request;
use crate::tensor::{Memory, Place};
use crate::unit::{Row, Weights};

pub(crate) fn multiply<M: Memory>(
    r: &Request,
    memory: &mut M,
    place: Place,
    weights: &Weights,
) -> Result<Row, M::Fault> {
    let mut row = Vec::new();
    r.inputs[0].row(memory, place, &mut row)?;
    let operation = r.parameters[0] & 0xFF;
    let mut sums = if operation == 0 { weights.bias.clone() } else { vec![0.0; weights.bias.len()] };
    add_products(&mut sums, &row, &weights.numbers);
    let compared = |sum: f32, bias: f32| {
        if sum.is_nan() || bias.is_nan() {
            return f64::NAN;
        }
        f64::from(u8::from(match operation {
            1 => sum > bias,
            2 => sum >= bias,
            3 => sum == bias,
            4 => sum != bias,
            5 => sum <= bias,
            _ => sum < bias,
        }))
    };
    Ok(match operation {
        0 => sums.iter().map(|sum| (*sum).into()).collect(),
        _ => sums.iter().zip(&weights.bias).map(|(sum, bias)| compared(*sum, *bias)).collect(),
    })
}
