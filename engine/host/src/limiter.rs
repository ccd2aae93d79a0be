//! Bounds the memory of one store: every linear memory and table, summed.

use wasmtime::ResourceLimiter;

/// Most core instances, linear memories and tables of one store.
pub(crate) const INSTANCES: u32 = 64;
pub(crate) const MEMORIES: u32 = 8;
pub(crate) const TABLES: u32 = 32;

/// What wasmtime stores for one table element.
const TABLE_ELEMENT: usize = size_of::<usize>();

/// The limiter of one store. A refused growth answers -1 to the guest, as the
/// specification has it; what the guest makes of that is its own affair, but a
/// trap that follows is then explained by it.
#[derive(Debug)]
pub(crate) struct Limiter {
    limit: usize,
    used: usize,
    peak: usize,
    /// What was granted last, to take back if the system then refuses.
    granted: usize,
    refused: bool,
}

impl Limiter {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, used: 0, peak: 0, granted: 0, refused: false }
    }

    /// Most bytes that may be in use at one time.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// Most bytes that were.
    pub(crate) fn peak(&self) -> u64 {
        self.peak as u64
    }

    /// Whether the store was ever refused memory.
    pub(crate) fn refused(&self) -> bool {
        self.refused
    }

    /// `within`: whether the growth stays below the maximum the guest itself declared.
    fn grow(&mut self, bytes: usize, within: bool) -> bool {
        self.granted = 0;
        let used = self.used.saturating_add(bytes);
        if used > self.limit {
            self.refused = true;
            return false;
        }
        if within {
            self.granted = bytes;
            self.used = used;
            self.peak = self.peak.max(used);
        }
        within
    }

    fn take_back(&mut self) {
        self.used -= self.granted;
        self.granted = 0;
        self.refused = true;
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let within = maximum.is_none_or(|maximum| desired <= maximum);
        Ok(self.grow(desired.saturating_sub(current), within))
    }

    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.take_back();
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let within = maximum.is_none_or(|maximum| desired <= maximum);
        Ok(self.grow(desired.saturating_sub(current).saturating_mul(TABLE_ELEMENT), within))
    }

    fn table_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.take_back();
        Ok(())
    }

    fn instances(&self) -> usize {
        INSTANCES as usize
    }

    fn tables(&self) -> usize {
        TABLES as usize
    }

    fn memories(&self) -> usize {
        MEMORIES as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_over_all_memories_and_tables() {
        let mut limiter = Limiter::new(1000);
        assert!(limiter.memory_growing(0, 400, None).expect("no error"));
        assert!(limiter.memory_growing(0, 400, None).expect("no error"));
        assert!(limiter.table_growing(0, 25, None).expect("no error"));
        assert!(!limiter.refused());
        assert!(!limiter.memory_growing(400, 401, None).expect("no error"));
        assert!(limiter.refused());
        assert_eq!(limiter.peak(), 1000);
    }

    #[test]
    fn gives_back_what_the_system_refused() {
        let mut limiter = Limiter::new(1000);
        assert!(limiter.memory_growing(0, 600, None).expect("no error"));
        limiter.memory_grow_failed(wasmtime::Error::msg("no memory")).expect("no error");
        assert!(limiter.memory_growing(0, 600, None).expect("no error"));
    }

    #[test]
    fn does_not_blame_the_limit_for_the_maximum_a_guest_set_itself() {
        let mut limiter = Limiter::new(1000);
        assert!(!limiter.memory_growing(0, 600, Some(500)).expect("no error"));
        assert!(!limiter.refused());
    }
}
