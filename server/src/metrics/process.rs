//! The figures of the process, by the names that every client library of Prometheus gives them.
//!
//! They are read when somebody asks for them. A figure that the system does not tell is left out: a container may have
//! no `/proc`, and 0 would be taken for the truth.

use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};
use std::fmt::Write as _;
use std::fs;
use std::str::FromStr;
use std::sync::OnceLock;

/// Fields of `/proc/self/stat`, counted from the first one behind the name of the program.
const THREADS: usize = 17;
const START_TICKS: usize = 19;
const VIRTUAL_BYTES: usize = 20;
const RESIDENT_PAGES: usize = 21;

/// Appends the figures in the text format of Prometheus.
pub(super) fn render(out: &mut String) {
    let stat = Stat::read();
    let number = |field: usize| stat.as_ref().and_then(|stat| stat.field::<u64>(field));
    let page_bytes = u64::try_from(rustix::param::page_size()).unwrap_or(4_096);
    let bytes = |pages: u64| pages.saturating_mul(page_bytes);
    put(out, "process_cpu_seconds_total", "counter", "Time that all threads have used a core.", Some(cpu_seconds()));
    let start = number(START_TICKS).and_then(start_seconds);
    put(out, "process_start_time_seconds", "gauge", "Start of the process in Unix time.", start);
    for (name, help, figure) in [
        ("process_open_fds", "Open file descriptors.", open_descriptors()),
        ("process_max_fds", "File descriptors that may be open.", getrlimit(Resource::Nofile).current),
        ("process_resident_memory_bytes", "Memory of the process.", number(RESIDENT_PAGES).map(bytes)),
        ("process_virtual_memory_bytes", "Address space of the process.", number(VIRTUAL_BYTES)),
        ("process_threads", "Threads of the process.", number(THREADS)),
    ] {
        put(out, name, "gauge", help, figure);
    }
}

fn put(out: &mut String, name: &str, kind: &str, help: &str, figure: Option<impl std::fmt::Display>) {
    if let Some(figure) = figure {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {figure}\n");
    }
}

fn cpu_seconds() -> f64 {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    used.tv_sec as f64 + used.tv_nsec as f64 / 1e9
}

/// The start of this process in Unix time, when it began this many clock ticks after the machine.
fn start_seconds(ticks: u64) -> Option<f64> {
    static BOOT: OnceLock<Option<u64>> = OnceLock::new();
    let read =
        || fs::read_to_string("/proc/stat").ok()?.lines().find_map(|line| line.strip_prefix("btime ")?.parse().ok());
    let boot: u64 = (*BOOT.get_or_init(read))?;
    Some(boot as f64 + ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// The number of open descriptors. Recent kernels tell it as the size of the folder; for others they are counted.
fn open_descriptors() -> Option<u64> {
    const FOLDER: &str = "/proc/self/fd";
    let told = fs::metadata(FOLDER).ok()?.len();
    // The one through which they are counted is open meanwhile, and does not count.
    if told > 0 { Some(told) } else { Some(fs::read_dir(FOLDER).ok()?.count().saturating_sub(1) as u64) }
}

/// The facts that the kernel tells about this process in one line.
struct Stat(String);

impl Stat {
    fn read() -> Option<Self> {
        fs::read_to_string("/proc/self/stat").ok().and_then(|text| Self::of(&text))
    }

    /// The fields behind the name of the program, which is in brackets and may have brackets and spaces in it.
    fn of(text: &str) -> Option<Self> {
        text.rsplit_once(')').map(|(_, fields)| Self(fields.to_owned()))
    }

    fn field<T: FromStr>(&self, index: usize) -> Option<T> {
        self.0.split_whitespace().nth(index)?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::time::{SystemTime, UNIX_EPOCH};

    fn figure(name: &str) -> f64 {
        let mut text = String::new();
        render(&mut text);
        let value = |line: &str| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok();
        text.lines().find_map(value).unwrap_or_else(|| panic!("{name} is missing in\n{text}"))
    }

    #[test]
    fn the_figures_are_those_of_this_process() {
        let cpu = figure("process_cpu_seconds_total");
        let block = std::hint::black_box(vec![1_u8; 64 << 20]);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
        let age = now - figure("process_start_time_seconds");
        assert!((-1.0..3_600.0).contains(&age), "this test began {age} s ago");
        assert!(figure("process_cpu_seconds_total") > cpu, "it has filled {} bytes meanwhile", block.len());
        let (resident, space) = (figure("process_resident_memory_bytes"), figure("process_virtual_memory_bytes"));
        assert!(resident > 6e7 && space >= resident, "{resident} of {space}");
        assert!(figure("process_threads") >= 2.0 && figure("process_max_fds") >= 64.0);
        // Other tests open and close files at the same time.
        let opened: Vec<File> = (0..200).map(|_| File::open("/proc/self/stat").unwrap()).collect();
        let open = figure("process_open_fds");
        assert!(open >= opened.len() as f64 && open < 5_000.0, "{open}");
    }

    #[test]
    fn a_program_with_brackets_in_its_name_has_its_figures_all_the_same() {
        let fields: Vec<String> = (0..30).map(|number| number.to_string()).collect();
        let stat = Stat::of(&format!("17 (a) b (c)) {}", fields.join(" "))).unwrap();
        assert_eq!(stat.field::<usize>(THREADS), Some(THREADS));
        assert_eq!(stat.field::<u64>(99), None);
        assert!(Stat::of("17 no name").is_none());
    }
}
