//! A panic in WebAssembly is a trap without a message; this code shows the message first.

/// From here on a panic writes its message and place to the browser's console.
#[cfg(target_family = "wasm")]
pub(crate) fn report_panics() {
    use wasm_bindgen::prelude::*;

    #[wasm_bindgen]
    extern "C" {
        #[wasm_bindgen(js_namespace = console)]
        fn error(message: &str);
    }

    std::panic::set_hook(Box::new(|panic| error(&panic.to_string())));
}

/// A native panic is visible without help.
#[cfg(not(target_family = "wasm"))]
pub(crate) const fn report_panics() {}
