//! Storage access by logical, virtual, real or absolute address: which space, translation, prefixing, protection, TLB.
//! Source: Principles of Operation, chapter 3 (Prefixing, Protection, Address Types), chapter 6 (Access Exceptions,
//! Translation-Exception Identification).

use std::ptr::NonNull;

use softsie_mem::{PAGE_SIZE, PageMarks, StorageKey};

use crate::art::AccessRegisterFault;
use crate::control::{Cr0, asce};
use crate::dat::Protection;
use crate::exit::{Exit, ProgramCode};
use crate::order::{after_fetch, before_store};
use crate::psw::{AddressSpaceControl, PswMask};
use crate::scalar::Scalar;
use crate::state::Cpu;
use crate::tlb::{NO_PAGE_TABLE_ENTRY, Space, SpaceKey, TlbEntry, no_tag};

/// Where a translation leads.
pub(crate) struct Located {
    /// The page's first byte.
    pub(crate) host: NonNull<u8>,
    /// Its absolute address.
    pub(crate) absolute: u64,
    /// Where the page-table entry is, or [`NO_PAGE_TABLE_ENTRY`].
    pub(crate) entry: u64,
}

/// What an access is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Operand fetch.
    Fetch,
    /// Operand store.
    Store,
    /// Instruction fetch.
    Instruction,
}

/// The space that an address is in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AddressSpace {
    /// Operand address by the PSW's address-space control; in access-register mode by the access register named.
    Logical(u8),
    /// Instruction addresses: primary or home space.
    Instruction,
    /// Primary space (CR1), even when the PSW says otherwise; real when DAT is off.
    Primary,
    /// Secondary space (CR7).
    Secondary,
    /// Home space (CR13).
    Home,
    /// The space of an access register, whatever the PSW says.
    AccessRegister(u8),
    /// Real address.
    Real,
}

const LOW_ADDRESS_BYTES: u64 = 512;

impl Cpu {
    /// Fetches the operand at a logical address. `ar` is the base register's number, for access-register mode.
    ///
    /// # Errors
    /// The access exception.
    #[inline(always)]
    pub fn load<T: Scalar>(&mut self, address: u64, ar: u8) -> Result<T, Exit> {
        // SAFETY: `tlb` points to the entries of the current operand space, and the slot is below their number.
        let entry = unsafe { &*self.tlb.add(Space::slot(address)) };
        // An operand that crosses into the next page has another page's number here and cannot match this slot's tag.
        if entry.read == address.wrapping_add(T::BYTES - 1) & !(PAGE_SIZE - 1) {
            self.statistics.tlb_hits += 1;
            // SAFETY: an entry with a tag maps its whole page to mapped client memory.
            return Ok(unsafe {
                T::read_be(std::ptr::with_exposed_provenance(entry.addend.wrapping_add(address) as usize))
            });
        }
        self.load_slow(address, ar)
    }

    /// Stores an operand at a logical address, all or nothing.
    ///
    /// # Errors
    /// The access exception; nothing has been stored then.
    #[inline(always)]
    pub fn store<T: Scalar>(&mut self, address: u64, ar: u8, value: T) -> Result<(), Exit> {
        // SAFETY: as in `load`.
        let entry = unsafe { &*self.tlb.add(Space::slot(address)) };
        if entry.write == address.wrapping_add(T::BYTES - 1) & !(PAGE_SIZE - 1) {
            self.statistics.tlb_hits += 1;
            // SAFETY: as in `load`; a write tag is given only for pages whose stores need no notice.
            unsafe {
                T::write_be(std::ptr::with_exposed_provenance_mut(entry.addend.wrapping_add(address) as usize), value);
            }
            return Ok(());
        }
        self.store_slow(address, ar, value)
    }

    /// Recognises the access exceptions of a store of `length` bytes at a logical address.
    ///
    /// # Errors
    /// The access exception.
    #[inline(always)]
    pub fn probe_operand_store(&mut self, address: u64, ar: u8, length: u64) -> Result<(), Exit> {
        // SAFETY: as in `load`.
        let entry = unsafe { &*self.tlb.add(Space::slot(address)) };
        if entry.write == address.wrapping_add(length - 1) & !(PAGE_SIZE - 1) {
            return Ok(());
        }
        self.probe(AddressSpace::Logical(ar), address, length, Access::Store)
    }

    /// Host address of an operand of `length` bytes on an integral boundary that is to be fetched and stored. It must be used before anything
    /// else of this CPU happens.
    ///
    /// # Errors
    /// The access exception.
    #[inline(always)]
    pub fn place(&mut self, address: u64, ar: u8, length: u64) -> Result<NonNull<u8>, Exit> {
        // SAFETY: as in `load`.
        let entry = unsafe { &*self.tlb.add(Space::slot(address)) };
        if entry.write == address & !(PAGE_SIZE - 1) {
            let host = entry.addend.wrapping_add(address) as usize;
            if let Some(p) = NonNull::new(std::ptr::with_exposed_provenance_mut(host)) {
                return Ok(p);
            }
        }
        let host = self.host_for(AddressSpace::Logical(ar), address, Access::Store, length)?;
        self.stored(AddressSpace::Logical(ar), address, length);
        Ok(host)
    }

    #[cold]
    #[inline(never)]
    fn load_slow<T: Scalar>(&mut self, address: u64, ar: u8) -> Result<T, Exit> {
        let space = AddressSpace::Logical(ar);
        if T::BYTES <= PAGE_SIZE - address % PAGE_SIZE {
            // One access as on the fast path: a copy might fetch the bytes of an aligned operand at different times.
            let host = self.host_for(space, address, Access::Fetch, T::BYTES)?;
            // SAFETY: the operand ends within the page that `host` points into.
            return Ok(unsafe { T::read_be(host.as_ptr()) });
        }
        let mut bytes = [0; 16];
        let bytes = &mut bytes[..T::BYTES as usize];
        self.read_bytes(space, address, bytes)?;
        // SAFETY: the slice has as many bytes as the type.
        Ok(unsafe { T::read_be(bytes.as_ptr()) })
    }

    #[cold]
    #[inline(never)]
    fn store_slow<T: Scalar>(&mut self, address: u64, ar: u8, value: T) -> Result<(), Exit> {
        let space = AddressSpace::Logical(ar);
        let in_page = PAGE_SIZE - address % PAGE_SIZE;
        if T::BYTES <= in_page {
            let host = self.host_for(space, address, Access::Store, T::BYTES)?;
            // SAFETY: the operand ends within the page that `host` points into.
            unsafe { T::write_be(host.as_ptr(), value) };
            self.stored(space, address, T::BYTES);
            return Ok(());
        }
        let mut bytes = [0; 16];
        // SAFETY: no scalar is longer than 16 bytes.
        unsafe { T::write_be(bytes.as_mut_ptr(), value) };
        self.write_bytes(space, address, &bytes[..T::BYTES as usize])
    }

    /// Copies storage of any length to `bytes`.
    ///
    /// # Errors
    /// The access exception of the first page that has one.
    pub fn read_bytes(&mut self, space: AddressSpace, address: u64, bytes: &mut [u8]) -> Result<(), Exit> {
        let mut done = 0;
        while done < bytes.len() {
            let at = self.wrap(address.wrapping_add(done as u64));
            let piece = ((PAGE_SIZE - at % PAGE_SIZE) as usize).min(bytes.len() - done);
            let host = self.host_for(space, at, Access::Fetch, piece as u64)?;
            // SAFETY: `host` is valid to the end of its page, `piece` ends there at the latest.
            unsafe { std::ptr::copy_nonoverlapping(host.as_ptr(), bytes.as_mut_ptr().add(done), piece) };
            after_fetch();
            done += piece;
        }
        Ok(())
    }

    /// Copies `bytes` to storage, all or nothing: every page is tried before the first byte is stored.
    ///
    /// # Errors
    /// The access exception of the first page that has one.
    pub fn write_bytes(&mut self, space: AddressSpace, address: u64, bytes: &[u8]) -> Result<(), Exit> {
        self.probe(space, address, bytes.len() as u64, Access::Store)?;
        let mut done = 0;
        while done < bytes.len() {
            let at = self.wrap(address.wrapping_add(done as u64));
            let piece = ((PAGE_SIZE - at % PAGE_SIZE) as usize).min(bytes.len() - done);
            let host = self.host_for(space, at, Access::Store, piece as u64)?;
            // SAFETY: as in `read_bytes`.
            unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr().add(done), host.as_ptr(), piece) };
            done += piece;
        }
        self.stored(space, address, bytes.len() as u64);
        Ok(())
    }

    /// Recognises the access exceptions of `length` bytes without touching them.
    ///
    /// # Errors
    /// The access exception of the first page that has one.
    pub fn probe(&mut self, space: AddressSpace, address: u64, length: u64, access: Access) -> Result<(), Exit> {
        let mut done = 0;
        while done < length {
            let at = self.wrap(address.wrapping_add(done));
            self.host_for(space, at, access, 0)?;
            done += PAGE_SIZE - at % PAGE_SIZE;
        }
        Ok(())
    }

    /// An address cut to the current addressing mode.
    #[inline(always)]
    pub fn wrap(&self, address: u64) -> u64 {
        address & self.address_mask
    }

    /// Host address of the byte at `address`, good for `access` to the end of its page. For a store it must be used before
    /// anything else of this CPU happens.
    ///
    /// # Errors
    /// The access exception.
    #[inline]
    pub fn host(&mut self, space: AddressSpace, address: u64, access: Access) -> Result<NonNull<u8>, Exit> {
        self.host_for(space, address, access, PAGE_SIZE)
    }

    /// Like [`Cpu::host`] for an operand of `length` bytes: no others are to be accessed. A transaction has fewer conflicts
    /// so. With a length of zero the pointer is not to be used.
    ///
    /// # Errors
    /// The access exception.
    #[inline]
    pub fn host_for(
        &mut self,
        space: AddressSpace,
        address: u64,
        access: Access,
        length: u64,
    ) -> Result<NonNull<u8>, Exit> {
        let selected = match space {
            AddressSpace::Logical(_) if self.psw.address_space() != AddressSpaceControl::AccessRegister => {
                self.data_space
            }
            _ => {
                let key = self.space_key(space, address, access)?;
                self.select(key)
            }
        };
        self.host_in(selected, space, address, access, length)
    }

    /// Like [`Cpu::host`], with `access_key` in place of the PSW key.
    ///
    /// # Errors
    /// The access exception.
    pub fn host_with_key(
        &mut self,
        space: AddressSpace,
        access_key: u8,
        address: u64,
        access: Access,
    ) -> Result<NonNull<u8>, Exit> {
        let key = SpaceKey { access_key, ..self.space_key(space, address, access)? };
        let selected = self.select(key);
        self.host_in(selected, space, address, access, PAGE_SIZE)
    }

    #[inline]
    fn host_in(
        &mut self,
        selected: *mut Space,
        space: AddressSpace,
        address: u64,
        access: Access,
        length: u64,
    ) -> Result<NonNull<u8>, Exit> {
        if access == Access::Store {
            before_store();
        }
        let tag = address & !(PAGE_SIZE - 1);
        // SAFETY: spaces live as long as the CPU; no other reference into the space is live.
        let entry = unsafe { (&(*selected).entries)[Space::slot(address)] };
        let hit = match access {
            Access::Fetch => entry.read == tag,
            Access::Store => {
                entry.write == tag
                    || (entry.read == tag
                        && entry.page & TlbEntry::LOW_ADDRESS != 0
                        && address % PAGE_SIZE >= LOW_ADDRESS_BYTES)
            }
            Access::Instruction => false,
        };
        if hit {
            self.statistics.tlb_hits += 1;
            let host = entry.addend.wrapping_add(address) as usize;
            if let Some(p) = NonNull::new(std::ptr::with_exposed_provenance_mut(host)) {
                return Ok(p);
            }
        }
        self.fill_for(selected, space, address, access, length)
    }

    #[cold]
    fn fill_for(
        &mut self,
        selected: *mut Space,
        space: AddressSpace,
        address: u64,
        access: Access,
        length: u64,
    ) -> Result<NonNull<u8>, Exit> {
        let Located { host: page, absolute, .. } = self.fill(selected, space, address, access)?;
        if self.transaction.is_active() {
            return self.isolated((page, absolute), address % PAGE_SIZE, length, access);
        }
        // SAFETY: `page` is the first byte of a 4096-byte page.
        Ok(unsafe { page.add((address % PAGE_SIZE) as usize) })
    }

    /// Translates without leaving an entry for operand accesses.
    pub(crate) fn locate(&mut self, space: AddressSpace, address: u64, access: Access) -> Result<Located, Exit> {
        let key = self.space_key(space, address, access)?;
        let selected = self.select(key);
        self.fill(selected, space, address, access)
    }

    /// Whether no operand may be accessed by the TLB alone: program-event recording wants to see each, or a transaction has its
    /// own view of storage.
    fn operands_are_watched(&self) -> bool {
        self.per_watches_operands() || self.transaction.is_active()
    }

    /// The space that an address of kind `space` is in.
    fn space_key(&mut self, space: AddressSpace, address: u64, access: Access) -> Result<SpaceKey, Exit> {
        let no_entries = self.operands_are_watched();
        let real = SpaceKey { real: true, no_entries, access_key: self.psw.key(), asce: 0 };
        if space == AddressSpace::Real || !self.psw.has(PswMask::DAT) {
            return Ok(real);
        }
        Ok(SpaceKey { asce: self.designated_asce(space, address, access)?, real: false, ..real })
    }

    /// The address-space-control element by which an address of kind `space` is translated, whether DAT is on or not.
    ///
    /// # Errors
    /// The exception of access-register translation.
    pub fn designated_asce(&mut self, space: AddressSpace, address: u64, access: Access) -> Result<u64, Exit> {
        Ok(match (space, self.psw.address_space()) {
            (AddressSpace::Primary, _) => self.cr[1],
            (AddressSpace::Secondary, _) => self.cr[7],
            (AddressSpace::Home, _) => self.cr[13],
            (AddressSpace::Instruction, AddressSpaceControl::Home) => self.cr[13],
            (AddressSpace::Instruction, _) => self.cr[1],
            (AddressSpace::Logical(_), AddressSpaceControl::Primary) => self.cr[1],
            (AddressSpace::Logical(_), AddressSpaceControl::Secondary) => self.cr[7],
            (AddressSpace::Logical(_), AddressSpaceControl::Home) => self.cr[13],
            (AddressSpace::Logical(ar) | AddressSpace::AccessRegister(ar), _) => {
                let alet = if ar == 0 { 0 } else { self.ar[usize::from(ar & 15)] };
                match self.translate_alet(alet, access, self.extended_authorization_index()) {
                    Ok(asce) => asce,
                    Err(AccessRegisterFault::Code(code)) => {
                        self.program.exception_access_id = ar;
                        return Err(Exit::Program(code));
                    }
                    Err(AccessRegisterFault::FetchOnly) => {
                        let kind = Some(Protection::AccessList);
                        return Err(self.access_exception(ProgramCode::PROTECTION, kind, space, address, access));
                    }
                }
            }
            (AddressSpace::Real, _) => asce::REAL_SPACE,
        })
    }

    fn select(&mut self, key: SpaceKey) -> *mut Space {
        self.spaces.select(key, [self.fetch_space, self.data_space])
    }

    /// The spaces for operands and instructions that the PSW and control registers now name become current.
    pub fn select_spaces(&mut self) {
        let key = self.psw.key();
        let no_entries = self.operands_are_watched();
        let (fetch, data) = if self.psw.has(PswMask::DAT) {
            let virtual_by = |asce| SpaceKey { real: false, no_entries, access_key: key, asce };
            match self.psw.address_space() {
                AddressSpaceControl::Primary => (virtual_by(self.cr[1]), virtual_by(self.cr[1])),
                AddressSpaceControl::Secondary => (virtual_by(self.cr[1]), virtual_by(self.cr[7])),
                AddressSpaceControl::Home => (virtual_by(self.cr[13]), virtual_by(self.cr[13])),
                AddressSpaceControl::AccessRegister => {
                    (virtual_by(self.cr[1]), SpaceKey { real: false, no_entries: true, access_key: key, asce: 0 })
                }
            }
        } else {
            let real = SpaceKey { real: true, no_entries, access_key: key, asce: 0 };
            (real, real)
        };
        // A transaction fetches instructions as everybody.
        let fetch = SpaceKey { no_entries: self.per_watches_operands(), ..fetch };
        self.fetch_space = self.select(fetch);
        self.data_space = if data == fetch { self.fetch_space } else { self.select(data) };
        // SAFETY: spaces live as long as the CPU.
        self.tlb = unsafe { (*self.data_space).entries.as_ptr() };
    }

    /// Whether operands and instructions are in the same space, so that the operand TLB serves relative operands.
    #[inline(always)]
    pub fn operands_beside_instructions(&self) -> bool {
        std::ptr::eq(self.data_space, self.fetch_space)
    }

    /// Real address to absolute address and back: prefixing of 8 KiB.
    pub fn prefixed(&self, real: u64) -> u64 {
        if real < 0x2000 {
            real + self.prefix
        } else if real.wrapping_sub(self.prefix) < 0x2000 {
            real - self.prefix
        } else {
            real
        }
    }

    /// Translates with all checks and makes a TLB entry for operand accesses.
    #[cold]
    fn fill(
        &mut self,
        selected: *mut Space,
        space: AddressSpace,
        address: u64,
        access: Access,
    ) -> Result<Located, Exit> {
        self.statistics.tlb_misses += 1;
        if let AddressSpace::Logical(base) = space {
            self.operand_accessed(base);
        }
        // SAFETY: spaces live as long as the CPU; the key is copied out.
        let key = unsafe { (*selected).key };
        let low_pages = self.has_protected_low_addresses(key) && address < 0x2000;
        // The effective address alone decides on low-address protection: it comes before all exceptions of translation.
        if access == Access::Store && low_pages && address % PAGE_SIZE < LOW_ADDRESS_BYTES {
            let kind = Some(Protection::LowAddress);
            return Err(self.access_exception(ProgramCode::PROTECTION, kind, space, address, access));
        }
        let (real, dat_protected, no_execution, entry) = if key.real {
            (address, false, false, NO_PAGE_TABLE_ENTRY)
        } else {
            match self.translate_by(key.asce, address) {
                Ok(t) => {
                    let paged = t.frame_bits == 12 && key.asce & asce::REAL_SPACE == 0;
                    (t.real, t.protected, t.no_execution, if paged { t.entry } else { NO_PAGE_TABLE_ENTRY })
                }
                Err(fault) => return Err(self.access_exception(fault.code, None, space, address, access)),
            }
        };
        // What the guest itself forbids does not concern its host.
        let forbidden = access == Access::Store && dat_protected;
        let reached = self.reach(self.prefixed(real), if forbidden { Access::Fetch } else { access });
        let absolute = match reached {
            Ok(absolute) => absolute & !(PAGE_SIZE - 1),
            Err(code) => return Err(self.access_exception(code, None, space, address, access)),
        };
        let host_index = self.host_page_index();
        let slots = self.slots.clone();
        let Some(page) = slots.page(absolute) else {
            let code = self.addressing(absolute);
            return Err(self.access_exception(code, None, space, address, access));
        };
        let storage_key = page.state.key();
        let violation = match access {
            Access::Store if dat_protected => Some(Protection::Dat),
            Access::Instruction if no_execution => Some(Protection::InstructionExecution),
            _ => (!self.key_permits(key, storage_key, address, access)).then_some(Protection::Key),
        };
        if let Some(protection) = violation {
            return Err(self.access_exception(ProgramCode::PROTECTION, Some(protection), space, address, access));
        }
        page.state.or_key(StorageKey::REFERENCE | if access == Access::Store { StorageKey::CHANGE } else { 0 });
        // A transaction's stores are made at its end.
        if access == Access::Store && !self.transaction.is_active() {
            page.state.set_marks(PageMarks::DIRTY);
            if page.state.is_code() {
                self.store_into_code(absolute);
            }
        }
        // A page of which part is readable by override only gets no entry; nor do instruction fetches.
        let partly = key.access_key != 0 && address < PAGE_SIZE && self.cr0().contains(Cr0::FETCH_PROTECTION_OVERRIDE);
        if access != Access::Instruction && !partly && !key.no_entries {
            let tag = address & !(PAGE_SIZE - 1);
            let addend = (page.host.as_ptr().expose_provenance() as u64).wrapping_sub(tag);
            // SAFETY: as above; no reference into the space is live.
            let selected = unsafe { &mut *selected };
            let old = selected.entries[Space::slot(address)];
            let store = access == Access::Store;
            // A fetch does not take away the right to store that an earlier store has gained.
            let write = if store && !low_pages {
                tag
            } else if old.write == tag && old.is_of(absolute) && selected.origin(address) == entry {
                old.write
            } else {
                no_tag(Space::slot(address))
            };
            let low = if store && low_pages { TlbEntry::LOW_ADDRESS } else { 0 };
            let page = TlbEntry::page(absolute, host_index) | low;
            selected.set(address, TlbEntry { read: tag, write, addend, page }, entry);
        }
        Ok(Located { host: page.host, absolute, entry })
    }

    fn has_protected_low_addresses(&self, key: SpaceKey) -> bool {
        self.cr0().contains(Cr0::LOW_ADDRESS_PROTECTION) && !key.is_private()
    }

    /// Low-address protection of stores to the page at real address `address` that do not go by way of [`Cpu::host`].
    ///
    /// # Errors
    /// The protection exception.
    pub fn check_low_address(&mut self, address: u64) -> Result<(), Exit> {
        if address < 0x2000 && self.cr0().contains(Cr0::LOW_ADDRESS_PROTECTION) {
            let (space, kind) = (AddressSpace::Real, Some(Protection::LowAddress));
            return Err(self.access_exception(ProgramCode::PROTECTION, kind, space, address, Access::Store));
        }
        Ok(())
    }

    /// Low-address protection of a store by real address that does not go by way of [`Cpu::host`].
    ///
    /// # Errors
    /// The protection exception.
    pub fn check_low_address_word(&mut self, real: u64) -> Result<(), Exit> {
        if real % PAGE_SIZE < LOW_ADDRESS_BYTES { self.check_low_address(real) } else { Ok(()) }
    }

    /// Key-controlled protection with its overrides.
    fn key_permits(&self, key: SpaceKey, storage_key: StorageKey, address: u64, access: Access) -> bool {
        let matches = match access {
            Access::Store => storage_key.allows_store(key.access_key),
            Access::Fetch | Access::Instruction => storage_key.allows_fetch(key.access_key),
        };
        matches
            || storage_key.access_control() == 9 && self.cr0().contains(Cr0::STORAGE_PROTECTION_OVERRIDE)
            || access != Access::Store
                && address < 2048
                && self.cr0().contains(Cr0::FETCH_PROTECTION_OVERRIDE)
                && !key.is_private()
    }

    /// Whether fetch-protection override alone permits to fetch from the page at `absolute`, whose address is below 4096: then
    /// only its first half can be fetched.
    pub(crate) fn fetches_by_override(&self, absolute: u64) -> bool {
        let cr0 = self.cr0();
        cr0.contains(Cr0::FETCH_PROTECTION_OVERRIDE)
            && self.slots.page(absolute).map(|page| page.state.key()).is_some_and(|key| {
                let all = key.access_control() == 9 && cr0.contains(Cr0::STORAGE_PROTECTION_OVERRIDE);
                !key.allows_fetch(self.psw.key()) && !all
            })
    }

    /// What TEST PROTECTION finds out about the operand at `address`, with `access_key` in place of the PSW key: 0 fetches
    /// and stores are permitted, 1 fetches only, 2 neither, 3 the address does not translate.
    ///
    /// # Errors
    /// Addressing and translation-specification exceptions.
    pub fn test_protection(&mut self, space: AddressSpace, access_key: u8, address: u64) -> Result<u8, Exit> {
        let unavailable = |exit| match exit {
            Exit::Program(code) if code.is_unavailable_address() => Ok(3),
            other => Err(other),
        };
        let key = match self.space_key(space, address, Access::Fetch) {
            Ok(key) => SpaceKey { access_key, ..key },
            Err(exit) => return unavailable(exit),
        };
        let (real, dat_protected) = if key.real {
            (address, false)
        } else {
            match self.translate_by(key.asce, address) {
                Ok(t) => (t.real, t.protected),
                Err(fault) => return unavailable(Exit::Program(fault.code)),
            }
        };
        let absolute = self.prefixed(real);
        let storage_key = self.storage_key(absolute)?;
        // The host tells its own protection from the guest's.
        if self.is_host_protected(absolute) {
            return Err(Exit::Intercept);
        }
        let low = self.has_protected_low_addresses(key) && address < 0x2000 && address % PAGE_SIZE < LOW_ADDRESS_BYTES;
        if !self.key_permits(key, storage_key, address, Access::Fetch) {
            return Ok(2);
        }
        // An access-list entry may be for fetches only.
        let fetch_only = !key.real && self.designated_asce(space, address, Access::Store).is_err();
        let stores =
            !low && !dat_protected && !fetch_only && self.key_permits(key, storage_key, address, Access::Store);
        Ok(u8::from(!stores))
    }

    /// The real address of the operand at `address`, which need not be accessible.
    ///
    /// # Errors
    /// The access exception of the translation.
    pub fn real_address(&mut self, space: AddressSpace, address: u64) -> Result<u64, Exit> {
        let table = self.designated_asce(space, address, Access::Fetch)?;
        match self.translate_by(table, address) {
            Ok(t) => Ok(t.real),
            Err(fault) => Err(self.access_exception(fault.code, None, space, address, Access::Fetch)),
        }
    }

    /// How interruptions name the space: 0 primary, 1 by access register (with its number), 2 secondary, 3 home.
    pub(crate) fn space_identification(&self, space: AddressSpace) -> (u8, u8) {
        match (space, self.psw.address_space()) {
            (AddressSpace::Logical(ar), AddressSpaceControl::AccessRegister)
            | (AddressSpace::AccessRegister(ar), _) => (1, ar),
            (AddressSpace::Secondary, _) | (AddressSpace::Logical(_), AddressSpaceControl::Secondary) => (2, 0),
            (AddressSpace::Home, _)
            | (AddressSpace::Logical(_) | AddressSpace::Instruction, AddressSpaceControl::Home) => (3, 0),
            _ => (0, 0),
        }
    }

    /// Sets the parameters of an access exception.
    pub fn access_exception(
        &mut self,
        code: ProgramCode,
        protection: Option<Protection>,
        space: AddressSpace,
        address: u64,
        access: Access,
    ) -> Exit {
        let (id, ar) = self.space_identification(space);
        // Bits 56, 60 and 61 tell the kinds of protection apart.
        let kind = match protection {
            None => 0,
            Some(Protection::LowAddress) => 0x80,
            Some(Protection::InstructionExecution) => 0x84,
            Some(Protection::Key) => 0x08,
            Some(Protection::Dat) => 0x04,
            Some(Protection::AccessList) => 0x0C,
        };
        self.program.teid = address & !(PAGE_SIZE - 1) | access_indication(access) | kind | u64::from(id);
        self.program.exception_access_id = ar;
        self.program.instruction_fetch = access == Access::Instruction;
        Exit::Program(code)
    }

    /// Storage is missing at an absolute address: notes where, and gives the exception's code.
    #[cold]
    pub(crate) fn addressing(&self, absolute: u64) -> ProgramCode {
        self.missing_storage.set(absolute);
        ProgramCode::ADDRESSING
    }

    /// Where storage was missing when an addressing exception was last recognised: an absolute address.
    pub fn missing_storage(&self) -> u64 {
        self.missing_storage.get()
    }

    /// Host address of a byte of absolute storage, good to the end of its page. Keys and protection do not apply, but
    /// references and changes are recorded, and before a store decoded code of the page is dropped.
    ///
    /// # Errors
    /// Addressing exception.
    pub fn absolute_host(&mut self, absolute: u64, access: Access) -> Result<NonNull<u8>, Exit> {
        let absolute = self.reach(absolute, access).map_err(Exit::Program)?;
        self.machine_host(absolute, access)
    }

    /// Like [`Cpu::absolute_host`], of the machine's absolute storage: a guest's CPU does for its host what is to be done there.
    pub(crate) fn machine_host(&mut self, absolute: u64, access: Access) -> Result<NonNull<u8>, Exit> {
        let Some(page) = self.slots.page(absolute) else { return Err(Exit::Program(self.addressing(absolute))) };
        let host = page.host;
        if access == Access::Store {
            before_store();
        }
        page.state.or_key(StorageKey::REFERENCE | if access == Access::Store { StorageKey::CHANGE } else { 0 });
        if access == Access::Store {
            page.state.set_marks(PageMarks::DIRTY);
            if page.state.is_code() {
                self.store_into_code(absolute & !(PAGE_SIZE - 1));
            }
        }
        // SAFETY: the offset is within the page.
        Ok(unsafe { host.add((absolute % PAGE_SIZE) as usize) })
    }

    /// Copies from absolute storage.
    ///
    /// # Errors
    /// Addressing exception.
    pub fn read_absolute(&mut self, absolute: u64, bytes: &mut [u8]) -> Result<(), Exit> {
        let mut done = 0;
        while done < bytes.len() {
            let at = absolute.wrapping_add(done as u64);
            let piece = ((PAGE_SIZE - at % PAGE_SIZE) as usize).min(bytes.len() - done);
            let host = self.absolute_host(at, Access::Fetch)?;
            // SAFETY: `host` is good to the end of its page, where `piece` ends at the latest.
            unsafe { std::ptr::copy_nonoverlapping(host.as_ptr(), bytes.as_mut_ptr().add(done), piece) };
            after_fetch();
            done += piece;
        }
        Ok(())
    }

    /// Copies to absolute storage, all or nothing; decoded code of the pages is dropped.
    ///
    /// # Errors
    /// Addressing exception; nothing has been stored then.
    pub fn write_absolute(&mut self, absolute: u64, bytes: &[u8]) -> Result<(), Exit> {
        for page in (absolute & !(PAGE_SIZE - 1)..absolute + bytes.len() as u64).step_by(PAGE_SIZE as usize) {
            let reached = self.reach(page, Access::Store).map_err(Exit::Program)?;
            if self.slots.page(reached).is_none() {
                return Err(Exit::Program(self.addressing(absolute)));
            }
        }
        let mut done = 0;
        while done < bytes.len() {
            let at = absolute.wrapping_add(done as u64);
            let piece = ((PAGE_SIZE - at % PAGE_SIZE) as usize).min(bytes.len() - done);
            let host = self.absolute_host(at, Access::Store)?;
            // SAFETY: as in `read_absolute`.
            unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr().add(done), host.as_ptr(), piece) };
            done += piece;
        }
        Ok(())
    }
}

/// Bits 52 and 53 of the translation-exception identification: fetch or store.
fn access_indication(access: Access) -> u64 {
    match access {
        Access::Store => 0x400,
        Access::Fetch | Access::Instruction => 0x800,
    }
}
