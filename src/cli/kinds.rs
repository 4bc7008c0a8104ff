//! `capsim kinds`.

use clap::Args;

use super::Exit;
use super::terminal::{Terminal, say};
use crate::report::reference;

/// Options of `capsim kinds`.
#[derive(Debug, Args)]
pub(super) struct KindsArgs {
    /// One table of the scenario language, such as `service` or `pool`; all of them unless given.
    name: Option<String>,
}

/// Explains the scenario language.
pub(super) fn kinds(args: &KindsArgs, terminal: &Terminal) -> anyhow::Result<Exit> {
    let Some(name) = &args.name else {
        terminal.print(&reference::page())?;
        return Ok(Exit::Done);
    };
    match reference::section(name) {
        Ok(text) => {
            terminal.print(&text)?;
            Ok(Exit::Done)
        }
        Err(similar) => {
            let help = similar.map_or(String::new(), |name| {
                format!("\nhelp: a similar one exists: `{name}`")
            });
            say(&format!("error: nothing is named `{name}`{help}"));
            Ok(Exit::BadInput)
        }
    }
}
