//! The command line: arguments, streams, exit codes. It knows how to ask and how to show, and no
//! arithmetic.
//!
//! Results go to stdout, everything else to stderr.

mod backtest;
mod catalogue;
mod check;
mod compare;
mod kinds;
mod loading;
mod plan;
mod progress;
mod run;
mod schema;
mod session;
mod sweep;
mod terminal;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// How a command ended, as the shell sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    /// Done; every asserted objective is met, or none is asserted.
    Done = 0,
    /// Could not: a file, the disk, a cap.
    CouldNot = 1,
    /// Bad input.
    BadInput = 2,
    /// An asserted objective is not met.
    NotMet = 3,
    /// Undecided, with `--undecided fail`.
    Undecided = 4,
    /// Interrupted; what was complete is on disk.
    Interrupted = 130,
}

const EXIT_CODES: &str = "\
Exit codes:
  0    done; every objective met, or none asserted
  1    could not: file, disk, cap reached
  2    bad input: usage, scenario, override
  3    an objective is not met, or with plan none can be; with compare --exit-code, B is worse
  4    undecided, only with --undecided fail
  130  interrupted; what was complete is on disk";

const EXAMPLES: &str = "\
Examples:
  capsim run scenarios/100x.toml
  capsim run scenarios/100x.toml --set components.web.count=20
  capsim sweep scenarios/100x.toml
  capsim compare scenarios/100x.toml --set components.web.count=20";

/// Will it hold? A capacity-planning simulator for web systems.
#[derive(Debug, Parser)]
#[command(name = "capsim", version, max_term_width = 100, after_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    global: Global,
}

/// Options of every command.
#[derive(Debug, Args)]
struct Global {
    /// When to use colour; `NO_COLOR` is respected.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: ColorWhen,
    /// How progress is shown on stderr: a line that is redrawn, lines now and then, nothing; auto is a
    /// redrawn line on a terminal, else lines.
    #[arg(long, global = true, value_name = "HOW", default_value = "auto")]
    progress: ProgressHow,
    /// Threads to use; all cores unless given.
    #[arg(long, global = true, value_name = "N", env = "CAPSIM_THREADS", value_parser = clap::value_parser!(u16).range(1..=4096))]
    threads: Option<u16>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ColorWhen {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ProgressHow {
    Auto,
    Bar,
    Lines,
    None,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a scenario: will it hold, what breaks first.
    Run(run::RunArgs),
    /// Run every point of a scenario's sweep: table, charts, what to choose.
    Sweep(sweep::SweepArgs),
    /// Predict recordings of real systems, and compare with what was measured.
    Backtest(backtest::BacktestArgs),
    /// Compare two configurations on the same random numbers: what differs, and is it better.
    Compare(compare::CompareArgs),
    /// Find the cheapest choice that meets the objectives, with a stated probability.
    Plan(plan::PlanArgs),
    /// Check scenarios without running them.
    Check(check::CheckArgs),
    /// Print the JSON Schema of scenarios (for editors) or of summary.json.
    Schema(schema::SchemaArgs),
    /// Explain what a scenario can consist of.
    Kinds(kinds::KindsArgs),
    /// Print a catalogue of instance types, made from a table of prices.
    Catalogue(catalogue::CatalogueArgs),
}

/// A scenario and what is changed in it.
#[derive(Debug, Args)]
struct ScenarioArgs {
    /// The scenario.
    scenario: PathBuf,
    /// Change a value: a path and TOML, a bare word is a string. Repeatable, the last one wins.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    sets: Vec<String>,
    /// Treat warnings as errors.
    #[arg(long)]
    deny_warnings: bool,
}

/// Where results go.
#[derive(Debug, Args)]
struct OutputArgs {
    /// Folder for results; each goes into a folder of its own inside it.
    #[arg(
        short,
        long,
        value_name = "DIR",
        env = "CAPSIM_OUTPUT_DIR",
        default_value = "output"
    )]
    output: PathBuf,
    /// Print time, events and memory to stderr.
    #[arg(long)]
    timings: bool,
    /// Print the verdict only.
    #[arg(short, long)]
    quiet: bool,
}

/// Runs the program: reads the arguments, does what they say, reports how it went.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    terminal::explain_panics();
    let terminal = terminal::Terminal::new(cli.global.color);
    let ended = match cli.command {
        Command::Run(args) => run::run(&args, &cli.global, &terminal),
        Command::Sweep(args) => sweep::sweep(&args, &cli.global, &terminal),
        Command::Backtest(args) => backtest::backtest(&args, &cli.global, &terminal),
        Command::Compare(args) => compare::compare(&args, &cli.global, &terminal),
        Command::Plan(args) => plan::run(&args, &cli.global, &terminal),
        Command::Check(args) => check::check(&args, &terminal),
        Command::Schema(args) => schema::schema(&args, &terminal),
        Command::Kinds(args) => kinds::kinds(&args, &terminal),
        Command::Catalogue(args) => catalogue::catalogue(&args, &terminal),
    };
    let exit = ended.unwrap_or_else(|error| {
        terminal::say(&format!("error: {error:#}"));
        Exit::CouldNot
    });
    ExitCode::from(exit as u8)
}
