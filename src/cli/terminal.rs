//! The terminal: what it can show, and how things get there.

use std::io::{IsTerminal as _, Write as _};

use anyhow::Context as _;

use super::ColorWhen;
use crate::report::manifest::{COMMIT, VERSION};
use crate::report::text::Style;

/// Columns of a stream that is no terminal.
const PIPE_WIDTH: usize = 80;
/// The widest page: longer lines are hard to read.
const MOST_WIDTH: usize = 100;
/// The narrowest page that text is laid out for.
const LEAST_WIDTH: usize = 60;

/// What the two streams can show.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terminal {
    /// How results are laid out on stdout.
    pub(super) style: Style,
    /// Whether diagnostics on stderr are coloured.
    pub(super) stderr_colour: bool,
}

impl Terminal {
    pub(super) fn new(colour: ColorWhen) -> Self {
        let wants = |is_terminal: bool| match colour {
            ColorWhen::Always => true,
            ColorWhen::Never => false,
            ColorWhen::Auto => is_terminal && variable("NO_COLOR").is_none_or(|v| v.is_empty()),
        };
        let width = terminal_size::terminal_size().filter(|_| std::io::stdout().is_terminal());
        let width = width.map_or(PIPE_WIDTH, |(width, _)| usize::from(width.0));
        Self {
            style: Style {
                width: width.clamp(LEAST_WIDTH, MOST_WIDTH),
                unicode: is_unicode(),
                colour: wants(std::io::stdout().is_terminal()),
            },
            stderr_colour: wants(std::io::stderr().is_terminal()),
        }
    }

    /// Prints a result.
    pub(super) fn print(&self, text: &str) -> anyhow::Result<()> {
        let mut stdout = anstream::AutoStream::new(std::io::stdout().lock(), self.choice());
        match stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush())
        {
            // Whoever reads has seen enough.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            ended => ended.context("cannot print"),
        }
    }

    fn choice(&self) -> anstream::ColorChoice {
        // The text has colours only where they are wanted.
        if self.style.colour {
            anstream::ColorChoice::Always
        } else {
            anstream::ColorChoice::Never
        }
    }
}

/// Says something on stderr; that nobody listens is no error.
pub(super) fn say(text: &str) {
    writeln!(std::io::stderr().lock(), "{text}").ok();
}

/// A variable of the environment. Only what concerns the machine is read from there, never anything that
/// a scenario could say.
#[expect(
    clippy::disallowed_methods,
    reason = "the locale and NO_COLOR belong to the terminal"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// True unless the locale says that only ASCII can be shown.
fn is_unicode() -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .filter_map(variable)
        .find(|v| !v.is_empty());
    locale.is_none_or(|locale| {
        let locale = locale.to_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

/// A panic is a defect of capsim, and says so, with everything that is needed to see it again.
pub(super) fn explain_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let command = std::env::args().collect::<Vec<_>>().join(" ");
        // With RUST_BACKTRACE=1, where it happened.
        let trace = std::backtrace::Backtrace::capture();
        let trace = match trace.status() {
            std::backtrace::BacktraceStatus::Captured => format!("\n{trace}"),
            _ => String::new(),
        };
        say(&format!(
            "\ncapsim has a defect: {panic}\n{trace}\n\
             version {VERSION} ({COMMIT})\n\
             to see it again: {command}\n\
             please report this together with the scenario"
        ));
    }));
}
