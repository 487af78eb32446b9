//! Random functions: straight code, diamonds, counted loops, tables of branches, over values of every type.
//! Source: Cranelift's IR reference; what traps or is not determined is left out or guarded.

use cranelift_codegen::ir::{
    AbiParam, BlockArg, Function, InstBuilder, MemFlagsData, Signature, Type, UserFuncName, Value, types,
};
use cranelift_codegen::isa::{CallConv, TargetFrontendConfig};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext, Switch};
use softsie_tests::differential::Random;

use crate::buffer::{self, INPUT_TYPES, INPUTS, RESULT_LIMIT, RESULTS};

/// A function and the types of the results that it stores.
pub struct Generated {
    /// The function.
    pub function: Function,
    /// Types of its results.
    pub results: Vec<Type>,
    /// How many operations it has.
    pub operations: u32,
}

/// Makes the function of a seed, with so many operations at most: with fewer it is the same up to there.
pub fn generate(
    seed: u64,
    limit: u32,
    contexts: &mut FunctionBuilderContext,
    config: TargetFrontendConfig,
) -> Generated {
    let mut signature = Signature::new(CallConv::SystemV);
    signature.params.push(AbiParam::new(types::I64));
    let mut function = Function::with_name_signature(UserFuncName::user(0, 0), signature);
    let mut b = FunctionBuilder::new(&mut function, contexts);
    let entry = b.create_block();
    b.append_block_params_for_function_params(entry);
    b.switch_to_block(entry);
    let base = b.block_params(entry)[0];
    let mut random = Random::new(seed);
    let length = 4 + random.below(40) as u32;
    let vectors = random.chance(35);
    let mut maker = Maker { b, random, base, pool: Vec::new(), left: length.min(limit), made: 0, depth: 0, vectors };
    maker.inputs();
    while maker.left > 0 {
        maker.segment();
    }
    let results = maker.results();
    let operations = maker.made;
    maker.b.ins().return_(&[]);
    maker.b.seal_all_blocks();
    maker.b.finalize(config);
    Generated { function, results, operations }
}

/// A function being made.
pub struct Maker<'a> {
    /// Where instructions go.
    pub b: FunctionBuilder<'a>,
    /// Decides.
    pub random: Random,
    /// Address of the buffer.
    pub base: Value,
    /// Values that may be used here.
    pub pool: Vec<Value>,
    left: u32,
    made: u32,
    depth: u32,
    /// Whether it has vectors.
    pub vectors: bool,
}

impl Maker<'_> {
    /// Type of a value.
    pub fn ty(&self, value: Value) -> Type {
        self.b.func.dfg.value_type(value)
    }

    /// A value of that type, mostly one of the last; a constant when there is none.
    pub fn any(&mut self, ty: Type) -> Value {
        let all: Vec<Value> = self.pool.iter().copied().filter(|v| self.ty(*v) == ty).collect();
        if all.is_empty() || self.random.chance(8) {
            let value = self.constant(ty);
            if all.is_empty() {
                self.pool.push(value);
            }
            return value;
        }
        let last = all.len().min(4) as u64;
        if self.random.chance(60) {
            all[all.len() - 1 - self.random.below(last) as usize]
        } else {
            self.random.pick(&all)
        }
    }

    /// A constant of that type.
    pub fn constant(&mut self, ty: Type) -> Value {
        let bits = buffer::value(&mut self.random, ty.lane_type());
        let ins = self.b.ins();
        if ty.is_vector() {
            let lane = self.constant(ty.lane_type());
            return self.b.ins().splat(ty, lane);
        }
        if ty == types::F32 {
            return ins.f32const(f32::from_bits(bits as u32));
        }
        if ty == types::F64 {
            return ins.f64const(f64::from_bits(bits as u64));
        }
        if ty == types::I128 {
            let low = ins.iconst(types::I64, bits as u64 as i64);
            let high = self.b.ins().iconst(types::I64, (bits >> 64) as u64 as i64);
            return self.b.ins().iconcat(low, high);
        }
        ins.iconst(ty, bits as u64 as i64)
    }

    fn inputs(&mut self) {
        for (n, ty) in INPUT_TYPES.iter().enumerate() {
            let at = (INPUTS + n * 16) as i32;
            let value = self.b.ins().load(*ty, MemFlagsData::trusted(), self.base, at);
            self.pool.push(value);
        }
    }

    fn segment(&mut self) {
        let choice = if self.depth < 2 { self.random.below(20) } else { 19 };
        match choice {
            0 | 1 => self.diamond(),
            2 => self.counted_loop(),
            3 => self.table(),
            _ => self.straight(1, 6),
        }
    }

    fn straight(&mut self, least: u64, spread: u64) {
        for _ in 0..least + self.random.below(spread) {
            if self.left == 0 {
                return;
            }
            self.left -= 1;
            self.made += 1;
            self.operation();
        }
    }

    /// Code that leaves one value of each of these types behind, and nothing else.
    fn arm(&mut self, carried: &[Type]) -> Vec<BlockArg> {
        let before = self.pool.len();
        self.depth += 1;
        self.straight(1, 4);
        if self.depth < 2 && self.left > 0 && self.random.chance(15) {
            self.segment();
        }
        self.depth -= 1;
        let values = carried.iter().map(|ty| BlockArg::from(self.any(*ty))).collect();
        self.pool.truncate(before);
        values
    }

    fn carried(&mut self) -> Vec<Type> {
        (0..1 + self.random.below(3)).map(|_| self.scalar()).collect()
    }

    /// Any type that is no vector.
    pub fn scalar(&mut self) -> Type {
        if self.random.chance(25) { self.random.pick(&[types::F32, types::F64]) } else { self.integer() }
    }

    /// Any type of integers.
    pub fn integer(&mut self) -> Type {
        self.random.pick(&[types::I8, types::I16, types::I32, types::I32, types::I64, types::I64, types::I128])
    }

    fn condition(&mut self) -> Value {
        let ty = if self.random.chance(50) { types::I8 } else { self.integer() };
        self.any(ty)
    }

    fn diamond(&mut self) {
        let carried = self.carried();
        let condition = self.condition();
        let [left, right, join] = std::array::from_fn(|_| self.b.create_block());
        self.b.ins().brif(condition, left, &[], right, &[]);
        for block in [left, right] {
            self.b.switch_to_block(block);
            let values = self.arm(&carried);
            self.b.ins().jump(join, &values);
        }
        self.join(join, &carried);
    }

    fn join(&mut self, join: cranelift_codegen::ir::Block, carried: &[Type]) {
        for ty in carried {
            let value = self.b.append_block_param(join, *ty);
            self.pool.push(value);
        }
        self.b.switch_to_block(join);
    }

    fn table(&mut self) {
        let carried = self.carried();
        let index = self.any(types::I32);
        let index = self.b.ins().band_imm_s(index, 7);
        let arms: Vec<_> = (0..1 + self.random.below(5)).map(|_| self.b.create_block()).collect();
        let [other, join] = std::array::from_fn(|_| self.b.create_block());
        let mut switch = Switch::new();
        let step = 1 + u128::from(self.random.chance(30));
        for (n, block) in arms.iter().enumerate() {
            switch.set_entry(n as u128 * step, *block);
        }
        switch.emit(&mut self.b, index, other);
        for block in arms.into_iter().chain([other]) {
            self.b.switch_to_block(block);
            let values = self.arm(&carried);
            self.b.ins().jump(join, &values);
        }
        self.join(join, &carried);
    }

    fn counted_loop(&mut self) {
        let carried = self.carried();
        let [header, after] = std::array::from_fn(|_| self.b.create_block());
        let counter = self.random.pick(&[types::I64, types::I32, types::I16]);
        let times = self.b.ins().iconst(counter, 1 + self.random.below(7) as i64);
        let mut start = vec![BlockArg::from(times)];
        start.extend(carried.iter().map(|ty| BlockArg::from(self.any(*ty))));
        self.b.ins().jump(header, &start);
        let count = self.b.append_block_param(header, counter);
        let before = self.pool.len();
        for ty in &carried {
            let value = self.b.append_block_param(header, *ty);
            self.pool.push(value);
        }
        self.b.switch_to_block(header);
        let values = self.arm(&carried);
        self.pool.truncate(before);
        let left = self.b.ins().iadd_imm_s(count, -1);
        let mut again = vec![BlockArg::from(left)];
        again.extend(values.iter().copied());
        self.b.ins().brif(left, header, &again, after, &values);
        self.join(after, &carried);
    }

    fn results(&mut self) -> Vec<Type> {
        let from = self.pool.len().saturating_sub(RESULT_LIMIT);
        let values = self.pool[from..].to_vec();
        for (n, value) in values.iter().enumerate() {
            let at = (RESULTS + n * 16) as i32;
            self.b.ins().store(MemFlagsData::trusted(), *value, self.base, at);
        }
        values.into_iter().map(|v| self.ty(v)).collect()
    }
}
