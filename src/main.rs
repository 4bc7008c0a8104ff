//! The command line of capsim.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    capsim::cli::main()
}
