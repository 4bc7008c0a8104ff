//! `capsim check`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::json;

use super::Exit;
use super::loading::show;
use super::terminal::Terminal;
use crate::scenario::{self, Disk};

/// Options of `capsim check`.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// The scenarios.
    #[arg(required = true)]
    scenarios: Vec<PathBuf>,
    /// Change a value in each, as for `capsim run`.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    sets: Vec<String>,
    /// Treat warnings as errors.
    #[arg(long)]
    deny_warnings: bool,
    /// How problems are shown.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people, on stderr.
    Text,
    /// For editors and hooks: a JSON array on stdout.
    Json,
}

/// Checks scenarios; writes nothing.
pub(super) fn check(args: &CheckArgs, terminal: &Terminal) -> anyhow::Result<Exit> {
    let mut exit = Exit::Done;
    let mut reports = Vec::new();
    for path in &args.scenarios {
        let (problems, is_fine) = match scenario::load(&Disk, path, &args.sets) {
            Ok(loaded) => {
                let is_fine = loaded.warnings.found.is_empty() || !args.deny_warnings;
                (loaded.warnings, is_fine)
            }
            Err(problems) => (problems, false),
        };
        if !is_fine {
            exit = Exit::BadInput;
        }
        match args.format {
            Format::Json => reports.push(json!({
                "scenario": path.display().to_string(),
                "ok": is_fine,
                "problems": problems.found.to_json(&problems.sources),
            })),
            Format::Text => {
                if !problems.found.is_empty() {
                    show(&problems, path, terminal);
                }
                if is_fine {
                    terminal.print(&format!("{}: ok\n", path.display()))?;
                }
            }
        }
    }
    if args.format == Format::Json {
        terminal.print(&format!("{:#}\n", serde_json::Value::from(reports)))?;
    }
    Ok(exit)
}
