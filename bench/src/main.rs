//! `sekisho-bench NAME [--json]`.

use mimalloc::MiMalloc;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args_os()
        .skip(1)
        .map(|arg| arg.to_string_lossy().into_owned())
        .collect();
    let code = sekisho_bench::command(&args, &mut std::io::stdout(), &mut std::io::stderr());
    ExitCode::from(code)
}
