//! The `sekisho` program as it is; everything it does is in its library.

fn main() -> std::process::ExitCode {
    sekisho::commands::main()
}
