//! `capsim plan`.

use clap::{Args, ValueEnum};

use super::loading::load_plan;
use super::run::Undecided;
use super::session::with_session;
use super::terminal::{Terminal, say};
use super::{Exit, Global, OutputArgs, ScenarioArgs};
use crate::experiment::plan::{Bench, Observation, Plan, Rule, notes, plan};
use crate::experiment::{self, Findings};
use crate::report::output_dir::{OutputDir, OutputError};
use crate::report::text::Style;
use crate::report::{PlanView, manifest, planning, text};
use crate::scenario::{Loaded, Planned, Scenario, Sweep};

/// Options of `capsim plan`.
#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    scenario: ScenarioArgs,
    #[command(flatten)]
    output: OutputArgs,
    /// What is printed; files are written in any case.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// Take no shortcuts: look at every choice that may be the answer.
    #[arg(long)]
    exhaustive: bool,
    /// Run everything, also what is there.
    #[arg(long)]
    fresh: bool,
    /// Do not fail when no choice meets the objectives.
    #[arg(long)]
    no_assert: bool,
    /// What it does to the exit code if it is undecided whether a choice meets the objectives.
    #[arg(long, value_name = "HOW", default_value = "pass")]
    undecided: Undecided,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The plan for people.
    Text,
    /// plan.json.
    Json,
}

/// Finds the cheapest choice that meets the objectives.
pub(super) fn run(args: &PlanArgs, global: &Global, terminal: &Terminal) -> anyhow::Result<Exit> {
    let loaded = match load_plan(&args.scenario, terminal) {
        Ok(loaded) => loaded,
        Err(exit) => return Ok(exit),
    };
    let planned = match planned(args, &loaded) {
        Ok(planned) => planned,
        Err(exit) => return Ok(exit),
    };
    let choices = &planned.choices;
    let rule = Rule {
        confidence: planned.rule.confidence.value,
        tolerance: planned.rule.tolerance.value,
        at_least: planned.rule.at_least.get(),
        at_most: planned.rule.at_most.get(),
        is_exhaustive: args.exhaustive,
    };
    let scenario = &loaded.scenario;
    let id = manifest::plan_id(scenario, choices.resolved(), args.exhaustive);
    let folder = args.output.output.join(&loaded.name);
    let output = OutputDir::create(folder.join(format!("plan-{id}")))?;
    let work = Work::new(choices, &output, args.fresh);
    let (done, timings) = with_session(global, 1, |session| {
        let found = plan(&work, rule, session)?;
        let chosen = found.as_ref().and_then(|found| found.chosen);
        let own = chosen.map(|chosen| experiment::run(&choices.scenario(chosen), session));
        Ok::<_, OutputError>(
            found
                .filter(|_| !matches!(own, Some(None)))
                .map(|found| (found, own.flatten())),
        )
    })?;
    let Some((found, chosen)) = done? else {
        say(&format!(
            "interrupted: what is known is in {}; the same command goes on from there",
            output.path().display()
        ));
        return Ok(Exit::Interrupted);
    };
    let notes = notes(scenario, &found);
    let path = args.scenario.scenario.display().to_string();
    let view = PlanView {
        title: scenario.title(),
        path: &path,
        sets: &args.scenario.sets,
        seed: scenario.seed(),
        horizon_s: scenario.blueprint().windows.horizon.as_secs_f64(),
        paths: choices.paths(),
        points: choices.points(),
        is_of_sweep: planned.is_of_sweep,
        found: &found,
        chosen: chosen.as_ref(),
        notes: &notes,
    };
    write(&output, &id, &loaded, choices, view)?;
    output.write_json("environment.json", &timings.environment())?;
    print(args, &id, view, &output, terminal)?;
    if args.output.timings {
        timings.report();
    }
    Ok(exit(args, &found))
}

/// What may be chosen; says so if there is nothing, or nothing to choose it by.
fn planned<'a>(args: &PlanArgs, loaded: &'a Loaded) -> Result<&'a Planned, Exit> {
    let path = args.scenario.scenario.display();
    let refuse = |problem: &str, help: &str| {
        say(&format!(
            "error: {path} {problem}\n  = help: {help}\n\nnothing was run"
        ));
        Exit::BadInput
    };
    if loaded.scenario.objectives().is_empty() {
        return Err(refuse(
            "has no objectives, so every choice would do",
            "say what is to be kept: [objectives] latency_p95 = \"< 500ms\"",
        ));
    }
    let planned = loaded.plan.as_ref().ok_or_else(|| {
        refuse(
            "has nothing to choose from",
            "add choices: [plan.choose] \"components.web.count\" = { from = 2, to = 20 }",
        )
    })?;
    if !experiment::plan::has_price(&planned.choices) {
        return Err(refuse(
            "has nothing with a price, so no choice is cheaper than another",
            "give a service its cost: cost = \"$0.10/h\", or an instance type from a catalogue",
        ));
    }
    Ok(planned)
}

/// The choices, and what is known of them, as it comes.
struct Work<'a> {
    choices: &'a Sweep,
    output: &'a OutputDir,
    /// The file of each choice: by what it runs.
    files: Vec<String>,
    is_fresh: bool,
}

impl<'a> Work<'a> {
    fn new(choices: &'a Sweep, output: &'a OutputDir, is_fresh: bool) -> Self {
        let file = |at| format!("choices/{}.json", manifest::run_id(&choices.scenario(at)));
        Self {
            choices,
            output,
            files: (0..choices.points().len()).map(file).collect(),
            is_fresh,
        }
    }
}

impl Bench for Work<'_> {
    type Error = OutputError;

    fn scenario(&self, choice: usize) -> Scenario {
        self.choices.scenario(choice)
    }

    fn places(&self) -> Vec<Vec<usize>> {
        self.choices.places()
    }

    fn known(&self) -> Vec<Vec<Observation>> {
        let known = |file: &String| self.output.observed(file).filter(|_| !self.is_fresh);
        self.files
            .iter()
            .map(|file| known(file).unwrap_or_default())
            .collect()
    }

    fn keep(&self, choice: usize, known: &[Observation]) -> Result<(), OutputError> {
        self.output.observe(&self.files[choice], known)
    }
}

/// Writes the files of a plan; what is known of the choices is there already.
fn write(
    output: &OutputDir,
    id: &str,
    loaded: &Loaded,
    choices: &Sweep,
    view: PlanView<'_>,
) -> Result<(), OutputError> {
    let scenario = &loaded.scenario;
    output.write_scenario(scenario, choices.resolved())?;
    output.write("summary.txt", text::planning(view, Style::FILE).as_bytes())?;
    output.write_json("plan.json", &planning::json(id, view))?;
    if let (Some(at), Some(findings)) = (view.found.chosen, view.chosen) {
        write_chosen(output, &choices.scenario(at), findings)?;
    }
    output.write_json(
        "manifest.json",
        &manifest::manifest("plan", id, &loaded.name, scenario),
    )
}

/// The answer is shown as a run of its own.
fn write_chosen(
    output: &OutputDir,
    scenario: &Scenario,
    findings: &Findings,
) -> Result<(), OutputError> {
    let own = OutputDir::create(output.path().join("chosen"))?;
    own.write_scenario(scenario, "")?;
    super::run::write_findings(&own, scenario.title(), scenario.seed(), findings)
}

fn print(
    args: &PlanArgs,
    id: &str,
    view: PlanView<'_>,
    output: &OutputDir,
    terminal: &Terminal,
) -> anyhow::Result<()> {
    let path = output.path().display();
    match args.format {
        Format::Json => {
            terminal.print(&format!("{:#}\n", planning::json(id, view)))?;
            say(&format!("{path}"));
        }
        Format::Text if args.output.quiet => {
            terminal.print(&format!("{}\n", planning::verdict(view)))?;
        }
        Format::Text => {
            terminal.print(&format!(
                "{}\n{path}\n",
                text::planning(view, terminal.style)
            ))?;
        }
    }
    Ok(())
}

fn exit(args: &PlanArgs, found: &Plan) -> Exit {
    if args.no_assert {
        Exit::Done
    } else if !found.open.is_empty() && args.undecided == Undecided::Fail {
        Exit::Undecided
    } else if found.chosen.is_none() && found.open.is_empty() {
        Exit::NotMet
    } else {
        Exit::Done
    }
}
