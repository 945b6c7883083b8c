//! The picture that a page has drawn, read from its own drawing commands: the places of the lights of a kind, and the
//! texts.

use crate::page::Page;
use serde_json::Value;

/// Reads the newest picture: `{camera, dots: [{radius, color, at: [[x, y]]}], texts}`.
///
/// The page itself reads the picture from the module's memory in the same way.
const READ: &str = "(() => {
    const { client, memory } = window.tickwire, texts = client.texts();
    const scene = new Float32Array(memory.buffer, client.scene_ptr(), client.scene_len());
    const fixed = [5, 3, 6, 8, 7, 8, 0, 8, 6, 0, 0, 5], counted = { 6: [4, 2], 9: [5, 2], 10: [5, 4] };
    const dots = []; let camera = null;
    for (let i = 0; i < scene.length;) {
        const op = scene[i], [head, each] = counted[op] ?? [fixed[op], 0], n = each && scene[i + 1];
        if (op === 0 || op === 11) camera = [scene[i + 1], scene[i + 2]];
        if (op === 9) dots.push({ radius: scene[i + 2], color: scene[i + 3],
            at: Array.from({ length: n }, (_, k) => [scene[i + head + 2 * k], scene[i + head + 2 * k + 1]]) });
        i += head + each * n;
    }
    return { camera, dots, texts };
})()";

/// A place in the world or on the page.
pub(crate) type Place = (f64, f64);

/// One picture.
#[derive(Debug)]
pub(crate) struct Picture(Value);

impl Picture {
    /// Reads the newest picture of a page.
    pub(crate) async fn of(page: &Page) -> Self {
        Self(page.eval(READ).await)
    }

    /// The middle of the camera.
    pub(crate) fn camera(&self) -> Place {
        place(&self.0["camera"])
    }

    /// The places of the lights of this radius and colour.
    pub(crate) fn dots(&self, radius: f64, color: u32) -> Vec<Place> {
        let all = self.0["dots"].as_array().into_iter().flatten();
        let alike = |dots: &&Value| {
            dots["radius"].as_f64().is_some_and(|is| (is - radius).abs() < 0.01) && dots["color"] == f64::from(color)
        };
        all.filter(alike).flat_map(|dots| dots["at"].as_array().into_iter().flatten().map(place)).collect()
    }

    /// The texts in the picture.
    pub(crate) fn texts(&self) -> Vec<&str> {
        self.0["texts"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
    }
}

/// The place on the page of a place in the world.
pub(crate) async fn on_page(page: &Page, (x, y): Place) -> Place {
    place(&page.eval(&format!("window.tickwire.toPage({x}, {y})")).await)
}

fn place(pair: &Value) -> Place {
    let number = |index: usize| pair[index].as_f64().unwrap_or_else(|| panic!("two numbers: {pair}"));
    (number(0), number(1))
}
