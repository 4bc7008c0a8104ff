//! `capsim backtest`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};

use super::loading::show;
use super::session::with_session;
use super::terminal::{Terminal, say};
use super::{Exit, Global, OutputArgs};
use crate::backtest::{
    Comparison, Failed, Predicted, Prediction, Problem, Summary, Truth, compare, predict, read,
    recordings_in, summarize,
};
use crate::experiment::Session;
#[cfg(feature = "charts")]
use crate::report::chart;
use crate::report::output_dir::{OutputDir, OutputError};
use crate::report::{backtest as report, manifest};
use crate::scenario::{Disk, Files as _};
use crate::units::Fraction;

/// Options of `capsim backtest`.
#[derive(Debug, Args)]
pub(super) struct BacktestArgs {
    /// The folder with the recordings: files ID.json, with the schedules of their repetitions.
    folder: PathBuf,
    /// Only recordings whose names begin with this. Repeatable.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Fail when fewer predictions than this are right.
    #[arg(long, value_name = "SHARE")]
    at_least: Option<Fraction>,
    /// What is printed; files are written in any case.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// Also write the page about accuracy with its pictures into this folder: accuracy.md.
    #[arg(long, value_name = "FOLDER")]
    page: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Tables for people.
    Text,
    /// Everything, for programs.
    Json,
}

/// Predicts recordings, and compares.
pub(super) fn backtest(
    args: &BacktestArgs,
    global: &Global,
    terminal: &Terminal,
) -> anyhow::Result<Exit> {
    let names = match chosen(args) {
        Ok(names) => names,
        Err(problem) => {
            say_problem(&problem);
            return Ok(Exit::BadInput);
        }
    };
    let contents = names.iter().map(|name| {
        // What cannot be read is reported when its turn comes.
        let bytes = Disk.read(&args.folder.join(name)).unwrap_or_default();
        (name.as_str(), bytes)
    });
    let id = manifest::backtest_id(&contents.collect::<Vec<_>>());
    let output = OutputDir::create(args.output.output.join("backtest").join(id))?;
    let (done, timings) = with_session(global, names.len(), |session| {
        let one = |name: &String| recording(&args.folder, name, session);
        names.par_iter().map(one).collect::<Vec<_>>()
    })?;
    let n = done.len();
    let Some(comparisons) = kept(done, &output, terminal)? else {
        say("interrupted: the backtest is not complete");
        return Ok(Exit::Interrupted);
    };
    let summary = summarize(&comparisons);
    write_and_print(args, &output, (&comparisons, &summary), terminal)?;
    if args.output.timings {
        timings.report();
    }
    let n_failed = n - comparisons.len();
    if n_failed > 0 {
        let recordings = if n_failed == 1 {
            "recording"
        } else {
            "recordings"
        };
        say(&format!("{n_failed} {recordings} could not be used"));
        return Ok(Exit::BadInput);
    }
    let share = summary.all.right as f64 / summary.all.pairs.max(1) as f64;
    Ok(match args.at_least {
        Some(least) if share < least.get() => Exit::NotMet,
        _ => Exit::Done,
    })
}

/// The recordings that are asked for.
fn chosen(args: &BacktestArgs) -> Result<Vec<String>, Problem> {
    let mut names = recordings_in(&Disk, &args.folder)?;
    if !args.only.is_empty() {
        names.retain(|name| args.only.iter().any(|own| name.starts_with(own.as_str())));
    }
    if names.is_empty() {
        let folder = args.folder.display().to_string();
        return Err(Problem::new(&folder, "no recording has such a name"));
    }
    Ok(names)
}

/// What became of a recording.
type Done = Result<(Comparison, Prediction), Failed>;

/// Writes what was predicted, says what could not be, and keeps what was compared; nothing if it was interrupted.
fn kept(
    done: Vec<Done>,
    output: &OutputDir,
    terminal: &Terminal,
) -> Result<Option<Vec<Comparison>>, OutputError> {
    let mut comparisons = Vec::new();
    for own in done {
        match own {
            Ok((comparison, prediction)) => {
                write_recording(output, &comparison.id, &prediction)?;
                comparisons.push(comparison);
            }
            Err(Failed::Interrupted) => return Ok(None),
            Err(Failed::Recording(problem)) => say_problem(&problem),
            Err(Failed::Scenario(own)) => show(&own.1, Path::new(&own.0), terminal),
        }
    }
    Ok(Some(comparisons))
}

/// Writes and prints what all recordings came to.
fn write_and_print(
    args: &BacktestArgs,
    output: &OutputDir,
    (comparisons, summary): (&[Comparison], &Summary),
    terminal: &Terminal,
) -> anyhow::Result<()> {
    let text = report::text(comparisons, summary);
    let json = report::json(comparisons, summary);
    output.write("summary.txt", text.as_bytes())?;
    write_page(output, "charts/", comparisons, summary)?;
    if let Some(folder) = &args.page {
        write_page(&OutputDir::create(folder)?, "", comparisons, summary)?;
    }
    // What is complete comes last.
    output.write_json("backtest.json", &json)?;
    let path = output.path().display();
    match args.format {
        Format::Text if args.output.quiet => {
            terminal.print(&format!("{}\n", report::answer(summary)))?;
        }
        Format::Text => {
            terminal.print(&text)?;
            terminal.print(&format!("\n{path}\n"))?;
        }
        Format::Json => {
            terminal.print(&format!("{json:#}\n"))?;
            say(&format!("{path}"));
        }
    }
    Ok(())
}

/// Reads, predicts and compares one recording.
fn recording(folder: &Path, name: &str, session: &Session<'_>) -> Done {
    let truth: Truth = read(&Disk, folder, name).map_err(Failed::Recording)?;
    let repetitions = truth.repetitions.par_iter();
    let all: Result<Vec<Predicted>, Failed> = repetitions
        .map(|own| predict(&truth, own, session))
        .collect();
    let prediction = Prediction::of(all?);
    Ok((compare(&truth, &prediction), prediction))
}

/// Writes the scenarios that were built, with the schedules they use.
fn write_recording(
    output: &OutputDir,
    id: &str,
    prediction: &Prediction,
) -> Result<(), OutputError> {
    for own in &prediction.repetitions {
        let folder = format!("scenarios/{id}");
        output.write(
            &format!("{folder}/rep{}.toml", own.number),
            own.text.as_bytes(),
        )?;
        if let Some((name, bytes)) = &own.schedule {
            output.write(&format!("{folder}/{name}"), bytes)?;
        }
    }
    Ok(())
}

/// Writes the page about accuracy, with its charts in `charts`: a folder, or nothing for beside it.
fn write_page(
    output: &OutputDir,
    charts: &str,
    comparisons: &[Comparison],
    summary: &Summary,
) -> Result<(), OutputError> {
    #[cfg(feature = "charts")]
    let pictures = write_pictures(output, charts, comparisons, summary)?;
    #[cfg(not(feature = "charts"))]
    let (pictures, _): ([(String, &str); 0], _) = ([], charts);
    let page = report::page(comparisons, summary, &pictures);
    output.write("accuracy.md", page.as_bytes())
}

/// Writes the charts of the page; gives their files and what they show.
#[cfg(feature = "charts")]
fn write_pictures(
    output: &OutputDir,
    charts: &str,
    comparisons: &[Comparison],
    summary: &Summary,
) -> Result<Vec<(String, &'static str)>, OutputError> {
    let mut pictures = Vec::new();
    for chart in chart::of_backtest(comparisons, summary) {
        let name = format!("{charts}{}.svg", chart.name);
        output.write(&name, chart.svg.as_bytes())?;
        #[cfg(feature = "png")]
        if !charts.is_empty() {
            let png = chart::png(&chart.svg).map_err(std::io::Error::other);
            output.write_made(&format!("{charts}{}.png", chart.name), png)?;
        }
        pictures.push((name, about_chart(chart.name)));
    }
    Ok(pictures)
}

/// What a chart shows, for those who do not see it.
#[cfg(feature = "charts")]
fn about_chart(name: &str) -> &'static str {
    match name {
        "accuracy" => "Latencies, predicted and measured",
        _ => "Median latency second by second, predicted and measured",
    }
}

fn say_problem(problem: &Problem) {
    let help = problem
        .help
        .as_ref()
        .map_or_else(String::new, |help| format!("\n  = help: {help}"));
    say(&format!("error: {}: {}{help}", problem.file, problem.what));
}
