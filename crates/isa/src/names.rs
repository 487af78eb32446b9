//! Instruction classes and machine generations with the names that people read and type.
//! Source: chapters of the Principles of Operation; IBM's names of its machines.

use std::fmt;
use std::str::FromStr;

/// A name that is none of those a type has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownName {
    what: &'static str,
    name: String,
    known: &'static [&'static str],
}

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no {}; there are {}", self.name, self.what, self.known.join(", "))
    }
}

impl std::error::Error for UnknownName {}

/// An enumeration whose variants, in ascending order, have names: one list gives both directions.
macro_rules! named {
    ($(#[$doc:meta])* $type:ident: $what:literal { $($variant:ident = $name:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[allow(missing_docs)] // the names say it
        pub enum $type {
            $($variant,)*
        }

        impl $type {
            /// All of them, in ascending order.
            pub const ALL: &[$type] = &[$($type::$variant,)*];
            const NAMES: &[&str] = &[$($name,)*];

            /// Its name, as [`FromStr`] takes it.
            pub fn name(self) -> &'static str {
                match self {
                    $($type::$variant => $name,)*
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }

        impl FromStr for $type {
            type Err = UnknownName;

            fn from_str(name: &str) -> Result<Self, UnknownName> {
                $type::ALL
                    .iter()
                    .copied()
                    .find(|v| v.name().eq_ignore_ascii_case(name))
                    .ok_or_else(|| UnknownName { what: $what, name: name.to_owned(), known: $type::NAMES })
            }
        }
    };
}

named! {
    /// Instruction classes, after the chapters of the Principles of Operation.
    Class: "instruction class" {
        General = "general",
        Decimal = "decimal",
        Control = "control",
        Io = "io",
        FpSupport = "fp-support",
        Bfp = "bfp",
        Hfp = "hfp",
        Dfp = "dfp",
        VectorSupport = "vector-support",
        VectorInteger = "vector-integer",
        VectorString = "vector-string",
        VectorFp = "vector-fp",
        VectorDecimal = "vector-decimal",
        Crypto = "crypto",
        Special = "special",
    }
}

named! {
    /// The machine generation that introduced an instruction, oldest first.
    Level: "machine generation" {
        Z900 = "z900",
        Z990 = "z990",
        Z9 = "z9",
        Z10 = "z10",
        Z196 = "z196",
        ZEC12 = "zEC12",
        Z13 = "z13",
        Z14 = "z14",
        Z15 = "z15",
        Z16 = "z16",
        Z17 = "z17",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways() {
        assert_eq!(Level::ZEC12.to_string(), "zEC12");
        assert_eq!("zec12".parse(), Ok(Level::ZEC12));
        assert_eq!("vector-integer".parse(), Ok(Class::VectorInteger));
        for class in Class::ALL {
            assert_eq!(class.name().parse(), Ok(*class));
        }
        for level in Level::ALL {
            assert_eq!(level.name().parse(), Ok(*level));
        }
        assert!(Level::Z9 < Level::Z10 && Level::Z196 < Level::ZEC12);
    }

    #[test]
    fn an_unknown_name_says_which_there_are() {
        let error = "z8".parse::<Level>().unwrap_err().to_string();
        assert!(error.starts_with("`z8` is no machine generation; there are z900, z990, "), "{error}");
    }
}
