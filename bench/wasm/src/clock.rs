//! Microseconds of a clock that never goes back.

/// Microseconds of the clock of the page's host.
#[cfg(target_family = "wasm")]
pub(crate) fn now_us() -> f64 {
    use wasm_bindgen::prelude::*;

    #[wasm_bindgen]
    extern "C" {
        #[wasm_bindgen(js_namespace = performance)]
        fn now() -> f64;
    }

    now() * 1_000.0
}

/// Microseconds since the first call.
#[cfg(not(target_family = "wasm"))]
pub(crate) fn now_us() -> f64 {
    use std::sync::LazyLock;
    use std::time::Instant;

    static START: LazyLock<Instant> = LazyLock::new(Instant::now);

    START.elapsed().as_secs_f64() * 1e6
}
