//! The architecture, read off the source: who may know whom, and what must not be there.

use std::path::{Path, PathBuf};

/// Floors from the ground up: modules with the outside crates they may name. A module may import modules
/// on lower floors, and itself.
const FLOORS: &[&[(&str, &[&str])]] = &[
    &[("math", &["libm"])],
    &[
        ("units", &["jiff", "thiserror"]),
        ("diag", &["annotate_snippets", "serde_json", "strsim"]),
    ],
    &[
        ("engine", &[]),
        ("rng", &["blake3", "rand", "rand_xoshiro"]),
        ("stats", &["serde", "statrs"]),
        ("theory", &[]),
        ("spec", &["serde_json", "toml"]),
    ],
    &[
        ("dist", &["rand", "rand_distr", "serde_json", "toml"]),
        ("metrics", &[]),
    ],
    &[
        ("policy", &["rand", "serde_json", "toml"]),
        (
            "traffic",
            &["jiff", "rand", "rand_distr", "serde_json", "toml"],
        ),
        ("autoscaler", &[]),
        ("objective", &["serde", "serde_json", "toml"]),
    ],
    &[("component", &["rand", "rand_distr", "serde_json", "toml"])],
    &[(
        "scenario",
        &["blake3", "csv", "flate2", "serde_json", "toml"],
    )],
    &[("experiment", &["rayon", "serde"])],
    &[("backtest", &["csv", "flate2", "serde_json", "toml"])],
    &[(
        "report",
        &[
            "anstyle",
            "blake3",
            "csv",
            "plotters",
            "resvg",
            "serde_json",
            "tempfile",
            "thiserror",
        ],
    )],
    &[(
        "cli",
        &[
            "anstream",
            "anyhow",
            "clap",
            "ctrlc",
            "indicatif",
            "jiff",
            "nix",
            "rayon",
            "serde_json",
            "terminal_size",
        ],
    )],
];

/// Crates that are named in paths without being declared.
const BUILT_IN: &[&str] = &["std", "core", "self", "super", "crate", "capsim"];

fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"));
    let mut found = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = std::fs::read_to_string(&path).expect("a source");
                found.push((path.strip_prefix(root).expect("inside").to_owned(), text));
            }
        }
    }
    found.sort();
    found
}

fn floor_of(module: &str) -> Option<(usize, &'static [&'static str])> {
    FLOORS.iter().enumerate().find_map(|(floor, modules)| {
        modules
            .iter()
            .find(|(name, _)| *name == module)
            .map(|(_, crates)| (floor, *crates))
    })
}

fn module_of(path: &Path) -> String {
    let first = path
        .components()
        .next()
        .expect("a part")
        .as_os_str()
        .to_string_lossy()
        .into_owned();
    first.trim_end_matches(".rs").to_owned()
}

/// Lines of code: without comments, and up to the tests inside the file.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text
        .lines()
        .enumerate()
        .map(|(number, line)| (number + 1, line));
    lines
        .take_while(|(_, line)| !line.starts_with("#[cfg(test)]"))
        .map(|(number, line)| (number, line.split("//").next().unwrap_or("")))
}

/// The first parts of the paths in a line: `crate::stats` gives `stats`, `rand::Rng` gives `rand`.
fn paths<'a>(line: &'a str, prefix: &'a str) -> impl Iterator<Item = &'a str> {
    line.match_indices(prefix).map(move |(at, _)| {
        let rest = &line[at + prefix.len()..];
        rest.split(|c: char| !c.is_alphanumeric() && c != '_')
            .next()
            .unwrap_or("")
    })
}

#[test]
fn modules_know_only_what_is_below_them() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let module = module_of(&path);
        if matches!(module.as_str(), "lib" | "main") {
            continue;
        }
        let Some((floor, crates)) = floor_of(&module) else {
            wrong.push(format!("{module} is on no floor"));
            continue;
        };
        for (number, line) in code(&text) {
            for used in paths(line, "crate::").chain(paths(line, "$crate::")) {
                // Macros are exported to the root of the crate.
                let Some((other, _)) = floor_of(used) else {
                    continue;
                };
                if used != module && other >= floor {
                    wrong.push(format!(
                        "src/{}:{number}: {module} may not know {used}",
                        path.display()
                    ));
                }
            }
            if let Some(rest) = line
                .trim_start()
                .strip_prefix("use ")
                .or(line.trim_start().strip_prefix("pub use "))
            {
                let used = rest
                    .split(|c: char| !c.is_alphanumeric() && c != '_')
                    .next()
                    .unwrap_or("");
                let is_module = rest.starts_with(|c: char| c.is_lowercase())
                    && rest[used.len()..].starts_with("::");
                let is_local = text.contains(&format!("mod {used};"));
                if is_module && !is_local && !BUILT_IN.contains(&used) && !crates.contains(&used) {
                    wrong.push(format!(
                        "src/{}:{number}: {module} may not use the crate {used}",
                        path.display()
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn pages_are_short_and_clean() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let n_lines = text.lines().count();
        if n_lines > 600 {
            wrong.push(format!("src/{} has {n_lines} lines", path.display()));
        }
        for (number, line) in text.lines().enumerate() {
            let stub = ["todo!(", "unimplemented!(", "FIXME", "XXX", "TODO"]
                .iter()
                .find(|s| line.contains(**s));
            if let Some(stub) = stub {
                wrong.push(format!("src/{}:{}: {stub}", path.display(), number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Files are read in one place and written in one; the clock is looked at in one floor.
#[test]
fn the_world_is_touched_in_few_places() {
    let allowed = |needle: &str, path: &str| match needle {
        "std::fs::" => matches!(path, "scenario/files.rs" | "report/output_dir.rs"),
        "Instant::now" | "std::env::" => path.starts_with("cli/"),
        _ => false,
    };
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let shown = path.display().to_string();
        for (number, line) in code(&text) {
            for needle in [
                "std::fs::",
                "Instant::now",
                "SystemTime::now",
                "std::env::",
                "std::net::",
            ] {
                if line.contains(needle) && !allowed(needle, &shown) {
                    wrong.push(format!("src/{shown}:{number}: {needle}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
