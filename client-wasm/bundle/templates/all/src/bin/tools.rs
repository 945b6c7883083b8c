//! The programs that measure the game: bots, bytes, the comparison of machines. `cargo tickwire test` runs it.

tickwire_tools::main!(template_game::TemplateGame);
