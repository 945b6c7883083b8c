//! The module of tumble, which nobody plays on a page: for the comparison of machines alone.

tickwire_client::export_runs!(tickwire_games::Tumble);
