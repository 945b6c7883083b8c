//! The module of crowd, which nobody plays on a page: for the comparison of machines alone.

tickwire_client::export_runs!(tickwire_games::Crowd);
