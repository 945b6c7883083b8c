//! Display: the moment at which others are shown, and the world that is made of them and of the player's own rows.

pub(crate) mod first_ids;
pub(crate) mod interpolation_buffer;
pub(crate) mod view;
