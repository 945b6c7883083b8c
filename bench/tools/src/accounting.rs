//! CPU time and memory of a process, as the kernel counts them.
//!
//! Times are from each thread's `schedstat`: nanoseconds on a CPU, not samples of a timer. The last share of a thread
//! that ends between two readings is lost.

use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

/// CPU time of each thread of a process since the thread's start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CpuTimes {
    /// Name and nanoseconds by thread id.
    threads: BTreeMap<u32, (String, u64)>,
}

impl CpuTimes {
    /// Reads the times of the process `pid`.
    ///
    /// # Errors
    /// When there is no such process, or this process may not read it.
    pub fn of(pid: u32) -> Result<Self> {
        let folder = PathBuf::from(format!("/proc/{pid}/task"));
        let mut threads = BTreeMap::new();
        for entry in fs::read_dir(&folder).with_context(|| format!("process {pid} cannot be read"))? {
            let path = entry?.path();
            let thread = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
            // A thread may end while its files are read.
            let schedstat = fs::read_to_string(path.join("schedstat")).ok();
            let name = fs::read_to_string(path.join("comm")).unwrap_or_default();
            if let (Some(thread), Some(ran_ns)) = (thread, schedstat.as_deref().and_then(on_cpu_ns)) {
                threads.insert(thread, (name.trim().to_owned(), ran_ns));
            }
        }
        Ok(Self { threads })
    }

    /// Microseconds on a CPU since `earlier`, by thread name, threads of one name together.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> BTreeMap<String, f64> {
        let mut by_name = BTreeMap::new();
        for (thread, (name, ran_ns)) in &self.threads {
            let before_ns = earlier.threads.get(thread).map_or(0, |(_, ran_ns)| *ran_ns);
            *by_name.entry(name.clone()).or_default() += ran_ns.saturating_sub(before_ns) as f64 / 1_000.0;
        }
        by_name
    }
}

/// The first number of a `schedstat`.
fn on_cpu_ns(schedstat: &str) -> Option<u64> {
    schedstat.split_whitespace().next()?.parse().ok()
}

/// Resident memory of the process `pid` in bytes.
///
/// # Errors
/// When there is no such process, or when the kernel does not tell.
pub fn rss_bytes(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).with_context(|| format!("no process {pid}"))?;
    bytes_of(&status, "VmRSS:").context("the kernel does not say how much memory the process has")
}

/// Anonymous memory of the process `pid` in bytes: neither files nor the kernel's buffers. The kernel looks at every
/// page for it, which takes a while.
///
/// # Errors
/// When there is no such process, or when the kernel does not tell.
pub fn user_bytes(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let rollup = fs::read_to_string(&path).with_context(|| format!("{path} cannot be read"))?;
    bytes_of(&rollup, "Anonymous:").with_context(|| format!("{path} does not mention anonymous memory"))
}

/// The value in KiB behind a label, in bytes.
fn bytes_of(text: &str, label: &str) -> Option<u64> {
    let kib: u64 = text.lines().find_map(|line| line.strip_prefix(label))?.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_texts_are_read() {
        assert_eq!(on_cpu_ns("123456789 42 7\n"), Some(123_456_789));
        assert_eq!(on_cpu_ns(""), None);
        assert_eq!(bytes_of("Name:\tx\nVmRSS:\t   2048 kB\nThreads:\t1\n", "VmRSS:"), Some(2 << 20));
        assert_eq!(bytes_of("Name:\tx\n", "VmRSS:"), None);
    }

    #[test]
    fn work_of_this_process_is_counted_and_new_threads_count_in_full() {
        let before = CpuTimes::of(std::process::id()).unwrap();
        let mut sum = 0_u64;
        (0..20_000_000_u64).for_each(|n| sum = std::hint::black_box(sum ^ n));
        let used: f64 = CpuTimes::of(std::process::id()).unwrap().since(&before).values().sum();
        assert!(used > 0.0);
        let fresh = CpuTimes { threads: [(1, ("a".into(), 5_000)), (2, ("a".into(), 1_000))].into() };
        assert_eq!(fresh.since(&CpuTimes::default())["a"], 6.0);
        assert!(rss_bytes(std::process::id()).unwrap() > 1 << 20);
    }

    #[test]
    fn allocated_memory_counts_as_memory_of_this_process() {
        let own = || user_bytes(std::process::id()).unwrap();
        let before = own();
        let taken = std::hint::black_box(vec![1_u8; 64 << 20]);
        assert!(own() >= before + (48 << 20), "other tests may free some memory meanwhile");
        assert_eq!(taken[1 << 20], 1);
    }

    #[test]
    fn a_process_that_does_not_exist_is_an_error() {
        let nobody = u32::MAX;
        assert!(CpuTimes::of(nobody).is_err() && rss_bytes(nobody).is_err() && user_bytes(nobody).is_err());
    }
}
