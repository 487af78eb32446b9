//! The work of a function in units: some rows of the output at a time, kept until all of a unit is made, so that what is
//! stored over an input, or an exception in the middle, does no harm.
//! Truth: Principles of Operation, chapter 26, partial completion.

use crate::activation::{elementwise, gru, lstm, normalize, softmax};
use crate::data_type::{NINF, round};
use crate::matrix::multiply;
use crate::pooling::{convolve, kernel, pool};
use crate::request::{Function, Request};
use crate::tensor::{CELLS, Memory, Place, Tensor};

/// A row's numbers before they are rounded.
pub(crate) type Row = Vec<f64>;

/// Additions and the like after which a unit ends.
const UNIT: u64 = 4_000_000;

/// The second and third input of functions that use all of them for each row.
pub(crate) struct Weights {
    /// The dimension-4 index that they are of.
    stack: u32,
    pub numbers: Vec<f32>,
    pub bias: Vec<f32>,
}

/// Numbers to be stored.
#[derive(Debug, Default)]
pub struct Rows {
    sticks: Vec<(u64, Vec<u8>)>,
    violation: bool,
}

impl Rows {
    /// Addresses and what belongs there.
    pub fn sticks(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.sticks.iter().map(|(address, bytes)| (*address, bytes.as_slice()))
    }

    /// Whether NINF was fetched or made.
    pub fn range_violation(&self) -> bool {
        self.violation
    }

    fn push(&mut self, tensor: &Tensor, place: Place, row: &[f64]) {
        for (block, part) in (0..).zip(row.chunks(CELLS as usize)) {
            let mut bytes = Vec::with_capacity(2 * part.len());
            for x in part {
                let number = round(*x).0;
                self.violation |= number & NINF == NINF;
                bytes.extend_from_slice(&number.to_be_bytes());
            }
            self.sticks.push((tensor.stick(place, block), bytes));
        }
    }
}

/// A function being done.
pub struct Work {
    request: Request,
    next: u64,
    weights: Option<Weights>,
}

impl Work {
    /// From row `next` on.
    pub fn new(request: Request, next: u64) -> Work {
        Work { request, next, weights: None }
    }

    /// The row to be done next; `None` when all are done.
    pub fn next(&self) -> Option<u64> {
        (self.next < self.request.rows()).then_some(self.next)
    }

    /// Makes some rows.
    ///
    /// # Errors
    /// Fetching an input failed. Nothing is lost: the unit can be made again.
    pub fn unit<M: Memory>(&mut self, memory: &mut M) -> Result<Rows, M::Fault> {
        let (mut rows, mut next, mut cost) = (Rows::default(), self.next, 0);
        while next < self.request.rows() && cost < UNIT {
            let [_, d3, d2, _] = self.request.outputs[0].size.map(u64::from);
            let place = [next / (d3 * d2), next / d2 % d3, next % d2].map(|n| n as u32);
            self.row(memory, place, &mut rows)?;
            cost += self.cost();
            next += 1;
        }
        self.next = next;
        Ok(rows)
    }

    /// About how much a row costs.
    fn cost(&self) -> u64 {
        let [a, b, _] = self.request.inputs.map(|t| t.size.map(u64::from));
        16 + match self.request.function {
            Function::Convolution => b.iter().product(),
            Function::MatrixMultiply | Function::MatrixMultiplyBroadcast => a[3] * b[3],
            Function::MaximumPool | Function::AveragePool => {
                let [.., window_2, window_3] = self.request.parameters.map(u64::from);
                a[3] * window_2 * window_3
            }
            _ => 16 * a[3],
        }
    }

    fn row<M: Memory>(&mut self, memory: &mut M, place: Place, rows: &mut Rows) -> Result<(), M::Fault> {
        use Function::*;
        let request = self.request;
        let row = match request.function {
            Softmax => softmax(&request, memory, place)?,
            BatchNormalization => normalize(&request, memory, place)?,
            MaximumPool | AveragePool => pool(&request, memory, place)?,
            GruActivation => gru(&request, memory, place)?,
            LstmActivation => {
                let [hidden, cells] = lstm(&request, memory, place)?;
                rows.push(&request.outputs[1], place, &cells);
                hidden
            }
            Convolution => {
                let weights = self.weights(memory, 0)?;
                convolve(&request, memory, place, weights)?
            }
            MatrixMultiply | MatrixMultiplyBroadcast => {
                let stack = if request.function == MatrixMultiply { place[0] } else { 0 };
                let weights = self.weights(memory, stack)?;
                multiply(&request, memory, place, weights)?
            }
            _ => elementwise(&request, memory, place)?,
        };
        rows.push(&request.outputs[0], place, &row);
        Ok(())
    }

    /// The weights of a stack, fetched when it is another than before.
    fn weights<M: Memory>(&mut self, memory: &mut M, stack: u32) -> Result<&Weights, M::Fault> {
        let weights = match self.weights.take().filter(|weights| weights.stack == stack) {
            Some(weights) => weights,
            None => {
                let [_, matrix, bias] = &self.request.inputs;
                let mut weights = Weights { stack, numbers: Vec::new(), bias: Vec::new() };
                bias.row(memory, [stack, 0, 0], &mut weights.bias)?;
                if matrix.kernel {
                    weights.numbers = kernel(matrix, memory)?;
                } else {
                    for e2 in 0..matrix.size[2] {
                        matrix.row(memory, [stack, 0, e2], &mut weights.numbers)?;
                    }
                }
                weights
            }
        };
        Ok(self.weights.insert(weights))
    }
}
