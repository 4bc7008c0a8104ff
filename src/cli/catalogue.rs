//! `capsim catalogue`.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use super::Exit;
use super::terminal::{Terminal, say};
use crate::scenario::{Disk, FAMILIES, Files as _, catalogue as write};

/// Options of `capsim catalogue`.
#[derive(Debug, Args)]
pub(super) struct CatalogueArgs {
    /// The table: CSV with the columns provider, name, vcpu, `mem_gib`, `usd_per_hour`, source, `as_of`, notes.
    table: PathBuf,
    /// Whose instance types.
    #[arg(value_parser = FAMILIES)]
    family: String,
}

/// Prints a catalogue of instance types as TOML.
pub(super) fn catalogue(args: &CatalogueArgs, terminal: &Terminal) -> anyhow::Result<Exit> {
    let path = args.table.display();
    let bytes = Disk
        .read(&args.table)
        .with_context(|| format!("cannot read {path}"))?;
    match write(&String::from_utf8_lossy(&bytes), &args.family) {
        Ok(text) => {
            terminal.print(&text)?;
            Ok(Exit::Done)
        }
        Err(problem) => {
            say(&format!("error: {path}: {problem}"));
            Ok(Exit::BadInput)
        }
    }
}
