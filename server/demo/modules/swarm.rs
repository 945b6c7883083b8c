//! The module of swarm: its game alone, for JavaScript.

tickwire_client::export!(tickwire_games::Swarm);
