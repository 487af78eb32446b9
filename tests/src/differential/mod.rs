//! The differential machinery: random sequences run by softsie's interpreter and by QEMU's system emulation from the same
//! storage image, every register and byte compared afterwards. Described in `docs/differential.md`.
//! Truth: the Principles of Operation; QEMU is the second opinion that makes a mistake visible.

mod batch;
mod campaign;
mod case_text;
mod compare;
mod driver;
mod explained;
mod generate;
mod layout;
mod minimise;
mod operand_rules;
mod opponent;
mod qemu;
mod random;
mod record;
mod rounds;
mod softsie;
mod values;

pub use batch::Batch;
pub use campaign::{Campaign, Options, Totals};
pub use compare::{Against, Field, Pair};
pub use explained::{RULES, Rule, Verdict, excluded};
pub use generate::Generator;
pub use layout::{DATA, DATA_SIZE, READ_ONLY};
pub use opponent::Opponent;
pub use qemu::Qemu;
pub use random::Random;
pub use record::{Outcome, Piece, Record, Target};
pub use rounds::Rounds;
pub use softsie::{Engine, Machine, engines_agree};
