//! Display: the moment of the others that is shown, and the world that is made of both.

pub(crate) mod interpolation_buffer;
pub(crate) mod view;
