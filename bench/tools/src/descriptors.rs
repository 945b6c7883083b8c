//! File descriptors: every client is one here, and one in the server, which inherits the limit.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Raises the limit as far as it goes. Where that is not allowed, the limit stays, and a failed connection reports it.
pub fn raise_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
}
