//! Facilities: the bits of the list that STFLE stores, by name, from `table/facilities.tbl`.
//! Source: Principles of Operation, chapter 4, Facility Indications.

use crate::names::Level;
use crate::table::FACILITIES;

/// A facility.
#[derive(Clone, Copy, Debug)]
pub struct Facility {
    /// Its bit in the facility list.
    pub bit: u16,
    /// The first machine generation that has it, where a source says.
    pub level: Option<Level>,
    /// Its name.
    pub name: &'static str,
}

/// The facility that STFLE bit `bit` stands for; `None` for a bit that no source assigns.
pub fn facility(bit: u16) -> Option<&'static Facility> {
    FACILITIES.binary_search_by_key(&bit, |f| f.bit).ok().map(|n| &FACILITIES[n])
}

/// Name of the facility that STFLE bit `bit` stands for.
pub fn facility_name(bit: u16) -> Option<&'static str> {
    facility(bit).map(|f| f.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ROWS;

    #[test]
    fn bits_have_their_names() {
        assert_eq!(facility_name(129), Some("vector"));
        assert_eq!(facility_name(34), Some("general instructions extension"));
        assert_eq!(facility(34).and_then(|f| f.level), Some(Level::Z10));
        assert_eq!(facility_name(29), None);
        assert_eq!(facility_name(u16::MAX), None);
    }

    #[test]
    fn facilities_are_sorted_and_those_of_instructions_are_known() {
        assert!(FACILITIES.windows(2).all(|w| w[0].bit < w[1].bit));
        for row in ROWS {
            for bit in row.facilities {
                assert!(facility(*bit).is_some(), "{}: facility {bit}", row.mnemonic);
            }
        }
    }
}
