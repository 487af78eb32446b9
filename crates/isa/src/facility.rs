//! Facilities: the bits of the list that STFLE stores, by name, from `table/facilities.tbl`.
//! Source: Principles of Operation, chapter 4, Facility Indications.

use crate::model::Since;
use crate::table::FACILITIES;

/// A facility.
#[derive(Clone, Copy, Debug)]
pub struct Facility {
    /// Its bit in the facility list.
    pub bit: u16,
    /// The first machine that has it; none for what no named model has.
    pub since: Option<Since>,
    /// Its name on command lines.
    pub feature: &'static str,
    /// Facilities that it needs.
    pub needs: &'static [u16],
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

/// The facility whose name on command lines is `feature`.
pub fn facility_by_feature(feature: &str) -> Option<&'static Facility> {
    FACILITIES.iter().find(|f| f.feature.eq_ignore_ascii_case(feature))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ROWS;
    use crate::names::Level;

    #[test]
    fn bits_have_their_names() {
        assert_eq!(facility_name(129), Some("vector"));
        assert_eq!(facility_name(34), Some("general instructions extension"));
        assert_eq!(facility(34).and_then(|f| f.since), Some(Since { level: Level::Z10, state: 1 }));
        assert_eq!(facility_by_feature("GS").map(|f| f.bit), Some(133));
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

    #[test]
    fn what_a_facility_needs_is_as_old() {
        for f in FACILITIES {
            for needed in f.needs {
                let other = facility(*needed).unwrap();
                assert!(f.since.is_none() || other.since <= f.since, "{} needs {}", f.feature, other.feature);
            }
        }
        let mut names: Vec<&str> = FACILITIES.iter().map(|f| f.feature).filter(|f| *f != "-").collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), FACILITIES.iter().filter(|f| f.feature != "-").count());
    }
}
