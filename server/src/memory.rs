//! The memory of this process, and the memory that it may use.

use std::fs::read_to_string;
use std::path::Path;

/// The default of the memory budget where neither the machine nor its control group says how much there is.
const FALLBACK_BYTES: u64 = 1 << 30;

/// Bytes of this process that are in memory; 0 where the system does not tell.
pub(crate) fn resident_bytes() -> u64 {
    let pages = read_to_string("/proc/self/statm").ok().and_then(|text| second_number(&text));
    let page_bytes = u64::try_from(rustix::param::page_size()).unwrap_or(4_096);
    pages.unwrap_or(0).saturating_mul(page_bytes)
}

/// Half of the memory of the machine, or of the control group in which the server runs.
pub(crate) fn default_budget_bytes() -> u64 {
    let machine = read_to_string("/proc/meminfo").ok().and_then(|text| second_number(&text)).map(|kib| kib * 1_024);
    let limits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    let group = limits.into_iter().find_map(|path| read_to_string(Path::new(path)).ok()?.trim().parse::<u64>().ok());
    machine.into_iter().chain(group).min().map_or(FALLBACK_BYTES, |bytes| bytes / 2)
}

/// The second word of a text as a number: the resident pages in `statm`, and the total in kB in `meminfo`.
fn second_number(text: &str) -> Option<u64> {
    text.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_in_memory_and_within_its_budget() {
        let (resident, budget) = (resident_bytes(), default_budget_bytes());
        assert!(resident > 100_000 && resident < budget, "{resident} of {budget}");
        let block = std::hint::black_box(vec![1_u8; 64 << 20]);
        assert!(resident_bytes() > resident + (32 << 20), "{}", block.len());
    }

    #[test]
    fn texts_of_another_form_say_nothing() {
        for text in ["", "12", "MemTotal: many kB"] {
            assert_eq!(second_number(text), None, "{text:?}");
        }
        assert_eq!(second_number("MemTotal:       24612345 kB"), Some(24_612_345));
    }
}
