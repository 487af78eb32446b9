//! A machine that computes nothing and takes notes: running an instruction's semantics over it tells what the instruction
//! reads, writes and may do, before any code is emitted. So there is no table of effects to keep true.
//! Source: docs/engine-pattern.md.

use softsie_cpu::{Exit, Handler, ProgramCode, Scalar};
use softsie_exec::{
    Bfp, BfpOp, Ea, Machine, Modifiers, StorageOp, Update, VectorBfp, VectorOp, VectorOp1, VectorOp3, VectorShift,
};
use softsie_isa::{Op, Operands};

use crate::float::{host_computes, rounds, rounds_in_format, rounds_to_integer, vector_sets_cc, vector_type};
use crate::mode::Mode;
use crate::registers::Set;
use crate::vector::{emits_one, emits_three, emits_two};

/// What an instruction does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Survey {
    mode: Mode,
    /// There is vector-enhancements facility 1, which has short numbers.
    enhanced: bool,
    /// General registers of which anything is read or written.
    pub(crate) used: Set,
    /// Those of which anything is read.
    pub(crate) read: Set,
    /// Those written.
    pub(crate) written: Set,
    /// Those of which bits 0-31 are read or written.
    pub(crate) full: Set,
    /// Those of which bits 32-63 were written last, alone.
    pub(crate) narrow: Set,
    pub(crate) sets_cc: bool,
    /// Target of a relative branch that may be taken, counted from the start of the page.
    pub(crate) target: Option<i64>,
    /// A branch that is always taken.
    pub(crate) ends: bool,
    /// It keeps the address of the next instruction: a call.
    pub(crate) links: bool,
    /// It may leave the region, for whatever reason.
    pub(crate) may_leave: bool,
    /// It may leave before it is complete, to be executed by the interpreter.
    pub(crate) may_fail: bool,
    /// The emitter cannot do it.
    pub(crate) declined: bool,
    loaded: bool,
    stored: bool,
    /// Storage operands of which the size is known: base register, bytes, whether they are stored.
    pub(crate) operands: [Option<(u8, u64, bool)>; 4],
}

impl Survey {
    pub(crate) fn new(mode: Mode, enhanced: bool) -> Survey {
        Survey {
            mode,
            enhanced,
            used: Set::default(),
            read: Set::default(),
            written: Set::default(),
            full: Set::default(),
            narrow: Set::default(),
            sets_cc: false,
            target: None,
            ends: false,
            links: false,
            may_leave: false,
            may_fail: false,
            declined: false,
            loaded: false,
            stored: false,
            operands: [None; 4],
        }
    }

    fn register<T: Scalar>(&mut self, r: u8) {
        self.used.add(r);
        if T::BITS == 64 {
            self.full.add(r);
        }
        // Pairs are asked for one by one.
        self.declined |= T::BITS > 64;
    }

    fn reads<T: Scalar>(&mut self, r: u8) {
        self.register::<T>(r);
        self.read.add(r);
    }

    /// The instruction surveyed is the target of `o`, an EXECUTE.
    pub(crate) fn executes(&mut self, o: &Operands) {
        self.reads::<u32>(o.r1());
        if o.op() == Op::EX {
            self.reads::<u64>(o.b2());
        }
    }

    /// An exit gives the instruction to the interpreter, which does all of it again. That is right as long as it has not
    /// stored what depends on what it fetched.
    fn may_exit(&mut self) -> Result<(), Exit> {
        (self.may_leave, self.may_fail) = (true, true);
        self.declined |= self.loaded && self.stored;
        Ok(())
    }

    fn load_or_exit(&mut self) -> Result<(), Exit> {
        self.may_exit()?;
        self.loaded = true;
        Ok(())
    }

    fn store_or_exit(&mut self) -> Result<(), Exit> {
        self.may_exit()?;
        self.stored = true;
        Ok(())
    }

    fn update_or_exit(&mut self) -> Result<(), Exit> {
        self.load_or_exit()?;
        self.stored = true;
        Ok(())
    }

    /// There is a storage operand.
    fn operand(&mut self, ea: Ea<()>, bytes: u64, stored: bool) {
        if let Some(free) = self.operands.iter_mut().find(|o| o.is_none()) {
            *free = Some((ea.ar, bytes, stored));
        }
    }

    /// Computes with numbers, if the emitter can do it so.
    fn computes(&mut self, so: bool) -> Result<(), Exit> {
        self.declined |= !(so && host_computes());
        self.may_exit()
    }

    /// Widths for which the emitter has the operation.
    fn only<T: Scalar>(&mut self, widths: &[u32]) {
        self.declined |= !widths.contains(&T::BITS);
    }
}

/// The emitter's answers have the same `Result`s: an instruction that fails for certain ends its region.
impl Machine for Survey {
    type Val<T: Scalar> = ();
    /// Known at translation time, or not.
    type Cond = Option<bool>;

    fn imm<T: Scalar>(&mut self, _: T) {}
    fn gr<T: Scalar>(&mut self, r: u8) {
        self.reads::<T>(r);
    }
    fn set_gr<T: Scalar>(&mut self, r: u8, (): ()) {
        self.register::<T>(r);
        self.written.add(r);
        if T::BITS > 32 { self.narrow.remove(r) } else { self.narrow.add(r) }
    }
    fn gr_high(&mut self, r: u8) {
        self.reads::<u64>(r);
    }
    fn set_gr_high(&mut self, r: u8, (): ()) {
        self.set_gr::<u64>(r, ());
    }
    fn set_gr_address(&mut self, r: u8, (): ()) {
        if self.mode.address_mask() == u64::MAX { self.set_gr::<u64>(r, ()) } else { self.set_gr::<u32>(r, ()) }
    }
    fn ar(&mut self, _: u8) {}
    fn set_ar(&mut self, _: u8, (): ()) {}
    fn fr<T: Scalar>(&mut self, _: u8) {}
    fn set_fr<T: Scalar>(&mut self, _: u8, (): ()) {}
    fn vr(&mut self, _: u8) {}
    fn set_vr(&mut self, _: u8, (): ()) {}

    fn zext<F: Scalar, T: Scalar>(&mut self, (): ()) {}
    fn sext<F: Scalar, T: Scalar>(&mut self, (): ()) {}
    fn trunc<F: Scalar, T: Scalar>(&mut self, (): ()) {}

    fn join(&mut self, (): (), (): ()) {}
    fn split(&mut self, (): ()) -> ((), ()) {
        ((), ())
    }

    fn add<T: Scalar>(&mut self, (): (), (): ()) {}
    fn sub<T: Scalar>(&mut self, (): (), (): ()) {}
    fn mul<T: Scalar>(&mut self, (): (), (): ()) {
        self.only::<T>(&[16, 32, 64, 128]);
    }
    fn add_signed<T: Scalar>(&mut self, (): (), (): ()) -> ((), Option<bool>) {
        ((), None)
    }
    fn sub_signed<T: Scalar>(&mut self, (): (), (): ()) -> ((), Option<bool>) {
        ((), None)
    }
    fn mul_signed<T: Scalar>(&mut self, (): (), (): ()) -> ((), Option<bool>) {
        self.only::<T>(&[32, 64]);
        ((), None)
    }
    fn add_carry<T: Scalar>(&mut self, (): (), (): ()) -> ((), Option<bool>) {
        ((), None)
    }
    fn sub_borrow<T: Scalar>(&mut self, (): (), (): ()) -> ((), Option<bool>) {
        ((), None)
    }
    fn and<T: Scalar>(&mut self, (): (), (): ()) {}
    fn or<T: Scalar>(&mut self, (): (), (): ()) {}
    fn xor<T: Scalar>(&mut self, (): (), (): ()) {}
    fn not<T: Scalar>(&mut self, (): ()) {}
    fn div_rem<T: Scalar>(&mut self, (): (), (): ()) -> ((), ()) {
        self.only::<T>(&[32, 64]);
        ((), ())
    }
    fn div_rem_signed<T: Scalar>(&mut self, (): (), (): ()) -> ((), ()) {
        self.only::<T>(&[32, 64]);
        ((), ())
    }
    fn div_rem_wide(&mut self, (): (), (): (), (): ()) -> Result<[(); 2], Exit> {
        self.may_exit()?;
        Ok([(), ()])
    }
    fn shl<T: Scalar>(&mut self, (): (), (): ()) {}
    fn shr<T: Scalar>(&mut self, (): (), (): ()) {}
    fn sar<T: Scalar>(&mut self, (): (), (): ()) {}
    fn rotl<T: Scalar>(&mut self, (): (), (): ()) {
        self.only::<T>(&[32, 64, 128]);
    }
    fn leading_zeros<T: Scalar>(&mut self, (): ()) {
        self.only::<T>(&[32, 64, 128]);
    }
    fn trailing_zeros<T: Scalar>(&mut self, (): ()) {
        self.only::<T>(&[32, 64]);
    }
    fn count_ones<T: Scalar>(&mut self, (): ()) {
        self.only::<T>(&[8, 16, 32, 64]);
    }
    fn swap_bytes<T: Scalar>(&mut self, (): ()) {}

    fn eq<T: Scalar>(&mut self, (): (), (): ()) -> Option<bool> {
        None
    }
    fn lt_signed<T: Scalar>(&mut self, (): (), (): ()) -> Option<bool> {
        None
    }
    fn lt<T: Scalar>(&mut self, (): (), (): ()) -> Option<bool> {
        None
    }
    fn known(&mut self, c: bool) -> Option<bool> {
        Some(c)
    }
    fn not_cond(&mut self, c: Option<bool>) -> Option<bool> {
        c.map(|c| !c)
    }
    fn both(&mut self, _: Option<bool>, _: Option<bool>) -> Option<bool> {
        None
    }
    fn either(&mut self, _: Option<bool>, _: Option<bool>) -> Option<bool> {
        None
    }
    fn select<T: Scalar>(&mut self, _: Option<bool>, (): (), (): ()) {}

    fn cc_zero<T: Scalar>(&mut self, (): ()) {
        self.sets_cc = true;
    }
    fn cc_signed<T: Scalar>(&mut self, (): ()) {
        self.sets_cc = true;
    }
    fn cc_signed_overflow<T: Scalar>(&mut self, (): (), _: Option<bool>) {
        self.sets_cc = true;
    }
    fn cc_add_logical<T: Scalar>(&mut self, (): (), _: Option<bool>) {
        self.sets_cc = true;
    }
    fn cc_subtract_logical<T: Scalar>(&mut self, (): (), _: Option<bool>) {
        self.sets_cc = true;
    }
    fn cc_compare_signed<T: Scalar>(&mut self, (): (), (): ()) {
        self.sets_cc = true;
    }
    fn cc_compare<T: Scalar>(&mut self, (): (), (): ()) {
        self.sets_cc = true;
    }
    fn cc_test_under_mask<T: Scalar>(&mut self, (): (), _: T, _: bool) {
        self.sets_cc = true;
    }
    fn set_cc(&mut self, (): ()) {
        self.sets_cc = true;
    }
    fn cc(&mut self) {}
    fn cc_is(&mut self, mask: u8) -> Option<bool> {
        match mask & 15 {
            0 => Some(false),
            15 => Some(true),
            _ => None,
        }
    }

    fn wrap(&mut self, (): ()) {}
    fn load<T: Scalar>(&mut self, ea: Ea<()>) -> Result<(), Exit> {
        self.operand(ea, T::BYTES, false);
        self.load_or_exit()
    }
    fn store<T: Scalar>(&mut self, ea: Ea<()>, (): ()) -> Result<(), Exit> {
        self.operand(ea, T::BYTES, true);
        self.store_or_exit()
    }
    fn load_if<T: Scalar>(&mut self, _: Option<bool>, _: Ea<()>, (): ()) -> Result<(), Exit> {
        self.load_or_exit()
    }
    fn store_if<T: Scalar>(&mut self, _: Option<bool>, _: Ea<()>, (): ()) -> Result<(), Exit> {
        self.store_or_exit()
    }
    fn update<T: Scalar>(&mut self, _: Update, _: Ea<()>, (): ()) -> Result<(), Exit> {
        self.only::<T>(&[8, 16, 32, 64]);
        self.update_or_exit()
    }
    fn load_many<T: Scalar>(&mut self, ea: Ea<()>, count: usize) -> Result<[Option<()>; 16], Exit> {
        self.operand(ea, T::BYTES * count as u64, false);
        self.load_or_exit()?;
        Ok(std::array::from_fn(|n| (n < count).then_some(())))
    }
    fn store_many<T: Scalar>(&mut self, ea: Ea<()>, values: &[Option<()>; 16]) -> Result<(), Exit> {
        self.operand(ea, T::BYTES * values.iter().flatten().count() as u64, true);
        self.store_or_exit()
    }
    fn storage(&mut self, op: StorageOp, first: Ea<()>, second: Ea<()>, length: u64) -> Result<(), Exit> {
        self.operand(first, length, op != StorageOp::Compare);
        self.operand(second, length, false);
        // It leaves before it stores, or not at all.
        self.load_or_exit()?;
        self.stored |= op != StorageOp::Compare;
        self.sets_cc |= op != StorageOp::Move;
        Ok(())
    }
    fn probe_store(&mut self, _: Ea<()>, _: u64) -> Result<(), Exit> {
        self.may_exit()
    }
    fn load_relative<T: Scalar>(&mut self, _: &Operands) -> Result<(), Exit> {
        self.declined |= !self.mode.operands_beside_instructions();
        self.load_or_exit()
    }
    fn store_relative<T: Scalar>(&mut self, _: &Operands, (): ()) -> Result<(), Exit> {
        self.declined |= !self.mode.operands_beside_instructions();
        self.store_or_exit()
    }
    fn compare_and_swap<T: Scalar>(&mut self, _: Ea<()>, (): (), (): ()) -> Result<((), Option<bool>), Exit> {
        self.declined |= T::BITS > 64 && !host_swaps_quadwords();
        self.update_or_exit()?;
        Ok(((), None))
    }
    fn raise_if(&mut self, _: Option<bool>, _: ProgramCode) -> Result<(), Exit> {
        self.may_exit()
    }
    fn data_exception_if(&mut self, _: Option<bool>, _: u8) -> Result<(), Exit> {
        self.may_exit()
    }
    fn program_mask(&mut self) {}
    fn fixed_point_overflow(&mut self, _: Option<bool>) -> Result<(), Exit> {
        Ok(())
    }

    fn relative_address(&mut self, _: &Operands) {}
    fn next_sequential(&mut self, _: &Operands) {}
    fn set_link(&mut self, r: u8, _: &Operands) {
        self.links = true;
        self.set_gr_address(r, ());
    }
    fn branch_if(&mut self, c: Option<bool>, (): ()) -> Result<(), Exit> {
        self.ends = c == Some(true);
        self.may_leave = true;
        Ok(())
    }
    fn branch_relative_if(&mut self, c: Option<bool>, o: &Operands) -> Result<(), Exit> {
        self.ends = c == Some(true);
        if c != Some(false) {
            self.target = Some(relative_target(o));
        }
        self.may_leave = true;
        Ok(())
    }

    fn require_supervisor(&mut self) -> Result<(), Exit> {
        if self.mode.problem_state() { Err(Exit::PRIVILEGED_OPERATION) } else { Ok(()) }
    }
    fn require_vector(&mut self) -> Result<(), Exit> {
        if self.mode.vector() { Ok(()) } else { Err(Exit::Program(ProgramCode::DATA)) }
    }
    fn require_afp(&mut self, _: u8) -> Result<(), Exit> {
        if self.mode.afp() { Ok(()) } else { Err(Exit::Program(ProgramCode::DATA)) }
    }
    fn guarded_load_shift(&mut self) {}
    fn guard(&mut self, _: &Operands, _: Ea<()>, (): (), _: bool) -> Result<(), Exit> {
        self.may_exit()
    }
    /// It leaves after the instruction only.
    fn serialize(&mut self) -> Result<(), Exit> {
        Ok(())
    }
    fn vector1(&mut self, op: VectorOp1, es: u8, (): ()) {
        self.declined |= !emits_one(op, es);
    }
    fn vector(&mut self, op: VectorOp, es: u8, (): (), (): ()) {
        self.declined |= !emits_two(op, es);
    }
    fn vector3(&mut self, op: VectorOp3, es: u8, (): (), (): (), (): ()) {
        self.declined |= !emits_three(op, es);
    }
    fn vector_shift(&mut self, _: VectorShift, es: u8, (): (), (): ()) {
        self.declined |= es > 3;
    }
    fn concat_shift_left(&mut self, (): (), (): (), _: u8) {}
    fn splat<T: Scalar>(&mut self, (): ()) {
        self.declined |= T::BITS > 64;
    }
    fn element<T: Scalar>(&mut self, (): (), _: u8) {
        self.declined |= T::BITS > 64;
    }
    fn set_element<T: Scalar>(&mut self, (): (), _: u8, (): ()) {
        self.declined |= T::BITS > 64;
    }
    fn bfp<T: Bfp>(&mut self, op: BfpOp, _: u8, _: [(); 3]) -> Result<(), Exit> {
        self.sets_cc |= matches!(op, BfpOp::Add | BfpOp::Subtract);
        self.computes(true)
    }
    fn bfp_compare<T: Bfp>(&mut self, (): (), (): (), _: bool) -> Result<(), Exit> {
        self.sets_cc = true;
        self.computes(true)
    }
    fn bfp_load_and_test<T: Bfp>(&mut self, _: u8, (): ()) -> Result<(), Exit> {
        self.sets_cc = true;
        self.computes(true)
    }
    fn cc_bfp<T: Bfp>(&mut self, (): ()) {
        self.sets_cc = true;
    }
    fn bfp_lengthen(&mut self, _: u8, (): ()) -> Result<(), Exit> {
        self.computes(true)
    }
    fn bfp_round(&mut self, _: u8, (): (), modifiers: Modifiers) -> Result<(), Exit> {
        self.computes(rounds(modifiers))
    }
    fn bfp_load_integer<T: Bfp>(&mut self, _: u8, (): (), modifiers: Modifiers) -> Result<(), Exit> {
        self.computes(rounds_in_format(modifiers))
    }
    fn bfp_from_integer<T: Bfp, I: Scalar>(
        &mut self,
        _: u8,
        (): (),
        _: bool,
        modifiers: Modifiers,
    ) -> Result<(), Exit> {
        self.computes(rounds(modifiers))
    }
    fn bfp_to_integer<T: Bfp, I: Scalar>(&mut self, to: u8, (): (), _: bool, modifiers: Modifiers) -> Result<(), Exit> {
        self.set_gr::<I>(to, ());
        self.sets_cc = true;
        self.computes(rounds_to_integer(modifiers))
    }
    fn vector_bfp(&mut self, op: VectorBfp, o: &Operands, _: Handler) -> Result<(), Exit> {
        self.sets_cc |= vector_sets_cc(op, o);
        self.computes(vector_type(op, o, self.enhanced).is_some())
    }
    fn call(&mut self, _: Handler, _: &Operands) -> Result<(), Exit> {
        self.declined = true;
        Ok(())
    }
}

/// Whether the host compares and swaps 16 bytes by an instruction that the compiler has.
fn host_swaps_quadwords() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("cmpxchg16b");
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// What a relative operand of a region names, counted from the start of the page.
pub(crate) fn relative_target(o: &Operands) -> i64 {
    i64::from(o.page_offset()) + o.relative()
}

#[cfg(test)]
mod tests {
    use softsie_exec::semantics;
    use softsie_isa::{ROWS, extract};

    use super::*;

    #[test]
    fn most_simple_instructions_are_emitted() {
        let mode = Mode::of_bits(0x1_8000_0000, 0x6_00E0);
        let (mut emitted, mut declined) = (0, Vec::new());
        for row in ROWS {
            let Some(f) = semantics::simple::<Survey>(row.op) else { continue };
            let mut survey = Survey::new(mode, true);
            let certain = f(&mut survey, &extract(row.op, row.op.text(), 0)).is_err();
            if survey.declined && !certain { declined.push(row.mnemonic) } else { emitted += 1 }
        }
        println!("{emitted} emitted; declined: {declined:?}");
        assert!(emitted > 3 * declined.len(), "{emitted} emitted; declined: {declined:?}");
    }

    #[test]
    fn what_is_stored_after_a_fetch_is_not_done_twice() {
        let mode = Mode::of_bits(0x1_8000_0000, 0x6_00E0);
        let mut survey = Survey::new(mode, true);
        let ea = Ea { address: (), ar: 0 };
        survey.load::<u32>(ea).unwrap();
        survey.store::<u32>(ea, ()).unwrap();
        assert!(!survey.declined);
        survey.raise_if(None, ProgramCode::SPECIFICATION).unwrap();
        assert!(survey.declined, "an exit after the store would have the interpreter store again");
    }
}
