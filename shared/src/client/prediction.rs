//! Prediction: own rows, played ahead of the server and corrected by it. Own inputs, events and corrections serve both
//! modes; the predictor and spawn adoption serve snapshot mode alone.

pub(crate) mod corrected_fields;
pub(crate) mod corrections;
pub(crate) mod events;
pub(crate) mod own_inputs;
pub(crate) mod predictor;
pub(crate) mod spawns;
