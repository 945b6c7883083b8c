//! Threads of this and other processes: found by name, pinned to a core, accounted by the kernel's `schedstat`.

use anyhow::{Context, Result, ensure};
use rustix::thread::{CpuSet, Pid, sched_getaffinity, sched_setaffinity};
use std::fs;

/// The core of the measured thread.
pub const MEASURED_CORE: usize = 0;

/// The core of the thread that generates the load.
pub const GENERATOR_CORE: usize = 1;

/// Nanoseconds of some threads since their start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Times {
    /// Time on a core.
    pub ran_ns: u64,
    /// Time for which the threads were ready while another thread had their core.
    pub waited_ns: u64,
}

impl Times {
    /// The times since `earlier`.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Self {
        Self {
            ran_ns: self.ran_ns.saturating_sub(earlier.ran_ns),
            waited_ns: self.waited_ns.saturating_sub(earlier.waited_ns),
        }
    }

    /// The sum of these times and those of another thread or time.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self { ran_ns: self.ran_ns + other.ran_ns, waited_ns: self.waited_ns + other.waited_ns }
    }
}

/// Some threads of one process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Threads {
    pid: u32,
    tids: Vec<u32>,
}

impl Threads {
    /// All threads that the process has now.
    ///
    /// # Errors
    /// When there is no such process.
    pub fn of(pid: u32) -> Result<Self> {
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).with_context(|| format!("no process {pid}"))?;
        let tids = tasks.filter_map(|task| task.ok()?.file_name().to_str()?.parse().ok()).collect();
        Ok(Self { pid, tids })
    }

    /// The threads of the process that have this name.
    ///
    /// # Errors
    /// When the process has no such thread.
    pub fn named(pid: u32, name: &str) -> Result<Self> {
        let mut threads = Self::of(pid)?;
        let has_name = |tid: &u32| fs::read_to_string(format!("/proc/{pid}/task/{tid}/comm"));
        threads.tids.retain(|tid| has_name(tid).is_ok_and(|comm| comm.trim_end() == name));
        ensure!(!threads.tids.is_empty(), "process {pid} has no thread named {name}");
        Ok(threads)
    }

    /// Lets the threads run on this core only.
    ///
    /// # Errors
    /// When there is no such core, or when a thread is gone.
    pub fn pin(&self, core: usize) -> Result<()> {
        for tid in &self.tids {
            let tid = i32::try_from(*tid).ok().and_then(Pid::from_raw).context("a thread id is positive")?;
            pin(Some(tid), core)?;
        }
        Ok(())
    }

    /// The times of all these threads until now, together.
    ///
    /// # Errors
    /// When a thread is gone.
    pub fn times(&self) -> Result<Times> {
        self.tids.iter().try_fold(Times::default(), |sum, tid| {
            let path = format!("/proc/{}/task/{tid}/schedstat", self.pid);
            let text = fs::read_to_string(&path).with_context(|| format!("{path} cannot be read"))?;
            Ok(sum.plus(times_of(&text).with_context(|| format!("{path} says {text:?}"))?))
        })
    }
}

/// The times of the calling thread until now.
///
/// # Errors
/// When the kernel does not account threads.
pub fn own_times() -> Result<Times> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").context("the kernel does not account threads")?;
    times_of(&text).with_context(|| format!("schedstat says {text:?}"))
}

/// Lets the calling thread run on this core only.
///
/// # Errors
/// When there is no such core.
pub fn pin_this_thread(core: usize) -> Result<()> {
    pin(None, core)
}

fn pin(tid: Option<Pid>, core: usize) -> Result<()> {
    ensure!(core < CpuSet::MAX_CPU, "there is no core {core}");
    let mut cores = CpuSet::new();
    cores.set(core);
    sched_setaffinity(tid, &cores).with_context(|| format!("a thread cannot be pinned to core {core}"))
}

/// Whether there is a core for the measured thread and another one for the generator.
///
/// # Errors
/// When the kernel does not tell.
pub fn has_two_cores() -> Result<bool> {
    let cores = sched_getaffinity(None)?;
    Ok(cores.is_set(MEASURED_CORE) && cores.is_set(GENERATOR_CORE))
}

fn times_of(schedstat: &str) -> Option<Times> {
    let mut numbers = schedstat.split_whitespace().map(str::parse);
    Some(Times { ran_ns: numbers.next()?.ok()?, waited_ns: numbers.next()?.ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedstat_is_time_on_a_core_and_time_waited_for_it() {
        assert_eq!(times_of("123456789 42 7\n"), Some(Times { ran_ns: 123_456_789, waited_ns: 42 }));
        assert_eq!(times_of("123456789"), None);
        assert_eq!(times_of(""), None);
    }

    #[test]
    fn a_thread_can_read_its_own_times() {
        let before = own_times().unwrap();
        while own_times().unwrap().since(before).ran_ns < 1_000_000 {}
    }

    #[test]
    fn a_thread_is_found_by_its_name_pinned_and_accounted() {
        let (work, gate) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::Builder::new().name("pin-me".into()).spawn(move || {
            let mut sum = 0_u64;
            while gate.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
                sum = std::hint::black_box(sum + 1);
            }
            sched_getaffinity(None).unwrap().count()
        });
        let own = std::process::id();
        let threads = loop {
            // A thread sets its name when it starts.
            if let Ok(threads) = Threads::named(own, "pin-me") {
                break threads;
            }
        };
        threads.pin(0).unwrap();
        let before = threads.times().unwrap();
        while threads.times().unwrap().since(before).ran_ns == 0 {}
        drop(work);
        assert_eq!(thread.unwrap().join().unwrap(), 1);
        assert!(Threads::named(own, "nobody").is_err() && Threads::of(u32::MAX).is_err());
        assert!(pin_this_thread(CpuSet::MAX_CPU).is_err());
    }
}
