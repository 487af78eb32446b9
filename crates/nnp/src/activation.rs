//! Functions of single numbers and of rows, and the activations of recurrent networks.
//! Truth: zDNN's manual: operations element by element, softmax, batch normalization, LSTM and GRU.

use crate::data_type::value;
use crate::request::{Function, Request};
use crate::tensor::{Memory, Place};
use crate::unit::Row;

pub(crate) fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// The larger or smaller of two, NaN when one is.
fn extreme(a: f64, b: f64, larger: bool) -> f64 {
    if a.is_nan() || b.is_nan() {
        f64::NAN
    } else if larger {
        a.max(b)
    } else {
        a.min(b)
    }
}

/// What is negative becomes zero; what is above `clipping`, that, unless it is zero.
pub(crate) fn relu(x: f64, clipping: u16) -> f64 {
    let positive = if x < 0.0 { 0.0 } else { x };
    let limit = f64::from(value(clipping));
    if clipping & 0x7FFF != 0 && positive > limit { limit } else { positive }
}

/// A row of a function that works element by element.
pub(crate) fn elementwise<M: Memory>(r: &Request, memory: &mut M, place: Place) -> Result<Row, M::Fault> {
    let mut a = Vec::new();
    r.inputs[0].row(memory, place, &mut a)?;
    let one = |f: &dyn Fn(f64) -> f64| a.iter().map(|x| f((*x).into())).collect();
    Ok(match r.function {
        Function::Logarithm => one(&f64::ln),
        Function::Exponential => one(&f64::exp),
        Function::Tanh => one(&f64::tanh),
        Function::Sigmoid => one(&sigmoid),
        Function::Relu => one(&|x| relu(x, r.clipping(0))),
        _ => {
            let mut b = Vec::new();
            r.inputs[1].row(memory, place, &mut b)?;
            let function = r.function;
            let f = move |x: f64, y: f64| match function {
                Function::Add => x + y,
                Function::Subtract => x - y,
                Function::Multiply => x * y,
                Function::Divide => x / y,
                Function::Minimum => extreme(x, y, false),
                _ => extreme(x, y, true),
            };
            a.iter().zip(&b).map(|(x, y)| f((*x).into(), (*y).into())).collect()
        }
    })
}

/// Shares of a row's sum of exponentials, or their logarithms.
pub(crate) fn softmax<M: Memory>(r: &Request, memory: &mut M, place: Place) -> Result<Row, M::Fault> {
    let mut a = Vec::new();
    r.inputs[0].row(memory, place, &mut a)?;
    let largest = a.iter().map(|x| f64::from(*x)).fold(f64::NEG_INFINITY, |m, x| extreme(m, x, true));
    let sum: f64 = a.iter().map(|x| (f64::from(*x) - largest).exp()).sum();
    let logarithm = r.parameters[0] & 15 == 1;
    let share = |x: f64| if logarithm { x - largest - sum.ln() } else { (x - largest).exp() / sum };
    Ok(a.iter().map(|x| share((*x).into())).collect())
}

/// Times the second and plus the third input, which have one number a channel.
pub(crate) fn normalize<M: Memory>(r: &Request, memory: &mut M, place: Place) -> Result<Row, M::Fault> {
    let [mut a, mut b, mut c] = [const { Vec::new() }; 3];
    r.inputs[0].row(memory, place, &mut a)?;
    r.inputs[1].row(memory, [0; 3], &mut b)?;
    r.inputs[2].row(memory, [0; 3], &mut c)?;
    let parts = a.iter().zip(&b).zip(&c);
    Ok(parts.map(|((x, scale), bias)| f64::from(*x) * f64::from(*scale) + f64::from(*bias)).collect())
}

/// Rows of the gates of one and the other fused input, and of the former state.
fn gates<M: Memory>(r: &Request, memory: &mut M, place: Place) -> Result<[Vec<f32>; 3], M::Fault> {
    let [mut a, mut b, mut state] = [const { Vec::new() }; 3];
    for gate in 0..r.inputs[0].size[0] {
        r.inputs[0].row(memory, [gate, 0, place[2]], &mut a)?;
        r.inputs[1].row(memory, [gate, 0, place[2]], &mut b)?;
    }
    r.inputs[2].row(memory, place, &mut state)?;
    Ok([a, b, state])
}

/// The new hidden state and cell state. Gates: forget, input, cell, output.
pub(crate) fn lstm<M: Memory>(r: &Request, memory: &mut M, place: Place) -> Result<[Row; 2], M::Fault> {
    let [a, b, state] = gates(r, memory, place)?;
    let width = state.len();
    let gate = |g: usize, n: usize| f64::from(a[g * width + n]) + f64::from(b[g * width + n]);
    let cell = |n: usize| {
        let kept = sigmoid(gate(0, n)) * f64::from(state[n]);
        kept + sigmoid(gate(1, n)) * gate(2, n).tanh()
    };
    let cells: Row = (0..width).map(cell).collect();
    let hidden = (0..width).map(|n| sigmoid(gate(3, n)) * cells[n].tanh()).collect();
    Ok([hidden, cells])
}

/// The new hidden state. Gates: update, reset, hidden; of the last one the second part is multiplied by the reset gate.
pub(crate) fn gru<M: Memory>(r: &Request, memory: &mut M, place: Place) -> Result<Row, M::Fault> {
    let [a, b, state] = gates(r, memory, place)?;
    let width = state.len();
    let part = |v: &[f32], g: usize, n: usize| f64::from(v[g * width + n]);
    let hidden = |n: usize| {
        let update = sigmoid(part(&a, 0, n) + part(&b, 0, n));
        let reset = sigmoid(part(&a, 1, n) + part(&b, 1, n));
        let candidate = (part(&a, 2, n) + reset * part(&b, 2, n)).tanh();
        (1.0 - update) * candidate + update * f64::from(state[n])
    };
    Ok((0..width).map(hidden).collect())
}
