//! A function with its tensors and parameters, from the parameter block; and all that may be wrong with them.
//! Truth: zDNN, `nnpa_parameter_block`, `tensor_verify.c` and the manual's response codes. What zDNN says would end a program
//! (shapes that do not fit together) is a data exception.

use crate::query::{LARGEST_DIMENSION, LARGEST_TENSOR};
use crate::tensor::Tensor;

/// Bytes of the parameter block that are looked at; what follows is the continuation-state buffer.
pub const BLOCK_LENGTH: usize = 512;

const SAVE_AREA: usize = 56;
const OUTPUTS: [usize; 2] = [64, 96];
const INPUTS: [usize; 3] = [192, 224, 256];
const PARAMETERS: usize = 384;

/// Why a function is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Condition code 1 with this response code.
    Response(u16),
    /// A general-operand data exception.
    Data,
}

/// Response codes.
const NO_SUCH_FORMAT: Refusal = Refusal::Response(0x0001);
const NO_SUCH_FUNCTION: Refusal = Refusal::Response(0x0002);
const NO_SUCH_LAYOUT: Refusal = Refusal::Response(0x0010);
const NO_SUCH_TYPE: Refusal = Refusal::Response(0x0011);
const DIMENSION: Refusal = Refusal::Response(0x0012);
const SIZE: Refusal = Refusal::Response(0x0013);
const TENSOR_ADDRESS: Refusal = Refusal::Response(0x0014);
const SAVE_AREA_ADDRESS: Refusal = Refusal::Response(0x0015);
const SPECIFIC: u16 = 0xF000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    Add,
    Subtract,
    Multiply,
    Divide,
    Minimum,
    Maximum,
    Logarithm,
    Exponential,
    Relu,
    Tanh,
    Sigmoid,
    Softmax,
    BatchNormalization,
    MaximumPool,
    AveragePool,
    LstmActivation,
    GruActivation,
    Convolution,
    MatrixMultiply,
    /// Of stacks with one matrix and one bias for all.
    MatrixMultiplyBroadcast,
}

impl Function {
    pub fn of(code: u8) -> Option<Function> {
        Some(match code {
            16 => Function::Add,
            17 => Function::Subtract,
            18 => Function::Multiply,
            19 => Function::Divide,
            20 => Function::Minimum,
            21 => Function::Maximum,
            32 => Function::Logarithm,
            33 => Function::Exponential,
            49 => Function::Relu,
            50 => Function::Tanh,
            51 => Function::Sigmoid,
            52 => Function::Softmax,
            64 => Function::BatchNormalization,
            80 => Function::MaximumPool,
            81 => Function::AveragePool,
            96 => Function::LstmActivation,
            97 => Function::GruActivation,
            112 => Function::Convolution,
            113 => Function::MatrixMultiply,
            114 => Function::MatrixMultiplyBroadcast,
            _ => return None,
        })
    }

    /// How many input tensors it has.
    fn inputs(self) -> usize {
        use Function::*;
        match self {
            Add | Subtract | Multiply | Divide | Minimum | Maximum => 2,
            Logarithm | Exponential | Relu | Tanh | Sigmoid | Softmax | MaximumPool | AveragePool => 1,
            BatchNormalization
            | LstmActivation
            | GruActivation
            | Convolution
            | MatrixMultiply
            | MatrixMultiplyBroadcast => 3,
        }
    }

    fn outputs(self) -> usize {
        if self == Function::LstmActivation { 2 } else { 1 }
    }
}

/// A function that can be done. Tensors that it does not have are copies of the first.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    pub(crate) function: Function,
    pub(crate) outputs: [Tensor; 2],
    pub(crate) inputs: [Tensor; 3],
    pub(crate) parameters: [u32; 5],
}

fn be<const N: usize>(block: &[u8], at: usize) -> [u8; N] {
    std::array::from_fn(|n| block[at + n])
}

fn word(block: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(be(block, at))
}

fn unless(wrong: bool, refusal: Refusal) -> Result<(), Refusal> {
    if wrong { Err(refusal) } else { Ok(()) }
}

/// A tensor descriptor, whose layout must be `kernel` or the other.
fn tensor(block: &[u8], at: usize, kernel: bool) -> Result<Tensor, Refusal> {
    unless(block[at] != u8::from(kernel), NO_SUCH_LAYOUT)?;
    unless(block[at + 1] != 0, NO_SUCH_TYPE)?;
    let size: [u32; 4] = std::array::from_fn(|n| word(block, at + 8 + 4 * n));
    unless(size.iter().any(|d| *d == 0 || *d > LARGEST_DIMENSION), DIMENSION)?;
    let tensor = Tensor { kernel, size, address: u64::from_be_bytes(be(block, at + 24)) };
    unless(tensor.bytes() > LARGEST_TENSOR, SIZE)?;
    unless(!tensor.address.is_multiple_of(4096), TENSOR_ADDRESS)?;
    Ok(tensor)
}

impl Request {
    /// Function `code` with the parameter block that begins so.
    ///
    /// # Errors
    /// Why it cannot be done.
    pub fn new(code: u8, block: &[u8; BLOCK_LENGTH]) -> Result<Request, Refusal> {
        let function = Function::of(code).ok_or(NO_SUCH_FUNCTION)?;
        unless(u16::from_be_bytes(be(block, 0)) != 0, NO_SUCH_FORMAT)?;
        let output = tensor(block, OUTPUTS[0], false)?;
        let mut request = Request {
            function,
            outputs: [output; 2],
            inputs: [output; 3],
            parameters: std::array::from_fn(|n| word(block, PARAMETERS + 4 * n)),
        };
        if function.outputs() == 2 {
            request.outputs[1] = tensor(block, OUTPUTS[1], false)?;
        }
        for (n, at) in INPUTS.into_iter().enumerate().take(function.inputs()) {
            request.inputs[n] = tensor(block, at, function == Function::Convolution && n == 1)?;
        }
        if function == Function::Softmax {
            unless(!u64::from_be_bytes(be(block, SAVE_AREA)).is_multiple_of(4096), SAVE_AREA_ADDRESS)?;
        }
        request.check()?;
        Ok(request)
    }

    /// What the function demands of its parameters and shapes.
    fn check(&self) -> Result<(), Refusal> {
        use Function::*;
        let [output, second] = self.outputs.map(|t| t.size);
        let [a, b, c] = self.inputs.map(|t| t.size);
        let data = |fits: bool| unless(!fits, Refusal::Data);
        let of_channels = |size: [u32; 4], channels| size == [1, 1, 1, channels];
        match self.function {
            Add | Subtract | Multiply | Divide | Minimum | Maximum => data(a == output && b == output),
            Logarithm | Exponential | Tanh | Sigmoid => data(a == output),
            // The clipping value is a number that is not negative.
            Relu => data(a == output && self.clipping(0) < 0x7FFF),
            Softmax => {
                unless(a[1] != 1, Refusal::Response(SPECIFIC))?;
                unless(self.parameters[0] & 15 > 1, Refusal::Response(SPECIFIC + 1))?;
                data(a == output)
            }
            BatchNormalization => data(a == output && of_channels(b, a[3]) && of_channels(c, a[3])),
            LstmActivation | GruActivation => {
                let gates = if self.function == LstmActivation { 4 } else { 3 };
                let state = [1, 1, a[2], a[3]];
                let fits = a == [gates, 1, a[2], a[3]] && b == a && c == state && output == state;
                data(fits && (self.function == GruActivation || second == state))
            }
            MatrixMultiply | MatrixMultiplyBroadcast => {
                unless(self.parameters[0] & 0xFF > 6, Refusal::Response(SPECIFIC))?;
                let stacks = if self.function == MatrixMultiply { a[0] } else { 1 };
                data(
                    a[1] == 1
                        && b == [stacks, 1, a[3], b[3]]
                        && c == [stacks, 1, 1, b[3]]
                        && output == [a[0], 1, a[2], b[3]],
                )
            }
            MaximumPool | AveragePool => self.check_pool(),
            Convolution => self.check_convolution(),
        }
    }

    /// The number in a parameter that clips.
    pub(crate) fn clipping(&self, parameter: usize) -> u16 {
        self.parameters[parameter] as u16
    }

    /// Whether the output's dimension `n` (1: dimension 3, 2: dimension 2) is what window and stride make of the input's.
    fn slides(&self, n: usize, window: u32, stride: u32, same: bool) -> bool {
        let (size, result) = (self.inputs[0].size[n], self.outputs[0].size[n]);
        match same {
            true => result == size.div_ceil(stride),
            false => window <= size && result == (size - window + 1).div_ceil(stride),
        }
    }

    fn check_pool(&self) -> Result<(), Refusal> {
        let specific = |wrong, n| unless(wrong, Refusal::Response(SPECIFIC + n));
        let [padding, stride_2, stride_3, window_2, window_3] = self.parameters;
        let (padding, input, output) = (padding & 7, self.inputs[0].size, self.outputs[0].size);
        specific(padding > 1, 0)?;
        unless([stride_2, stride_3].iter().any(|n| *n > LARGEST_DIMENSION), DIMENSION)?;
        unless([window_2, window_3].iter().any(|n| *n == 0 || *n > LARGEST_DIMENSION), DIMENSION)?;
        let fits = if stride_2 == 0 && stride_3 == 0 {
            specific(window_2 > 1024 || window_3 > 1024, 1)?;
            padding == 0 && [window_3, window_2] == input[1..3] && output[1..3] == [1, 1]
        } else {
            specific(window_2 > 64 || window_3 > 64, 2)?;
            specific(stride_2 > 30 || stride_3 > 30, 3)?;
            specific(input[1] > 1024 || input[2] > 1024, 4)?;
            stride_2 != 0
                && stride_3 != 0
                && self.slides(1, window_3, stride_3, padding == 1)
                && self.slides(2, window_2, stride_2, padding == 1)
        };
        unless(!fits || output[0] != input[0] || output[3] != input[3], Refusal::Data)
    }

    fn check_convolution(&self) -> Result<(), Refusal> {
        let specific = |wrong, n| unless(wrong, Refusal::Response(SPECIFIC + n));
        let [control, stride_2, stride_3, ..] = self.parameters;
        let [input, kernel, bias] = self.inputs.map(|t| t.size);
        let output = self.outputs[0].size;
        let (padding, activation) = (control & 7, control >> 4 & 15);
        specific(padding > 1, 0)?;
        specific(activation > 1, 1)?;
        let [window_3, window_2, channels, kernels] = kernel;
        let fits = if stride_2 == 0 && stride_3 == 0 {
            specific(window_2 > 448 || window_3 > 448, 2)?;
            padding == 0 && [window_3, window_2] == input[1..3] && output[1..3] == [1, 1]
        } else {
            specific(window_2 > 64 || window_3 > 64, 3)?;
            specific(stride_2 > 13 || stride_3 > 13, 4)?;
            stride_2 != 0
                && stride_3 != 0
                && self.slides(1, window_3, stride_3, padding == 1)
                && self.slides(2, window_2, stride_2, padding == 1)
        };
        let clips = activation == 0 || self.clipping(3) < 0x7FFF;
        let ends = output[0] == input[0] && output[3] == kernels && channels == input[3] && bias == [1, 1, 1, kernels];
        unless(!(fits && clips && ends), Refusal::Data)
    }

    /// Rows of the output, which are made one after the other.
    pub fn rows(&self) -> u64 {
        let [d4, d3, d2, _] = self.outputs[0].size.map(u64::from);
        d4 * d3 * d2
    }
}
