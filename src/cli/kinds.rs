//! `capsim kinds`.

use clap::Args;

use super::Exit;
use super::terminal::{Terminal, say};
use crate::report::reference;

/// Options of `capsim kinds`.
#[derive(Debug, Args)]
pub(super) struct KindsArgs {
    /// One table of the scenario language, such as `service` or `pool`, or a product such as `sqs`; a list of
    /// what there is unless given.
    name: Option<String>,
    /// The whole reference.
    #[arg(long, conflicts_with = "name")]
    all: bool,
}

/// Explains the scenario language.
pub(super) fn kinds(args: &KindsArgs, terminal: &Terminal) -> anyhow::Result<Exit> {
    let Some(name) = &args.name else {
        let text = if args.all {
            reference::page()
        } else {
            reference::overview()
        };
        terminal.print(&text)?;
        return Ok(Exit::Done);
    };
    if let Some(text) = reference::preset(name) {
        terminal.print(&text)?;
        return Ok(Exit::Done);
    }
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
