//! The `sekisho` program; everything it does is in the library.

fn main() -> std::process::ExitCode {
    sekisho::commands::main()
}
