//! Prediction: what is ours, played ahead of the server and corrected by it.

pub(crate) mod corrections;
pub(crate) mod events;
pub(crate) mod own_inputs;
pub(crate) mod predictor;
pub(crate) mod spawns;
