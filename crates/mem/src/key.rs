//! The storage key of a 4 KiB block: access-control bits, fetch protection, reference, change.
//! Source: Principles of Operation, chapter 3, Storage Key and Protection.

/// A storage key as ISKE and SSKE show it: `ACC` in bits 0-3, then F, R, C; the last bit is zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StorageKey(pub u8);

impl StorageKey {
    /// Fetch-protection bit.
    pub const FETCH_PROTECTION: u8 = 0x08;
    /// Reference bit.
    pub const REFERENCE: u8 = 0x04;
    /// Change bit.
    pub const CHANGE: u8 = 0x02;

    /// The four access-control bits.
    pub fn access_control(self) -> u8 {
        self.0 >> 4
    }

    /// Whether a fetch with `access_key` is permitted.
    pub fn allows_fetch(self, access_key: u8) -> bool {
        access_key == 0 || access_key == self.access_control() || self.0 & Self::FETCH_PROTECTION == 0
    }

    /// Whether a store with `access_key` is permitted.
    pub fn allows_store(self, access_key: u8) -> bool {
        access_key == 0 || access_key == self.access_control()
    }
}

#[cfg(test)]
mod tests {
    use super::StorageKey;

    #[test]
    fn key_zero_is_always_allowed_and_others_must_match() {
        let k = StorageKey(0x58);
        assert!(k.allows_fetch(0) && k.allows_store(0) && k.allows_fetch(5) && k.allows_store(5));
        assert!(!k.allows_fetch(6) && !k.allows_store(6));
        let k = StorageKey(0x50);
        assert!(k.allows_fetch(6) && !k.allows_store(6));
    }
}
